"""The notebook of models, cell by cell, as a reader would run it in examples/."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "models.ipynb"


def run(*, proving: bool) -> dict[str, Any]:
    """The names that the cells leave; the last expression of a cell must show itself."""
    names: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] != "code" or ("prove" in cell["metadata"].get("tags", ()) and not proving):
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell["id"], "exec"), names)
        if last is not None:
            assert isinstance(last, ast.Expr)
            shown = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)
            assert shown is None or "<table" in shown._repr_html_()
    return names


def test_every_cell_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(NOTEBOOK.parent)
    names = run(proving=False)
    assert names["ten"].outputs["output"].reshape(-1).tolist() == names["labels"][:10].tolist()


@pytest.mark.prove
@pytest.mark.slow
def test_its_proof_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(NOTEBOOK.parent)
    names = run(proving=True)
    assert names["proof"].receipt.verify(names["trees"].image_id)
    assert names["inference"].outputs["label"].tolist() == names["forest"].predict(names["pixels"][1000:1001]).tolist()
