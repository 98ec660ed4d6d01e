"""Whether an instance of a dataclass can be made without its constructor.

The constructor that `@dataclass` generates only stores the fields (through `object.__setattr__` where frozen, which is
slow). Storing them directly is equivalent unless the class defines a `__post_init__`, `__new__`, `__setattr__` or
descriptor.
"""

from __future__ import annotations

import inspect
from typing import Any

from .. import schema as s

__all__ = ["stored_directly"]


def stored_directly(cls: Any, fields: tuple[s.Field, ...]) -> bool:
    """Return whether storing the fields in a bare instance is what calling the class does."""
    code = getattr(cls.__init__, "__code__", None)
    generated = code is not None and code.co_filename == "<string>" and "__init__" in cls.__dict__
    own = hasattr(cls, "__post_init__") or cls.__new__ is not object.__new__
    if not generated or own or inspect.isabstract(cls):
        return False
    attributes = [getattr(cls, f.name, None) for f in fields]
    members = [hasattr(type(a), "__set__") for a in attributes]
    if cls.__setattr__ is object.__setattr__:
        slots = [type(a).__name__ == "member_descriptor" for a in attributes]
        return members == slots
    frozen = cls.__dataclass_params__.frozen and cls.__setattr__.__code__.co_filename == "<string>"
    return frozen and not any(members) and bool(cls.__dictoffset__)
