"""Annotations -> schema nodes. Whatever has no wire form is refused here, with the field's name and the fix."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, ForwardRef, TypeVar, Union, get_args, get_origin

from ..errors import SchemaError
from . import schema as s
from .classes import Classes
from .recursion_limit import deep_recursion
from .types import AnyOrder, Len, Some, Tagged

__all__ = ["schema_of"]

INTS = "U8, U16, U32, U64, U128, I8, I16, I32, I64, I128"
BARE = {
    list: "list[U32]",
    tuple: "tuple[U8, U64]",
    dict: "dict[str, U64]",
    set: "set[U32]",
    frozenset: "frozenset[U32]",
}
HINTS = {
    int: f"an int has no fixed width on the wire; use one of {INTS} (from zkhost.codec)",
    bytearray: "use bytes; a bytearray is accepted where bytes are declared",
    memoryview: "use bytes; a memoryview is accepted where bytes are declared",
    complex: "use tuple[F64, F64]",
    object: "declare the exact type",
    Any: "declare the exact type",
}
ATOMS: dict[Any, s.Node] = {
    bool: s.Bool(),
    str: s.Str(),
    bytes: s.Bytes(),
    float: s.Float(64),
    None: s.Unit(),
    type(None): s.Unit(),
}
NUMPY: dict[str, s.Node] = {f"{'' if i else 'u'}int{b}": s.Int(b, i) for b in (8, 16, 32, 64) for i in (False, True)}
NUMPY |= {"float32": s.Float(32), "float64": s.Float(64), "bool": s.Bool(), "bool_": s.Bool()}


def schema_of(annotation: Any, namespace: Mapping[str, Any] | None = None) -> s.Node:
    """Return the schema of an annotation.

    `namespace` resolves forward references that name neither a module global of their class nor a class
    they are nested in. Raises SchemaError, which names the field and the fix.
    """
    try:
        with deep_recursion():
            node = Translator(namespace or {}).node(annotation, _show(annotation), {})
            _refuse_endless(node)
            return node
    except RecursionError:
        raise SchemaError(
            f"{_show(annotation)}: nested too deeply, or a generic type that grows without end",
            hint="a recursive generic class must refer to itself with the same arguments",
        ) from None


class Translator(Classes):
    """One translation. `where` names the place for errors; `env` maps type variables to their nodes."""

    def node(self, ann: Any, where: str, env: dict[Any, s.Node], marks: tuple[Any, ...] = ()) -> s.Node:
        """Translate one annotation; `marks` are the metadata of the Annotated around it, outermost first."""
        if get_origin(ann) is Annotated:
            inner, *meta = get_args(ann)
            return self.node(inner, where, env, (*marks, *reversed(meta)))
        if isinstance(ann, str | ForwardRef):
            return self.node(self.resolve(ann, where), where, env, marks)
        if hasattr(ann, "__value__") and type(ann).__name__ == "TypeAliasType":
            return self.node(ann.__value__, where, env, marks)
        if isinstance(get_origin(ann), typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            alias = get_origin(ann)
            inner_env = dict(zip(alias.__type_params__, self.nodes(get_args(ann), where, env), strict=True))
            return self.node(alias.__value__, where, env | inner_env, marks)
        length = self._length(marks, where)
        for mark in marks:
            if isinstance(mark, s.Node):
                return self._marked(mark, length, where)
        if isinstance(ann, TypeVar):
            if ann not in env:
                raise self.error(where, f"{ann} stands for no type here", "give the generic class its arguments")
            return env[ann]
        found = self._sequence(ann, where, env, marks, length)
        if found is None and length is not None:
            raise self.error(where, f"Len does not apply to {_show(ann)}", "use it on bytes or list[...]")
        return found or self._other(ann, where, env, marks)

    def nodes(self, anns: tuple[Any, ...], where: str, env: dict[Any, s.Node]) -> tuple[s.Node, ...]:
        """Translate the arguments of one generic."""
        return tuple(self.node(a, where, env) for a in anns)

    def _sequence(
        self, ann: Any, where: str, env: dict[Any, s.Node], marks: tuple[Any, ...], length: int | None
    ) -> s.Node | None:
        """Return the node of what Len applies to: bytes, list, tuple[T, ...], array.array, numpy.ndarray; else None."""
        origin, args = get_origin(ann), get_args(ann)
        if ann is bytes:
            return s.Bytes(length)
        if origin is list:
            inner, container = self.node(args[0], f"{where}[]", env), "list"
        elif origin is tuple and len(args) == 2 and args[1] is Ellipsis:
            inner, container = self.node(args[0], f"{where}[]", env), "tuple"
        elif _full_name(origin or ann) == "array.array":
            inner, container = self._array_item(where, env, marks), "array"
        elif _full_name(origin or ann) == "numpy.ndarray":
            inner, container = self._numpy_item(args, where), "numpy"
        else:
            return None
        return s.Seq(inner, container) if length is None else s.Array(inner, length, container)

    def _other(self, ann: Any, where: str, env: dict[Any, s.Node], marks: tuple[Any, ...]) -> s.Node:
        origin, args = get_origin(ann), get_args(ann)
        try:
            if ann in ATOMS:
                return ATOMS[ann]
        except TypeError:
            raise self.error(where, f"{ann!r} is not a type", "declare a type here") from None
        if origin is Union or origin is types.UnionType:
            return self._union(ann, where, env, marks)
        if origin is tuple:
            return s.Tuple(tuple(self.node(a, f"{where}[{i}]", env) for i, a in enumerate(args)))
        ordered = not any(isinstance(m, AnyOrder) for m in marks)
        if origin is dict:
            key = self.key(self.node(args[0], f"{where} (key)", env), where, ordered)
            return s.Map(key, self.node(args[1], f"{where}[]", env), ordered)
        if origin in (set, frozenset):
            item = self.key(self.node(args[0], f"{where}[]", env), where, ordered)
            return s.Set(item, ordered, origin is frozenset)
        if (origin or ann) is Some:
            raise self.error(where, "Some outside an option", "write `Some[T] | None`")
        if hasattr(ann, "__supertype__"):
            return s.NewType(ann.__name__, self.node(ann.__supertype__, where, env))
        if ann in BARE:
            raise self.error(where, f"{ann.__name__} without its element type", f"write for example {BARE[ann]}")
        found = self.class_node(origin or ann, args, where, env)
        if found is not None:
            return found
        hint = HINTS.get(ann, "use bool, str, bytes, the types of zkhost.codec, list, tuple, dict, set, "
                              "`T | None`, dataclasses or enums")  # fmt: skip
        raise self.error(where, f"{_show(ann)} has no wire form", hint)

    def _union(self, ann: Any, where: str, env: dict[Any, s.Node], marks: tuple[Any, ...]) -> s.Node:
        args = get_args(ann)
        members = [a for a in args if a is not type(None)]
        tag = next((m for m in marks if isinstance(m, Tagged)), None)
        if len(members) < len(args):
            if len(members) == 1 and get_origin(members[0]) is Some:
                return s.Option(self.node(get_args(members[0])[0], where, env), wrapped=True)
            rest = members[0] if len(members) == 1 else Annotated[Union[tuple(members)], *marks]  # noqa: UP007
            inner = self.node(rest, where, env)
            if _may_be_none(inner):
                raise self.error(where, "an option of what is None itself", "write `Some[T | None] | None`")
            return s.Option(inner)
        if tag is None:
            raise self.error(
                where,
                f"the union {_show(ann)} needs a name on the wire",
                'write Annotated[A | B, Tagged("Name")], or derive the dataclasses from a class with @enum',
            )
        return self.tagged_union(tag.name, members, where, env)

    def _marked(self, mark: s.Node, length: int | None, where: str) -> s.Node:
        if length is None:
            return mark
        if isinstance(mark, s.Bytes):
            raise self.error(where, "SerdeBytes of a fixed length", "use Annotated[bytes, Len(n)]")
        raise self.error(where, "Len applies to bytes and lists only", "use Annotated[list[...], Len(n)]")

    def _length(self, marks: tuple[Any, ...], where: str) -> int | None:
        lengths = [m.length for m in marks if isinstance(m, Len)]
        if not lengths:
            return None
        n = lengths[0]
        if type(n) is not int or not 0 <= n < 1 << 32:
            raise self.error(where, f"length {n!r} is not an int from 0 to 2**32 - 1", "give Len or Array the number")
        return n

    def _array_item(self, where: str, env: dict[Any, s.Node], marks: tuple[Any, ...]) -> s.Node:
        items = [m for m in marks if get_origin(m) is Annotated]
        item = self.node(items[0], where, env) if items else None
        if not isinstance(item, s.Float) and not (isinstance(item, s.Int) and item.bits <= 64):
            raise self.error(
                where,
                "array.array without its element type",
                "write Annotated[IntArray, U32] or Annotated[FloatArray, F64]",
            )
        return item

    def _numpy_item(self, args: tuple[Any, ...], where: str) -> s.Node:
        scalar = get_args(args[1])[0] if len(args) == 2 and get_args(args[1]) else None
        name = getattr(scalar, "__name__", "")
        if name in NUMPY:
            return NUMPY[name]
        raise self.error(where, f"{_show(args[1]) if len(args) == 2 else 'ndarray'} has no wire form",
                         "write NDArray[np.uint32] or another fixed-width dtype")  # fmt: skip


def _refuse_endless(root: s.Node) -> None:
    """Refuse a struct that contains itself with no option, list, map or enum between: its values would be infinite."""
    for struct in s.walk(root):
        todo = list(s.children(struct)) if isinstance(struct, s.Struct) else []
        while todo:
            part = todo.pop()
            if isinstance(part, s.Ref) and part.target is struct:
                raise SchemaError(
                    f"{part.name}: contains itself, without end",
                    hint=f"make the field `{part.name} | None` or list[{part.name}]",
                    path=part.name,
                )
            if isinstance(part, s.Struct | s.Tuple | s.NewType) or (isinstance(part, s.Array) and part.length):
                todo.extend(s.children(part))


def _may_be_none(node: s.Node) -> bool:
    while isinstance(node, s.NewType):
        node = node.inner
    return isinstance(node, s.Unit | s.Option)


def _full_name(ann: Any) -> str:
    return f"{getattr(ann, '__module__', '')}.{getattr(ann, '__qualname__', '')}"


def _show(ann: Any) -> str:
    if isinstance(ann, type) and not get_args(ann):
        return ann.__name__
    return str(ann).replace("typing.", "").replace("NoneType", "None")
