"""The profile's page in a real browser: what is drawn, what keys and clicks do, what it looks like in both themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.unit.profile.samples import sample_profile
from zkhost.profile import Profile
from zkhost.profile.html import render_html

pytestmark = pytest.mark.slow

FRAMES = """[...document.querySelectorAll("#flame .frame")].map(f => ({
    name: f.node.fn.name, text: f.textContent, level: +f.ariaLevel, label: f.ariaLabel,
    inlined: f.classList.contains("inlined"), hit: f.classList.contains("hit"),
    left: parseFloat(f.style.left), width: parseFloat(f.style.width)}))"""
ROWS = """[...document.querySelectorAll("#functions tbody tr")].map(r => [...r.cells].map(c => c.textContent))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser
        assert browser.problems == []


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Browser:
    browser.open(_write(tmp_path, sample_profile()))
    return browser


def _write(folder: Path, profile: Profile, base: Profile | None = None) -> Path:
    path = folder / "profile.html"
    path.write_text(render_html(profile, base, "before.json"), "utf-8")
    return path


def _frames(page: Browser) -> dict[str, Any]:
    return {frame["name"]: frame for frame in page.run(FRAMES)}


def test_the_flame_graph_is_to_scale(page: Browser) -> None:
    frames = _frames(page)
    profile = sample_profile()
    whole = profile.root.total.user
    for row in profile.functions():
        if row.name in frames and row.name != "demo::sort":
            assert frames[row.name]["width"] == pytest.approx(100 * row.total.user / whole, abs=0.01)
    assert frames["demo"]["level"] == 1
    assert frames["demo::main"]["level"] == 2, "start-up is out of the way"
    assert frames["<u32>::rotate_right"]["inlined"]
    assert frames["sha2::compress256"]["text"] == "sha2::compress256"
    assert "70,000 user cycles, 78.2 % of all" in frames["sha2::compress256"]["label"]
    inner = next(frame for frame in page.run(FRAMES) if frame["name"] == "memcpy")
    outer = frames["demo::sort"]
    assert outer["left"] <= inner["left"]


def test_names_are_text_not_markup(page: Browser) -> None:
    assert "<script>alert('demo')</script>" in [row[0] for row in page.run(ROWS)]
    assert page.run("document.querySelectorAll('#functions script, #flame script').length") == 0


def test_the_table_agrees_with_the_model(page: Browser) -> None:
    rows = {row[0]: row for row in page.run(ROWS)}
    for function in sample_profile().functions():
        name, crate, own, total, paging = rows[function.name]
        assert crate == function.crate
        assert own.startswith(f"{function.own.user:,}")
        assert total.startswith(f"{function.total.user:,}")
        assert paging == f"{function.own.paging:,}", name


def test_the_table_sorts_by_each_column_both_ways(page: Browser) -> None:
    assert page.run("document.querySelector('th[data-key=own]').ariaSort") == "descending"
    page.click("th[data-key=total] button")
    totals = [int(re.findall(r"^[\d,]+", row[3])[0].replace(",", "")) for row in page.run(ROWS)]
    assert totals == sorted(totals, reverse=True)
    page.click("th[data-key=total] button")
    assert page.run(ROWS)[0][3].startswith("500")
    assert page.run("document.querySelector('th[data-key=total]').ariaSort") == "ascending"
    page.click("th[data-key=name] button")
    names = [row[0] for row in page.run(ROWS)]
    assert names == page.run(f"{names!r}.sort((a, b) => a.localeCompare(b))")


def test_keys_walk_the_calls_zoom_and_go_back(page: Browser) -> None:
    page.run("document.querySelector('#flame .frame').focus()")
    focused = "document.activeElement.node.fn.name"
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert page.run(focused) == "sha2::compress256"
    page.press("ArrowRight")
    assert page.run(focused) == "demo::sort"
    assert "18,000" in page.run("document.querySelector('#tip').innerText")
    page.press("Enter")
    assert max(frame["width"] for frame in page.run(FRAMES) if frame["name"] == "demo::sort") == 100
    assert "sha2::compress256" not in _frames(page)
    assert page.run("document.querySelector('#detail strong').textContent") == "demo::sort"
    page.press("Escape")
    assert _frames(page)["demo::main"]["width"] > 99
    assert "sha2::compress256" in _frames(page)


def test_search_marks_counts_and_filters(page: Browser) -> None:
    page.run("document.activeElement.blur()")
    page.press("/")
    assert page.run("document.activeElement.id") == "search"
    for letter in "sort":
        page.press(letter)
    assert {name for name, frame in _frames(page).items() if frame["hit"]} == {"demo::sort"}
    assert page.run("document.querySelector('#matched').textContent") == "20.1 % in matches"
    assert [row[0] for row in page.run(ROWS)] == ["demo::sort"]
    assert "search=sort" in page.run("location.hash")


def test_a_click_on_a_row_shows_callers_callees_and_lines(page: Browser) -> None:
    page.run("[...document.querySelectorAll('#functions tbody tr')].find(r => /compress/.test(r.innerText)).click()")
    detail = page.run("document.querySelector('#detail').innerText")
    assert re.search(r"Called by\s+demo::main\s+70,000", detail)
    assert re.search(r"Calls\s+<u32>::rotate_right\s+60,000", detail)
    assert re.search(r"line 15\s+6,000\s+line 12\s+4,000", detail)


def test_folding_paging_and_bottom_up(page: Browser) -> None:
    page.click("#inlined button:last-child")
    assert "<u32>::rotate_right" not in _frames(page)
    assert next(row for row in page.run(ROWS) if row[0] == "sha2::compress256")[2].startswith("70,000")
    page.click("#metric button:nth-child(2)")
    assert _frames(page)["sha2::compress256"]["width"] == pytest.approx(100 * 2_500 / 3_000)
    page.click("#metric button:nth-child(1)")
    page.click("#view button:last-child")
    tops = [frame for frame in page.run(FRAMES) if frame["level"] == 2]
    assert max(tops, key=lambda frame: frame["width"])["name"] == "sha2::compress256"
    assert page.run("location.hash") == "#view=up&inlined=fold"


def test_segments_are_as_wide_as_they_are_proved_at(page: Browser) -> None:
    widths = page.run("[...document.querySelectorAll('.segment')].map(s => s.getBoundingClientRect().width)")
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.02)
    label = page.run("document.querySelectorAll('.segment')[1].ariaLabel")
    assert label.startswith("Segment 1: 2^15 = 32,768 cycles, User: 20,000 (61.0 %), Paging: 1,500 (4.6 %)")
    heights = page.run("[...document.querySelectorAll('.segment')[1].querySelectorAll('.stack div')]"
                       ".map(d => d.getBoundingClientRect().height)")  # fmt: skip
    assert heights[2] / sum(heights) == pytest.approx(20_000 / 32_768, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_drawn(browser: Browser, tmp_path: Path, theme: str) -> None:
    browser.open(_write(tmp_path, sample_profile()), f"theme={theme}")
    whole = browser.screenshot()
    (tmp_path / f"profile-{theme}.png").write_bytes(whole.png)
    assert whole.width == 1400
    assert whole.height > 900

    flame = browser.screenshot("#flame")
    frames = _frames(browser)
    colours = {}
    for name in ("demo::main", "sha2::compress256", "demo::sort"):
        frame = frames[name]
        right = (frame["left"] + frame["width"]) / 100 * flame.width
        colours[name] = flame.pixel(right - 6, (frame["level"] - 0.5) * 20)
    assert colours["demo::main"] == colours["demo::sort"], "one crate, one colour"
    assert colours["demo::main"] != colours["sha2::compress256"]
    red, green, blue = colours["demo::main"]
    assert red > green > blue, "the guest's own crate is orange"
    beside = flame.pixel(flame.width - 3, 2.5 * 20)
    assert beside not in colours.values(), "main's own cycles leave the row below it empty"
    assert (sum(beside) > 600) == (theme == "light")


def test_a_comparison_shows_what_a_change_cost(browser: Browser, tmp_path: Path) -> None:
    browser.open(_write(tmp_path, sample_profile(hashing=45_000), sample_profile()))
    assert "compared with before.json" in browser.run("document.querySelector('#subtitle').textContent")
    name, own, before, change, total = browser.run(ROWS)[0]
    assert name == "<u32>::rotate_right"
    assert own.startswith("45,000")
    assert (before, change, total) == ("60,000", "\u221215,000", "\u221215,000")
    assert "\u221215,000 (\u221216.8 %)" in browser.run("document.querySelector('#tiles').innerText")
    flame = browser.screenshot("#flame")
    red, _, blue = flame.pixel(flame.width / 3, 1.5 * 20)
    assert blue > red, "cheaper than the base is blue"
    assert browser.run("document.querySelectorAll('.timeline').length") == 2


def test_the_page_fits_a_narrow_screen(tmp_path: Path) -> None:
    with Browser(width=500, height=900) as narrow:
        narrow.open(_write(tmp_path, sample_profile()))
        assert narrow.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
