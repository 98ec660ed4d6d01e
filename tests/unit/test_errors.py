"""The exception tree: drawn as it is, documented class by class, facts that always exist and survive pickling."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from zkhost import errors
from zkhost.testing.mismatch import MismatchError

PACKAGE = Path(errors.__file__).parent
CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.ZkhostError)]
BUILTIN = (TypeError, ValueError, TimeoutError)
A_VALUE = {
    "str": "text",
    "str | None": "text",
    "int": 7,
    "int | None": 7,
    "float": 0.5,
    "Iterable[str]": ("one", "two"),
    "FaultReason | str": errors.FaultReason.SEGMENT_LIMIT,
    "Any": [1],
    "bytes | None": b"\x01",
}

every_class = pytest.mark.parametrize("cls", [*CLASSES, MismatchError], ids=lambda c: c.__name__)


def facts_of(cls: type[errors.ZkhostError]) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(cls).parameters)
    del parameters["message"], parameters["hint"]
    return parameters


def example(cls: type[errors.ZkhostError], *, hint: str | None = None) -> errors.ZkhostError:
    """An error with a value for each of its facts."""
    return cls("it happened", hint=hint, **{name: A_VALUE[p.annotation] for name, p in facts_of(cls).items()})


def drawn_parents() -> dict[str, tuple[str | None, str | None]]:
    """For each class of the tree in the module's docstring: its parent, and the builtin in brackets."""
    found: dict[str, tuple[str | None, str | None]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^([ │├└─]*)([A-Z]\w+Error)(?: \((\w+)\))?(?: |$)", line):
            depth = len(match[1])
            above = [(at, name) for at, name in above if at < depth]
            found[match[2]] = (above[-1][1] if above else None, match[3])
            above.append((depth, match[2]))
    return found


def test_the_tree_is_drawn_as_it_is() -> None:
    real = {}
    for cls in CLASSES:
        ours = [base.__name__ for base in cls.__bases__ if issubclass(base, errors.ZkhostError)]
        builtin = [base.__name__ for base in cls.__bases__ if base in BUILTIN]
        real[cls.__name__] = (ours[0] if ours else None, builtin[0] if builtin else None)
    assert drawn_parents() == real


@every_class
def test_its_facts_are_typed_documented_attributes(cls: type[errors.ZkhostError]) -> None:
    error = example(cls)
    hints = get_type_hints(cls)
    for name in facts_of(cls):
        assert name in hints, f"{cls.__name__}.{name} is not declared"
        assert name in error.facts
    assert set(error.facts) >= set(facts_of(cls))
    for name in set(hints) - {"message", "hint"}:
        assert hasattr(error, name), f"{cls.__name__}.{name} is declared and does not exist"


@pytest.mark.parametrize("cls", [c for c in CLASSES if "__init__" in vars(c)], ids=lambda c: c.__name__)
def test_its_declared_facts_have_a_sentence_each(cls: type) -> None:
    tree = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(tree, ast.ClassDef)
    for at, node in enumerate(tree.body):
        if isinstance(node, ast.AnnAssign):
            following = tree.body[at + 1]
            assert isinstance(following, ast.Expr), ast.unparse(node)
            assert isinstance(following.value, ast.Constant), ast.unparse(node)


@every_class
def test_facts_without_a_value_exist_all_the_same(cls: type[errors.ZkhostError]) -> None:
    required: dict[str, Any] = {
        n: A_VALUE[p.annotation] for n, p in facts_of(cls).items() if p.default is inspect.Parameter.empty
    }
    error = cls("it happened", **required)
    assert set(error.facts) == set(example(cls).facts)


@every_class
def test_pickling_and_copying_keep_everything(cls: type[errors.ZkhostError]) -> None:
    error = example(cls, hint="do this")
    error.add_note("seen while testing")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is cls
        assert (again.message, again.hint, again.args) == ("it happened", "do this", ("it happened",))
        assert again.facts == error.facts
        assert again.__notes__ == ["seen while testing"]
        assert str(again) == str(error)


def test_another_message_leaves_the_first_error_alone() -> None:
    error = errors.DecodeError("bad tag", hint="look", path=".a[3]", offset=7, expected="0 or 1", found="2")
    other = error.with_message("file x: bad tag")
    assert (other.message, other.args, other.offset, other.hint) == ("file x: bad tag", ("file x: bad tag",), 7, "look")
    assert error.message == "bad tag"


@every_class
def test_its_text_ends_with_a_command_that_explains_it(cls: type[errors.ZkhostError]) -> None:
    from zkhost.cli.explain import section

    message, hint, see = str(example(cls, hint="do this")).splitlines()
    assert (message, hint) == ("it happened", "  hint: do this")
    command, _, name = see.removeprefix("  see: ").rpartition(" ")
    assert command == "zkhost explain"
    assert section(name).startswith(f"{name}\n\n")
    assert issubclass(cls, getattr(errors, name))


def test_a_class_of_the_callers_own_points_to_its_parent() -> None:
    class MineError(errors.PolicyError):
        pass

    assert str(MineError("no")).endswith("see: zkhost explain PolicyError")


def test_the_section_begins_with_the_docstrings_sentence() -> None:
    from zkhost.cli.explain import section

    for cls in CLASSES:
        first = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
        assert section(cls.__name__).split("\n\n")[1] == first, cls.__name__


def texts_matched(source: str) -> list[str]:
    """Comparisons of an error's text with words: `"..." in error.message`, `error.message == "..."`, `in str(error)`."""

    def is_text_of_an_error(node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and node.attr == "message":
            return True
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str"
        return called and any(
            isinstance(arg, ast.Name) and re.fullmatch(r"e|err|exc|error|answer|problem", arg.id)
            for arg in node.args  # type: ignore[attr-defined]
        )

    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare) and any(is_text_of_an_error(part) for part in [node.left, *node.comparators])
    ]


def test_nothing_in_zkhost_matches_its_own_messages() -> None:
    assert texts_matched('if "limit" in error.message: pass\nif "x" in str(exc): pass') != []
    found: dict[str, Any] = {}
    for path in PACKAGE.rglob("*.py"):
        if "_native" not in path.parts and (matched := texts_matched(path.read_text())):
            found[str(path.relative_to(PACKAGE))] = matched
    assert found == {}
