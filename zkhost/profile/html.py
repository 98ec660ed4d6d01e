"""A profile as one self-contained HTML page: no server, no network, no fonts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files

from zkhost.profile.cost_tree import Profile
from zkhost.profile.store import profile_to_plain

# In the order they are read: each uses names of those before it.
_SCRIPTS = ("model.js", "flame.js", "segments.js", "table.js", "main.js")


def render_html(profile: Profile, base: Profile | None = None, base_name: str = "base") -> str:
    """Return the page of a profile; with a `base`, of what changed since then, with the base called `base_name`.

    The page's own content policy allows its one script by hash and no other, so a function's name can't run as code.
    """
    page = files("zkhost.profile") / "page"
    script = "\n".join((page / name).read_text("utf-8") for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = {
        "profile": profile_to_plain(profile),
        "base": profile_to_plain(base) if base else None,
        "base_name": base_name,
    }
    parts = {
        "title": html.escape(f"{profile.run.program}: where the cycles go"),
        "style": (page / "style.css").read_text("utf-8"),
        "script": script,
        "script_hash": f"sha256-{digest}",
        # In a script element only "<" can end it early; JSON may write it as an escape.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "footer": html.escape(
            "Written by zkhost profile. Cycles are the executor's: user cycles run the guest, "
            "paging cycles move its memory, and proving time follows the sum over all segments."
        ),
    }
    template = (page / "page.html").read_text("utf-8")
    pieces = template.split("{{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        out += [parts[name], rest]
    return "".join(out)
