"""The figures on docs/ml/figures.md are those of today's kernels: a page that has gone stale fails here."""

from __future__ import annotations

import pytest

from tests.bench import figures_table
from tests.bench.bench_figures import CASES, measure

PAGE = figures_table.read()


def test_every_case_has_a_row() -> None:
    assert list(PAGE) == list(CASES)


@pytest.mark.parametrize("name", [name for name in CASES if "MLP" not in name])  # training it takes seconds
def test_the_page_has_todays_cycles(name: str) -> None:
    now = measure(name, prove=False)
    assert figures_table.user_cycles(PAGE[name]) == pytest.approx(now.user_cycles, rel=0.15), (
        "stale: run `python -m tests.bench.bench_figures --write`"
    )
    assert PAGE[name][-1] == now.accuracy
