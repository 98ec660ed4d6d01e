"""The architecture as data: which package may import which, and what only one module may do. docs/maintaining explains it.

Late imports and those under TYPE_CHECKING count like all others: who reads a module must read what it imports.
"""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import zkhost

ROOT = Path(zkhost.__file__).parent

LAYERS: list[set[str]] = [
    {"errors"},
    {"_lazy", "_files", "_config", "_notebook", "_cancel", "_work", "_shim", "_version"},
    {"codec"},
    {"image_id"},
    {"session"},
    {"receipt", "contract"},
    {"environment"},
    {"provers"},
    {"guest"},
    {"boundless"},
    {"methods"},
    {"project"},
    {"profile"},
    {"testing"},
    {"ml"},
    {"cli"},
]
"""From the bottom. A package imports its own modules and those of layers below; within a layer, any that is no circle."""

FACADE = "zkhost"
"""zkhost/__init__.py and the __init__ of packages: tables of names, imported from anywhere, importing from anywhere."""

MAY_REPEAT = {"__init__"}
"""Basenames that may occur twice. Commands of `cli` may bear the name of what they call, too; and in `ml`, where a family of
operations has a module at each of its stages (lower, ops, reference, compile), these bear the family's name."""

STAGES = ("zkhost.ml.lower.", "zkhost.ml.ops.", "zkhost.ml.reference.", "zkhost.ml.compile.scalar.")

OFFENDERS: dict[str, str] = {}
"""Known offences, each with its owner. Empty is the only good state."""


class Import(NamedTuple):
    source: str
    target: str
    line: int


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules() -> dict[str, Path]:
    """Every module that is shipped, by its dotted name; the generated binding is none of ours."""
    return {
        module_name(path): path
        for path in sorted(ROOT.rglob("*.py"))
        if "_native" not in path.parts and "templates" not in path.parts
    }


@functools.cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text("utf-8"))


def is_table(module: str) -> bool:
    """Whether it is an __init__ that only lists names of its package (by `exports` or by importing them)."""
    if modules()[module].name != "__init__.py":
        return False
    return not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree(module).body)


def absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.split(".") if modules()[module].name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def targets(module: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The modules of ours that a statement imports; `from zkhost import x` and a package's name count as its __init__."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules())
    else:
        base = absolute(module, node)
        for alias in node.names:
            if f"{base}.{alias.name}" in modules():
                yield f"{base}.{alias.name}"
            elif base in modules():
                yield base


@functools.cache
def imports() -> list[Import]:
    found = {
        Import(module, target, node.lineno)
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in targets(module, node)
        if target != module
    }
    return sorted(found)


def top(module: str) -> str:
    """The package of zkhost that a module belongs to; the facade for zkhost itself."""
    return module.split(".")[1] if "." in module else FACADE


@functools.cache
def height() -> dict[str, int]:
    return {name: at for at, layer in enumerate(LAYERS) for name in layer}


def test_every_package_has_its_layer() -> None:
    assert {top(module) for module in modules()} - {FACADE} == set(height())


def test_no_import_goes_upwards() -> None:
    upward = [
        f"{one.source}:{one.line} imports {one.target}"
        for one in imports()
        if one.source != FACADE
        and not is_table(one.source)
        and (one.target == FACADE or height()[top(one.target)] > height()[top(one.source)])
        and f"{one.source} -> {one.target}" not in OFFENDERS
    ]
    assert upward == []


def circles() -> list[list[str]]:
    """The sets of modules that import each other, directly or through others (Tarjan's algorithm).

    A table of names is no part of a circle: it is where names are looked up, and imports nothing until they are.
    """
    graph: dict[str, set[str]] = defaultdict(set)
    for one in imports():
        if not is_table(one.source) and not is_table(one.target) and f"{one.source} -> {one.target}" not in OFFENDERS:
            graph[one.source].add(one.target)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == index[node]:
            circle = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for module in sorted(modules()):
        if module not in index:
            visit(module)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles() == []


def test_tables_are_not_imported_from_inside() -> None:
    """A module imports where a name is defined, so that who moves it sees who uses it; `codec` and `errors` are used whole."""
    through = [
        f"{one.source}:{one.line} imports {one.target}"
        for one in imports()
        if one.source != FACADE
        and is_table(one.target)
        and one.target != FACADE
        and "exports(" in modules()[one.target].read_text("utf-8")
        and f"{one.source} -> {one.target}" not in OFFENDERS
    ]
    assert through == []


def test_only_the_shim_opens_the_native_library() -> None:
    def opens(module: str, node: ast.AST) -> bool:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{absolute(module, node)}.{name}" for name in names]
        attribute = node.attr if isinstance(node, ast.Attribute) else ""
        return any(f"{name}.".startswith("zkhost._native.") for name in names) or attribute in (
            "dlopen",
            "CDLL",
            "PyDLL",
        )

    openers = {module for module in modules() if any(opens(module, node) for node in ast.walk(tree(module)))}
    assert openers - OFFENDERS.keys() == {"zkhost._shim"}


def escapes(module: str) -> Iterator[int]:
    """Lines where a module takes a parent of its own file that lies outside of the package."""
    depth = len(modules()[module].relative_to(ROOT).parts)  # parents[depth - 1] is the package's own folder
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            index = node.slice
            if "__file__" in ast.unparse(node.value):
                if not isinstance(index, ast.Constant) or not isinstance(index.value, int):
                    yield node.lineno
                else:
                    own = "zkhost.__file__" not in ast.unparse(node.value)
                    if index.value >= (depth if own else 1):
                        yield node.lineno
        elif isinstance(node, ast.Attribute) and "__file__" in (text := ast.unparse(node)):
            own = "zkhost.__file__" not in text
            if node.attr == "parent" and text.count(".parent") > (depth if own else 1):
                yield node.lineno


def test_shipped_code_never_looks_into_a_checkout() -> None:
    found = [
        f"{module}:{line}" for module in modules() if module not in OFFENDERS for line in sorted(set(escapes(module)))
    ]
    assert found == []


def family(stem: str) -> bool:
    return f"zkhost.ml.ops.{stem}" in modules()


def test_no_basename_means_two_things() -> None:
    by_name: dict[str, list[str]] = defaultdict(list)
    for module, path in modules().items():
        if top(module) != "cli" and not (module.startswith(STAGES) and family(path.stem)):
            by_name[path.stem].append(module)
    twice = {
        name: found for name, found in by_name.items() if len(found) > 1 and name not in MAY_REPEAT | OFFENDERS.keys()
    }
    assert twice == {}


@pytest.mark.parametrize("package", sorted({top(module) for module in modules()} - {FACADE}))
def test_the_checks_see_the_package(package: str) -> None:
    """Nothing passes because it was not looked at."""
    assert any(top(module) == package for module in modules())
    assert len(imports()) > 500
