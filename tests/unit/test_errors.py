"""The exception tree: drawn, documented, and each with a section of the docs that its message points to."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from zkhost import errors

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.ZkhostError)]
DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_is_drawn_in_the_tree_under_its_parent(cls: type) -> None:
    tree = (errors.__doc__ or "").splitlines()
    depth = {m[2]: len(m[1]) for line in tree if (m := re.match(r"^( *[│├└─ ]*)([A-Z]\w+)", line))}
    assert cls.__name__ in depth
    parent = next(b for b in cls.__mro__[1:] if b.__name__ in depth or b is Exception)
    if parent is not Exception:
        assert depth[parent.__name__] < depth[cls.__name__]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_has_a_section_in_the_docs_and_points_to_it(cls: type[errors.ZkhostError]) -> None:
    assert re.search(rf"^#+ {cls.__name__}$", DOCS.read_text(), re.MULTILINE)
    assert f"docs/errors.md#{cls.__name__.lower()}" in str(cls("something happened", hint="do this"))


def test_facts_survive_pickling() -> None:
    error = errors.DecodeError("bad tag", hint="look", path=".a[3]", offset=7, expected="0 or 1", found="2")
    again = pickle.loads(pickle.dumps(error))
    assert (again.path, again.offset, again.expected, again.found, str(again)) == (
        ".a[3]",
        7,
        "0 or 1",
        "2",
        str(error),
    )
