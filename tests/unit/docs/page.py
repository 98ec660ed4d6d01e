"""A page's Python, as a reader would type it, and what the page's own markup has to say about running it.

Three kinds of HTML comment, which no reader sees:

    <!-- files: PATH... -->         files of this repository, copied into the folder in which the page is run
    <!-- python                     lines that run before what follows: names that the page takes for granted
    ...
    -->
    <!-- not run: REASON -->        the next block of Python is not run, and why
    <!-- proved -->                 anywhere on the page: the slow tests run it without dev mode, so that its proofs are real
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PART = re.compile(
    r"^<!-- files: (?P<files>[^>]+) -->$"
    r"|^<!-- python\n(?P<hidden>.*?)^-->$"
    r"|^ *<!-- not run: (?P<reason>[^\n]+) -->$"
    r"|^<!-- (?P<proved>proved) -->$"
    r'|^(?P<indent> *)```python(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^(?P=indent)```$',
    re.MULTILINE | re.DOTALL,
)
_OURS = re.compile(r"<!-- *(?:files|python|not run|proved)\b")


@dataclass(frozen=True)
class Block:
    """Lines of Python; `shown` to readers or hidden, `title` the file that they are to put them into, `reason` why they are
    not run."""

    line: int
    code: str
    shown: bool
    title: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Page:
    """A page of documentation. Raises ValueError for markup that is not understood."""

    path: Path
    files: tuple[Path, ...]
    blocks: tuple[Block, ...]
    proved: bool

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @classmethod
    def read(cls, path: Path) -> Page:
        text = path.read_text("utf-8")
        understood = sum(part["code"] is None for part in _PART.finditer(text))
        if len(_OURS.findall(text)) != understood:
            raise ValueError(f"{path}: a comment on running the page is not of the form that {__name__} describes")
        files = [name for part in _PART.finditer(text) for name in (part["files"] or "").split()]
        blocks = tuple(_blocks(path, text))
        return cls(
            path, tuple(ROOT / name for name in files), blocks, any(part["proved"] for part in _PART.finditer(text))
        )


def _blocks(path: Path, text: str) -> Iterator[Block]:
    reason: str | None = None
    for part in _PART.finditer(text):
        if part["reason"] is not None:
            reason = part["reason"]
            continue
        if part["files"] is not None or part["proved"] is not None:
            continue
        if part["hidden"] is not None:
            line, code, shown = text.count("\n", 0, part.start("hidden")), part["hidden"], False
        else:
            line, code, shown = text.count("\n", 0, part.start("code")), textwrap.dedent(part["code"]), True
        yield Block(line, code, shown, part["title"], reason if shown else None)
        if shown:
            reason = None
    if reason is not None:
        raise ValueError(f"{path}: no block of Python follows 'not run: {reason}'")


def pages() -> list[Page]:
    """Those with Python on them."""
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in map(Page.read, texts) if any(block.shown for block in page.blocks)]
