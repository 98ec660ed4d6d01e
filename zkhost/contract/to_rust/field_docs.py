"""Documentation of fields and enum members: the string written below one in the class body."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache


@cache
def field_docs(cls: type) -> dict[str, str]:
    """Return what is written below each field, from the class's source; empty where there is no source to read."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        docs |= _own_docs(base)
    return docs


def _own_docs(cls: type) -> dict[str, str]:
    if cls.__module__ in ("builtins", "enum", "typing"):
        return {}
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return {}
    if not isinstance(body, ast.ClassDef):
        return {}
    docs = {}
    for statement, below in zip(body.body, body.body[1:], strict=False):
        match _target(statement), below:
            case str(name), ast.Expr(ast.Constant(str(text))):
                docs[name] = inspect.cleandoc(text)
    return docs


def _target(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]):
            return name
    return None
