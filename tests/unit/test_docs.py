"""The documentation holds together: every page in the navigation, every link and anchor there, every public name described."""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import zkhost
from zkhost import codec, errors, testing

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))]

FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +\{ *#([\w-]+) *\})? *$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
DIRECTIVE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def prose(path: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", path.read_text("utf-8"))


@functools.cache
def anchors(path: Path) -> frozenset[str]:
    """What can follow # in a link to the page: its headings, as mkdocs makes identifiers of them, and its objects."""
    found = set(DIRECTIVE.findall(prose(path)))
    for title, given in HEADING.findall(prose(path)):
        words = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", title)).strip().lower()
        found.add(given or re.sub(r"[-\s]+", "-", words))
    return frozenset(found)


def in_navigation() -> list[str]:
    """The pages that mkdocs.yml names."""
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2].partition("\nplugins:\n")[0]
    return re.findall(r"([\w/-]+\.md)$", navigation, re.MULTILINE)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(in_navigation()) == [str(page.relative_to(DOCS)) for page in PAGES]


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_every_link_within_the_project_leads_somewhere(path: Path) -> None:
    broken = []
    for link in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (path in PAGES and not target.is_relative_to(DOCS)):
            broken.append(link)  # a page of the site cannot link to what is not in the site
        elif anchor and anchor not in anchors(target):
            broken.append(link)
    assert not broken


def described() -> Iterator[str]:
    """The names that pages of the reference describe, by a directive or in a table."""
    for page in (DOCS / "reference").glob("*.md"):
        text = prose(page)
        for path in DIRECTIVE.findall(text):
            yield path.rpartition(".")[2]
        for row in re.findall(r"^\| (`[^|]+?) \|", text, re.MULTILINE):
            yield from re.findall(r"`(\w+)", row)


@pytest.mark.parametrize("module", [zkhost, codec, testing], ids=lambda module: module.__name__)
def test_every_public_name_is_in_the_reference(module: object) -> None:
    there = set(described()) | {name for name in vars(errors) if name.endswith("Error")}  # all of zkhost.errors is
    assert sorted(set(module.__all__) - there) == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", [page for page in PAGES if "::: " in page.read_text()], ids=name_of)
def test_what_the_reference_describes_exists_and_has_a_docstring(page: Path) -> None:
    for path in DIRECTIVE.findall(prose(page)):
        found, names = None, path.split(".")
        for count in range(len(names), 0, -1):
            try:
                found = importlib.import_module(".".join(names[:count]))
            except ModuleNotFoundError:
                continue
            for name in names[count:]:
                found = getattr(found, name)
            break
        assert found is not None, path
        assert not (inspect.isclass(found) or inspect.isroutine(found)) or found.__doc__, path


def test_every_variable_that_is_read_is_in_the_reference() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "zkhost").rglob("*.py"))
    read = set(re.findall(r"""(?:_config\.|\b)(?:get|flag|milliseconds)\(["']([A-Z0-9_]+)["']""", source))
    assert "RISC0_PROVER" in set(re.findall(r'_named\("(\w+)"', source))
    read |= set(re.findall(r'_named\("(\w+)"', source))
    described = (DOCS / "reference" / "variables.md").read_text()
    assert len(read) > 10
    assert sorted(name for name in read if f"`{name}`" not in described) == []


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_nothing_that_looks_like_html_is_lost(path: Path) -> None:
    """`Vec<u8>` outside of code is shown as Vec: browsers take <u8> for an element."""
    plain = re.sub(r"`[^`]+`", "", prose(path))
    assert re.findall(r"<(?!/?(?:br|code)>|!--)[A-Za-z/][^>\n]*>", plain) == []


def python_blocks() -> Iterator[tuple[str, str]]:
    for path in TEXTS:
        for number, block in enumerate(
            re.findall(r"^( *)```python[^\n]*\n(.*?)^\1```$", path.read_text(), re.M | re.S)
        ):
            yield f"{name_of(path)}-{number}", textwrap.dedent(block[1])


@pytest.mark.parametrize("block", dict(python_blocks()).values(), ids=dict(python_blocks()))
def test_what_blocks_of_python_import_is_there(block: str) -> None:
    for node in ast.walk(ast.parse(block, feature_version=(3, 11))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zkhost"):
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "zkhost":
            assert hasattr(zkhost, node.attr)


def test_the_tree_of_errors_is_the_one_in_the_code() -> None:
    drawn = re.search(r"^```text\n(ZkhostError\n.*?)^```$", (DOCS / "errors.md").read_text(), re.MULTILINE | re.DOTALL)
    assert drawn is not None
    assert drawn[1].split() == _tree().split()


def _tree() -> str:
    text = errors.__doc__ or ""
    return text[text.index("ZkhostError") : text.index("Each carries")]


@pytest.mark.parametrize("page", [page for page in PAGES if "```pycon" in page.read_text()], ids=name_of)
def test_examples_of_sessions_are_what_python_says(page: Path) -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner()
    said: list[str] = []
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
