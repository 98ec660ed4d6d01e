"""Every block of Python in the documentation runs, the blocks of a page in order, as if a reader typed them in one session."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.docs.page import Block, Page, pages

PAGES = pages()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reader's folder: current, and on Python's path; what is imported from it is forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("contract", "methods", "page"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        del sys.modules[name]
    return tmp_path


def run(page: Page, folder: Path) -> None:
    for file in page.files:
        copy = shutil.copytree if file.is_dir() else shutil.copyfile
        copy(file, folder / file.name)
    session = sys.modules["page"] = ModuleType("page")  # where dataclasses look for the types that they name
    for block in page.blocks:
        if block.reason is None:
            type_in(block, page, session)
    assert [thread for thread in threading.enumerate() if not thread.daemon] == [threading.main_thread()]


def type_in(block: Block, page: Page, session: ModuleType) -> None:
    if block.title is not None:
        file = Path(block.title)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.code)
    # Tracebacks have the page and its line.
    exec(compile("\n" * block.line + block.code, str(page.path), "exec"), vars(session))


NOT_RUN = {
    "docs/codec.md": 1,
    "docs/how-to/boundless.md": 2,
    "docs/how-to/chains.md": 1,
    "docs/how-to/composition.md": 2,
    "docs/how-to/port-a-rust-host.md": 1,
    "docs/how-to/provers.md": 2,
    "docs/how-to/remote.md": 4,
    "docs/ml/guest.md": 2,
    "docs/ml/tutorial.md": 1,
    "docs/reference/testing.md": 1,
}


def test_what_is_not_run_is_known() -> None:
    """Each has its reason on the page."""
    assert {page.name: count for page in PAGES if (count := sum(b.reason is not None for b in page.blocks))} == NOT_RUN


@pytest.mark.parametrize(
    "markup",
    [
        "<!-- not run -->\n\n```python\n```",
        "<!-- not run: no block follows -->",
        "<!-- python x = 1 -->",
        "<!--files: a -->",
    ],
)
def test_markup_that_is_not_understood_is_refused(markup: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{markup}\n")
    with pytest.raises(ValueError, match=r"page\.md: "):
        Page.read(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.filterwarnings("ignore::zkhost.receipt.receipt.DevModeWarning")
def test_a_page_runs_in_dev_mode(page: Page, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    run(page, folder)


@pytest.mark.prove
@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page.proved], ids=lambda page: page.name)
def test_the_proofs_of_a_page_are_real(page: Page, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RISC0_DEV_MODE", raising=False)
    run(page, folder)
