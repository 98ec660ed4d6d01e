"""How a decoder makes an instance of a dataclass: by its constructor, or, where that comes to the same, without it.

The constructor that `@dataclass` generates only stores the fields (through `object.__setattr__` where frozen, which is
slow). Storing them directly is equivalent if nobody added a `__post_init__`, `__new__`, `__setattr__` or descriptor.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from . import schema as s
from .source import Source

__all__ = ["build_lines", "stored_directly"]


def build_lines(source: Source, cls: type, fields: tuple[s.Field, ...], values: list[str], x: str) -> Iterator[str]:
    """The lines that put an instance of `cls` with these field values into the variable `x`."""
    name = source.const(cls, "C")
    way = _way(cls, fields)
    if way == "call":
        yield f"{x} = {name}({', '.join(f'{f.name}={v}' for f, v in zip(fields, values, strict=True))})"
        return
    yield f"{x} = {source.const(object.__new__, 'new')}({name})"
    if way == "store":
        for f, value in zip(fields, values, strict=True):
            yield f"{x}.{f.name} = {value}"
    elif fields:
        inner = source.fresh("t")
        yield f"{inner} = {x}.__dict__"
        for f, value in zip(fields, values, strict=True):
            yield f"{inner}[{f.name!r}] = {value}"


def stored_directly(cls: type, fields: tuple[s.Field, ...]) -> bool:
    """Whether storing the fields in a bare instance comes to the same as calling the class."""
    return _way(cls, fields) != "call"


def _way(cls: Any, fields: tuple[s.Field, ...]) -> str:
    code = getattr(cls.__init__, "__code__", None)
    generated = code is not None and code.co_filename == "<string>" and "__init__" in cls.__dict__
    own = hasattr(cls, "__post_init__") or cls.__new__ is not object.__new__
    if not generated or own or inspect.isabstract(cls):
        return "call"
    attributes = [getattr(cls, f.name, None) for f in fields]
    members = [hasattr(type(a), "__set__") for a in attributes]
    if cls.__setattr__ is object.__setattr__:
        slots = [type(a).__name__ == "member_descriptor" for a in attributes]
        return "store" if members == slots else "call"
    frozen = cls.__dataclass_params__.frozen and cls.__setattr__.__code__.co_filename == "<string>"
    return "dict" if frozen and not any(members) and cls.__dictoffset__ else "call"
