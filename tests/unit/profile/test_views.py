"""What is printed and what the page holds."""

from __future__ import annotations

import base64
import hashlib
import io
import re

from rich.console import Console

from tests.unit.profile.samples import sample_profile
from zkhost.profile import Profile
from zkhost.profile.html import render_html
from zkhost.profile.terminal import render_profile


def _printed(profile: Profile, base: Profile | None = None, top: int = 20) -> str:
    text = io.StringIO()
    console = Console(file=text, width=120, color_system=None)
    console.print(render_profile(profile, base, top=top))
    return text.getvalue()


def test_the_terminal_shows_figures_functions_path_and_segments() -> None:
    text = _printed(sample_profile(), top=3)
    assert "demo  image ID abab" in text
    assert re.search(r"proved +98,304", text)
    assert re.search(r"60,000 +67\.0 % +60,000 +<u32>::rotate_right +core uint_macros\.rs:300", text)
    assert "more functions" in text
    assert re.search(r"100\.0 % █{20} demo::main\n", text)
    assert "_start" not in text.split("dearest path")[1]
    assert re.search(r"1 +2\^15 +20,000 +1,500 +11,268", text)


def test_the_terminal_shows_what_changed() -> None:
    text = _printed(sample_profile(hashing=45_000), sample_profile())
    assert re.search(r"60,000 +45,000 +-15,000 +-15,000 +<u32>::rotate_right", text)
    assert re.search(r"user +74,500 +\S+ % +-15,000 \(-16\.8 %\)", text)


def test_nothing_changed() -> None:
    assert "No function's cost changed" in _printed(sample_profile(), sample_profile())


def test_the_page_is_whole_and_safe() -> None:
    page = render_html(sample_profile())
    assert "{{" not in page.split("<script")[0]
    assert "<script>alert" not in page, "a function's name must not become markup"
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    script = page.split('<script type="module">')[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
