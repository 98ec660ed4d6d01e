"""The table of docs/ml/figures.md, a row for each model: read, compared, and written again with new figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "ml" / "figures.md"
_TABLE = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end -->)", re.DOTALL)
_HEAD = """
| model | published | user cycles | paging cycles | rows proved | segments | proved in | verified in | peak memory | accuracy |
|---|---|--:|--:|--:|--:|--:|--:|--:|---|
"""


@dataclass(frozen=True)
class Figures:
    """What was measured of a model: exact cycles, and of its proof, where there was one, what was proved, seconds and GB."""

    user_cycles: int
    paging_cycles: int
    accuracy: str
    rows: int | None = None
    segments: int | None = None
    prove_s: float | None = None
    verify_s: float | None = None
    peak_gb: float | None = None


def read() -> dict[str, list[str]]:
    """The cells behind the name of each row of the page."""
    found = _TABLE.search(PAGE.read_text("utf-8"))
    assert found is not None, f"{PAGE} has no <!-- figures --> and <!-- end -->"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[0].strip().splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def user_cycles(cells: list[str]) -> int:
    return int(cells[1].replace(",", ""))


def cells(published: str, figures: Figures, before: list[str] | None = None) -> list[str]:
    """A row behind its name. What was not measured now is as `before`."""
    proof = [
        None if value is None else form.format(value)
        for form, value in (
            ("{:,}", figures.rows), ("{:,}", figures.segments), ("{:.1f} s", figures.prove_s),
            ("{:.2f} s", figures.verify_s), ("{:.2f} GB", figures.peak_gb),
        )
    ]  # fmt: skip
    kept = before[3:8] if before else [""] * len(proof)
    return [
        published,
        f"{figures.user_cycles:,}",
        f"{figures.paging_cycles:,}",
        *(new if new is not None else old for new, old in zip(proof, kept, strict=True)),
        figures.accuracy,
    ]


def line(name: str, cells: list[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def write(published: Mapping[str, str], found: Mapping[str, Figures]) -> None:
    """Write the page's table again: a row for each of `published`, with the new figures where there are any."""
    before = read()
    rows = {
        name: cells(text, found[name], before.get(name)) if name in found else before[name]
        for name, text in published.items()
        if name in found or name in before
    }
    table = _HEAD + "\n".join(line(name, row) for name, row in rows.items()) + "\n\n"
    PAGE.write_text(_TABLE.sub(lambda _: table, PAGE.read_text("utf-8")), "utf-8")
