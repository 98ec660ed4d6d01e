"""Which types take no words at all, so that a length word in front of them is bounded by nothing."""

from __future__ import annotations

from . import schema as s

__all__ = ["zero_sized"]


def zero_sized(node: s.Node) -> bool:
    """Whether every value of the node is written as no words."""
    match node:
        case s.Unit() | s.Bytes(length=0):
            return True
        case s.NewType(inner=inner):
            return zero_sized(inner)
        case s.Tuple(items=items):
            return all(map(zero_sized, items))
        case s.Struct(fields=fields):
            return all(zero_sized(f.type) for f in fields)
        case s.Array(inner=inner, length=length):
            return length == 0 or zero_sized(inner)
    return False
