"""Classes -> schema nodes: dataclasses, enums of every kind, generics, recursion and forward references."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import Any, ForwardRef, TypeVar, get_args, get_origin

from ..errors import SchemaError
from . import schema as s
from .decorators import is_enum_base, kind_of, variants_of

__all__ = ["Classes"]


class Classes:
    """The part of a translation that deals with classes."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = dict(namespace)
        self.done: dict[Any, s.Node] = {}
        self.open: set[Any] = set()

    def node(self, ann: Any, where: str, env: dict[Any, s.Node], marks: tuple[Any, ...] = ()) -> s.Node:
        """Translate one annotation (the whole class has it)."""
        raise NotImplementedError

    def error(self, where: str, problem: str, fix: str) -> SchemaError:
        """Return a SchemaError that names the place and the fix."""
        return SchemaError(f"{where}: {problem}", hint=fix, path=where)

    def class_node(self, cls: Any, args: tuple[Any, ...], where: str, env: dict[Any, s.Node]) -> s.Node | None:
        """Return the node of a dataclass or enum; None for any other class."""
        if not isinstance(cls, type):
            return None
        if not (dataclasses.is_dataclass(cls) or is_enum_base(cls) or issubclass(cls, enum.Enum)):
            return None
        nodes = tuple(self.node(a, where, env) for a in args)
        key = (cls, nodes)
        if key in self.done:
            return self.done[key]
        if key in self.open:
            return s.Ref(cls.__name__, key, self.done)
        self.open.add(key)
        params: tuple[Any, ...] = getattr(cls, "__parameters__", ())
        if len(params) != len(nodes):
            names = ", ".join(p.__name__ for p in params)
            raise self.error(where, f"{cls.__name__} needs its arguments", f"write {cls.__name__}[...] for [{names}]")
        inner = dict(zip(params, nodes, strict=True))
        if issubclass(cls, enum.Enum):
            made: s.Node = self._plain_enum(cls, where)
        elif is_enum_base(cls):
            made = self._sealed_enum(cls, nodes, inner, where)
        else:
            kind, fields = self._body(cls, inner, {})
            made = s.Struct(cls, cls.__name__, kind, fields, nodes, _doc(cls))
        self.open.discard(key)
        self.done[key] = made
        return made

    def tagged_union(self, name: str, members: list[Any], where: str, env: dict[Any, s.Node]) -> s.Node:
        """Return the node of `Annotated[A | B, Tagged(name)]`."""
        key = ("union", name, tuple(map(repr, members)), tuple(env.items()))
        if key in self.done:
            return self.done[key]
        if key in self.open:
            return s.Ref(name, key, self.done)
        self.open.add(key)
        variants: list[s.Variant] = []
        for member in members:
            member = self.resolve(member, where) if isinstance(member, str | ForwardRef) else member
            cls = get_origin(member) or member
            if not dataclasses.is_dataclass(cls) or not isinstance(cls, type):
                raise self.error(where, f"{member} in the union {name} is not a dataclass",
                                 "make each variant a dataclass; one around a single value is a @newtype")  # fmt: skip
            if any(v.python is cls for v in variants):
                raise self.error(where, f"{cls.__name__} is twice in the union {name}", "use two classes")
            nodes = tuple(self.node(a, where, env) for a in get_args(member))
            params = getattr(cls, "__parameters__", ())
            variants.append(self._variant(len(variants), cls, dict(zip(params, nodes, strict=True)), {}))
        self.open.discard(key)
        self.done[key] = s.Enum(None, name, tuple(variants))
        return self.done[key]

    def resolve(self, ref: str | ForwardRef, where: str, scope: Mapping[str, Any] | None = None) -> Any:
        """Resolve a forward reference, looked up in the scope and the caller's namespace."""
        text = ref if isinstance(ref, str) else ref.__forward_arg__
        module = None if isinstance(ref, str) else ref.__forward_module__
        names = {**vars(typing), **(vars(module) if module else {}), **self.namespace, **(scope or {})}
        try:
            return eval(text, names)
        except Exception as exc:
            raise self._unresolved(where, text, exc) from None

    def key(self, node: s.Node, where: str, ordered: bool) -> s.Node:
        """Check that a node can be the key of a map or the item of a set: hashable in Python, Ord or Hash in Rust."""
        for part in s.walk(node):
            if isinstance(part, s.Float):
                raise self.error(
                    where, "a float as key", "f32 and f64 are neither Ord nor Hash in Rust; use an integer"
                )
            bad = (isinstance(part, s.Set) and not part.frozen) or isinstance(part, s.Map)
            if bad or (isinstance(part, s.Seq | s.Array) and part.container != "tuple"):
                raise self.error(where, "a key that Python cannot hash", "use tuple[T, ...], bytes or frozenset")
            if isinstance(part, s.Struct) and part.cls.__hash__ is None:
                raise self.error(where, f"{part.name} is a key but not hashable", "use @dataclass(frozen=True)")
            if isinstance(part, s.Set) and ordered and not part.ordered:
                raise self.error(where, "a HashSet as key of an ordered map", "a HashSet is not Ord in Rust")
        return node

    def _plain_enum(self, cls: type[enum.Enum], where: str) -> s.Enum:
        if issubclass(cls, enum.Flag):
            raise self.error(where, f"{cls.__name__} is a Flag", "declare an integer, as U32, and convert")
        members = tuple(s.Variant(i, m.name, "unit", m) for i, m in enumerate(cls))
        return s.Enum(cls, cls.__name__, members, (), _doc(cls))

    def _sealed_enum(self, cls: type, args: tuple[s.Node, ...], env: dict[Any, s.Node], where: str) -> s.Enum:
        subs = variants_of(cls)
        if not subs:
            raise self.error(where, f"the enum {cls.__name__} has no variants yet",
                             "derive its dataclasses from it before the type is used")  # fmt: skip
        scope = {sub.__name__: sub for sub in (cls, *subs)}
        variants = []
        for index, sub in enumerate(subs):
            if "__dataclass_fields__" not in sub.__dict__:
                raise self.error(where, f"variant {sub.__name__} is not a dataclass", "put @dataclass on it")
            inner = dict(env)
            for base in getattr(sub, "__orig_bases__", ()):
                if get_origin(base) is cls:
                    pairs = zip(getattr(cls, "__parameters__", ()), get_args(base), strict=True)
                    inner |= {arg: env[param] for param, arg in pairs if isinstance(arg, TypeVar)}
            variants.append(self._variant(index, sub, inner, scope))
        return s.Enum(cls, cls.__name__, tuple(variants), args, _doc(cls))

    def _variant(self, index: int, cls: type, env: dict[Any, s.Node], scope: Mapping[str, Any]) -> s.Variant:
        kind, fields = self._body(cls, env, scope)
        return s.Variant(index, cls.__name__, kind, cls, fields, _doc(cls))

    def _body(self, cls: type, env: dict[Any, s.Node], scope: Mapping[str, Any]) -> tuple[str, tuple[s.Field, ...]]:
        hints = self._hints(cls, scope)
        for name, hint in hints.items():
            if isinstance(hint, dataclasses.InitVar) and name not in {f.name for f in dataclasses.fields(cls)}:
                raise self.error(f"{cls.__name__}.{name}", "an InitVar cannot be decoded into", "drop the InitVar")
        env = self._inherited(cls, env)
        fields = []
        for f in dataclasses.fields(cls):
            where = f"{cls.__name__}.{f.name}"
            if not f.init:
                raise self.error(where, "a field with init=False cannot be decoded into", "make it a property")
            fields.append(s.Field(f.name, self.node(hints[f.name], where, env), f.metadata.get("doc"), f.metadata))
        return kind_of(cls), tuple(fields)

    def _inherited(self, cls: type, env: dict[Any, s.Node]) -> dict[Any, s.Node]:
        """Add what the bases of a class bind: `class Child(Pair[U8])` binds Pair's T to the node of U8."""
        env = dict(env)
        for base in getattr(cls, "__orig_bases__", ()):
            origin = get_origin(base)
            params = getattr(origin, "__parameters__", ())
            if origin is None or not params or origin is typing.Generic:
                continue
            for param, arg in zip(params, get_args(base), strict=True):
                if param not in env:
                    env[param] = self.node(arg, f"{cls.__name__}({origin.__name__})", env)
            env = self._inherited(origin, env)
        return env

    def _hints(self, cls: type, scope: Mapping[str, Any]) -> dict[str, Any]:
        nested = {k: v for base in reversed(cls.__mro__) for k, v in vars(base).items() if isinstance(v, type)}
        local = {**self.namespace, **nested, **scope, cls.__name__: cls}
        local |= {p.__name__: p for p in getattr(cls, "__parameters__", ())}
        try:
            return typing.get_type_hints(cls, localns=local, include_extras=True)
        except Exception as exc:
            known = vars(sys.modules.get(cls.__module__, typing))
            names = {**known, **local}
            for name, text in inspect.get_annotations(cls).items():
                if isinstance(text, str):
                    try:
                        eval(text, names)
                    except Exception as inner:
                        raise self._unresolved(f"{cls.__name__}.{name}", text, inner) from None
            raise self._unresolved(cls.__name__, "an annotation", exc) from None

    def _unresolved(self, where: str, text: str, exc: Exception) -> SchemaError:
        return self.error(where, f"cannot resolve {text!r} ({exc})",
                          "define it at module level before the codec is made, or pass namespace={...}")  # fmt: skip


def _doc(cls: type) -> str | None:
    """Return the class's written docstring, not the one that dataclasses and enums generate."""
    doc = cls.__dict__.get("__doc__")
    made_up = doc is None or doc.startswith(f"{cls.__name__}(") or doc == "An enumeration."
    return None if made_up else doc
