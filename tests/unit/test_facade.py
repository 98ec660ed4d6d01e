"""Public names: at `zkhost.` or one package below, described in the reference, and light to import."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import zkhost
from zkhost import errors

ROOT = Path(zkhost.__file__).parent
REFERENCE = ROOT.parent / "docs" / "reference"
HEAVY = [
    "cffi",
    "_cffi_backend",
    "msgpack",
    "httpx",
    "click",
    "rich",
    "hypothesis",
    "numpy",
    "jinja2",
    "onnx",
    "asyncio",
    "distributed",
]
LAZY = [
    path.parent.relative_to(ROOT.parent).as_posix().replace("/", ".")
    for path in sorted(ROOT.rglob("__init__.py"))
    if "exports(" in path.read_text("utf-8")
]
PUBLIC = ["zkhost"] + [
    f"zkhost.{path.parent.name}"
    for path in sorted(ROOT.glob("[a-z]*/__init__.py"))
    if "__all__" in path.read_text("utf-8")
]
PUBLIC.append("zkhost.ml.lora")  # Adapters are a field of their own within models: `from zkhost.ml import lora`.

every_lazy_package = pytest.mark.parametrize("name", LAZY)


def names_of(package: str) -> set[str]:
    return set(importlib.import_module(package).__all__)


@pytest.mark.parametrize("module", [*PUBLIC, "zkhost.errors"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@every_lazy_package
def test_what_type_checkers_see_is_what_is_there(name: str) -> None:
    """The imports under TYPE_CHECKING against the table: the same names, from the same modules."""
    package = importlib.import_module(name)
    checked = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(inspect.getsource(package)))
        if isinstance(node, ast.ImportFrom) and node.module not in ("__future__", "typing", "zkhost._lazy", "zkhost")
        for alias in node.names
    }
    assert sorted(checked) == list(package.__all__)
    for public, path in checked.items():
        module, _, attribute = path.rpartition(".")
        assert getattr(package, public) is getattr(importlib.import_module(module), attribute)


BY_KIND = {"load"}
"""`zkhost.load` loads a guest, `zkhost.ml.load` a model."""


@every_lazy_package
def test_a_name_is_at_one_address(name: str) -> None:
    twice = {
        other: shared for other in PUBLIC if other != name and (shared := (names_of(name) & names_of(other)) - BY_KIND)
    }
    assert twice == {}, "the same name in two packages"


@every_lazy_package
def test_its_names_are_listed_and_others_are_attribute_errors(name: str) -> None:
    package = importlib.import_module(name)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"{name}.*no_such_name"):
        _ = package.no_such_name


def test_subpackages_need_no_import_of_their_own() -> None:
    code = "import zkhost; print(zkhost.codec.encode(7, zkhost.codec.U32), issubclass(zkhost.errors.ConfigError, Exception))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "b'\\x07\\x00\\x00\\x00' True\n"
    for package in ROOT.iterdir():
        if (package / "__init__.py").is_file() and not package.name.startswith("_") and package.name != "cli":
            assert isinstance(getattr(zkhost, package.name), ModuleType)


def described() -> Counter[str]:
    """What the reference describes: names of directives, as in `::: zkhost.Receipt`, and of tables, as in `U8`."""
    found: Counter[str] = Counter()
    for page in REFERENCE.glob("*.md"):
        text = page.read_text("utf-8")
        found.update(re.findall(r"^::: (\S+)", text, re.MULTILINE))
        if page.name == "codec.md":
            rows = re.findall(r"^\| (`[^|]+?) \|", text, re.MULTILINE)
            names = {name for row in rows for name in re.findall(r"`(\w+)", row)} & names_of("zkhost.codec")
            found.update(f"zkhost.codec.{name}" for name in names)
    return found


def test_the_reference_describes_every_public_name_once_and_nothing_else() -> None:
    """Fixtures of the pytest plugin are described too: pytest imports them, users do not."""
    whole_modules = {"zkhost.errors", "zkhost.methods"}
    in_errors = {name for name, thing in vars(errors).items() if getattr(thing, "__module__", "") == errors.__name__}
    public = {f"{package}.{name}" for package in PUBLIC for name in names_of(package)}
    public -= {f"{package}.{name}" for package in whole_modules | {"zkhost"} for name in in_errors}
    public -= {f"zkhost.codec.{name}" for name in in_errors} | {
        f"zkhost.methods.{n}" for n in names_of("zkhost.methods")
    }
    there = Counter({path: n for path, n in described().items() if not path.startswith("zkhost.testing.plugin.")})
    assert sorted(set(there) - whole_modules - public) == [], "described, but not public"
    assert sorted(public - set(there)) == [], "public, but not described"
    assert [path for path, times in there.items() if times > 1] == []


NOUNS = {"A", "An", "The", "What", "Whether", "How", "Where", "Which", "One", "All", "Each", "Every"}


@pytest.mark.parametrize("package", PUBLIC)
def test_docstrings_of_public_functions_open_in_the_imperative(package: str) -> None:
    """As the house style has it: "Return the journal", not "The journal"."""
    found = [getattr(importlib.import_module(package), name) for name in names_of(package)]
    functions = [one for one in found if inspect.isfunction(one)]
    functions += [
        method
        for cls in found
        if inspect.isclass(cls)
        for name, method in vars(cls).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ]
    nouns = [one.__qualname__ for one in functions if (one.__doc__ or "").split(" ", 1)[0] in NOUNS]
    assert nouns == []
