"""The pictures in the docs show where today's cycles go."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import pictures

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_not_stale(name: str) -> None:
    """Each bar is off by less than 15 % of the whole."""
    now, shown = pictures.PICTURES[name][1](), pictures.drawn(name)
    assert list(shown) == list(now), "draw them again: python -m tests.bench.pictures"
    off = {label: abs(shown[label] - cycles) / sum(now.values()) for label, cycles in now.items()}
    assert max(off.values()) < 0.15, f"draw them again: python -m tests.bench.pictures ({off})"


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_on_a_page_and_runs_nothing(name: str) -> None:
    pages = [page for page in DOCS.rglob("*.md") if f"pictures/{name}.svg)" in page.read_text()]
    assert pages
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(pictures.FOLDER / f"{name}.svg").iter()}
    assert tags <= {"svg", "style", "text", "g", "title", "rect"}


def test_every_picture_of_a_page_is_drawn_here() -> None:
    shown = {name for page in DOCS.rglob("*.md") for name in re.findall(r"pictures/([\w-]+)\.svg\)", page.read_text())}
    assert shown == set(pictures.PICTURES)
    assert {path.stem for path in pictures.FOLDER.iterdir()} == shown
