"""What counts as bytes and as a list of numbers: the buffers accepted besides `bytes` and `list`, and those filled."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from . import schema as s

__all__ = ["as_bytes", "as_items", "fill", "hold", "native_code"]

CODES = {8: "bB", 16: "hH", 32: "iI", 64: "qQ"}


def native_code(node: s.Node) -> str | None:
    """Return the array typecode whose items are the node's values: `I` for u32; None where there is none."""
    match node:
        case s.Int(bits=bits, signed=signed) if bits <= 64:
            return CODES[bits][not signed]
        case s.Float(bits=bits):
            return "f" if bits == 32 else "d"
        case s.Bool():
            return "?"
        case s.NewType(inner=inner):
            return native_code(inner)
    return None


def as_bytes(value: Any) -> bytes | None:
    """Return the bytes of a bytes-like value of one-byte unsigned items; None for anything else."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return None
    try:
        view = memoryview(value)
    except TypeError:
        return None
    return view.tobytes() if view.format in ("B", "c") and view.ndim == 1 else None


def as_items(inner: s.Node, value: Any) -> Any:
    """Return a value that can stand for a sequence of `inner`: a list or tuple itself, a matching 1-d buffer as a list.

    None for anything else: a buffer of another element type is refused rather than converted.
    """
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, str | dict | set | frozenset):
        return None
    raw = as_array(native_code(inner), value)
    return None if raw is None else raw.tolist()


def as_array(code: str | None, value: Any) -> memoryview | None:
    """Return a view of a 1-d buffer of the items of an array typecode; None for anything else."""
    if code is None:
        return None
    try:
        view = memoryview(value)
    except TypeError:
        return None
    if view.ndim != 1:
        return None
    fmt = view.format.removeprefix("@")
    same = {"l": "q", "L": "Q"} if array("l").itemsize == 8 else {"l": "i", "L": "I"}
    if same.get(fmt, fmt) != code:
        return None
    return view


def fill(container: str, code: str | None) -> Callable[[memoryview], Any]:
    """Return a function from a memoryview of numbers of an array typecode to the container of a Seq or Array."""
    assert code is not None

    def numpy_array(raw: memoryview) -> Any:
        import numpy

        return numpy.frombuffer(raw, dtype=code).copy()

    def filled_array(raw: memoryview) -> array[Any]:
        filled = array(code)
        filled.frombytes(raw)
        return filled

    def filled_list(raw: memoryview) -> list[Any]:
        return raw.cast(code).tolist()  # type: ignore[call-overload, no-any-return]

    def filled_tuple(raw: memoryview) -> tuple[Any, ...]:
        return tuple(filled_list(raw))

    return {"list": filled_list, "tuple": filled_tuple, "array": filled_array, "numpy": numpy_array}[container]


def hold(container: str, inner: s.Node, items: list[Any]) -> Any:
    """Return the items in the container of a Seq or Array."""
    if container in ("array", "numpy"):
        code = native_code(inner) or ""
        return fill(container, code)(memoryview(bytes(items) if code == "?" else array(code, items)).cast("B"))
    return tuple(items) if container == "tuple" else items
