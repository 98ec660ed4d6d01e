"""The notebooks of models, cell by cell, as a reader would run them in examples/."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(path.stem for path in EXAMPLES.glob("*.ipynb"))


def run(notebook: str) -> dict[str, Any]:
    """The names that the cells leave. The last expression of a cell must be one that a notebook shows."""
    names: dict[str, Any] = {}
    for cell in json.loads((EXAMPLES / f"{notebook}.ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        place = f"{notebook}:{cell['id']}"
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, place, "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), place, "eval"), names)
            assert "<table" in getattr(shown, "_repr_html_", str)() or " object at 0x" not in repr(shown)
    return names


@pytest.fixture(autouse=True)
def in_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)


@pytest.mark.parametrize("notebook", NOTEBOOKS)
@pytest.mark.filterwarnings("ignore::zkhost.receipt.receipt.DevModeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_cell_runs_in_dev_mode(notebook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    run(notebook)


@pytest.mark.prove
@pytest.mark.slow
@pytest.mark.parametrize("notebook", ["models", "trees"])
def test_its_proof_is_real(notebook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RISC0_DEV_MODE", raising=False)
    names = run(notebook)
    assert names["proof"].verified
    assert names["inference"].outputs


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_it_is_stored_without_outputs_and_named_in_the_docs(notebook: str) -> None:
    cells = json.loads((EXAMPLES / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
    texts = [EXAMPLES.parent / "README.md", *(EXAMPLES.parent / "docs").rglob("*.md")]
    assert any(f"examples/{notebook}.ipynb" in text.read_text("utf-8") for text in texts)
