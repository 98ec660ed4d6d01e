"""A griffe extension for `make docs`: what docstrings need to become good Markdown.

Examples (`>>> ...`) become code blocks: a bare `>>>` would be a quotation within a quotation within a quotation. Names of zkhost's
errors become links.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from griffe import Extension, Object

_ERRORS = re.findall(r"^class (\w+)", (Path(__file__).parents[1] / "zkhost" / "errors.py").read_text(), re.MULTILINE)
_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)
_ERROR = re.compile(rf"(?<![\w.`\[])({'|'.join(_ERRORS)})(s?)\b(?![`\](])")


class Docstrings(Extension):  # type: ignore[misc, unused-ignore]  # griffe may be missing
    """Changes each docstring once it was read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """For each module, class, function and attribute."""
        if obj.docstring is None or obj.path == "zkhost.errors":  # whose docstring is a drawing
            return
        text = _ERROR.sub(r"[\1\2][zkhost.errors.\1]", obj.docstring.value)
        obj.docstring.value = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
