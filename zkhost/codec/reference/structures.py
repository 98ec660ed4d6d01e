"""Rules of nodes with parts: options, tuples, structs, enums, newtypes, and uses of a type in itself."""

from __future__ import annotations

from typing import Any

from .. import schema as s
from ..refusals import Path, refuse_value, refuse_words
from ..types import Some
from .decoder import Decoder
from .encoder import Encoder
from .rules import RULES, Key, Rules, order_key


def write_tuple(enc: Encoder, node: s.Tuple, value: Any, path: Path, nesting: int) -> None:
    if not isinstance(value, tuple) or len(value) != len(node.items):
        refuse_value(path, f"a tuple of {len(node.items)}", value)
    enc.out.open()
    for i, item in enumerate(node.items):
        enc.value(item, value[i], (path, i), nesting)
    enc.out.close()


def read_tuple(dec: Decoder, node: s.Tuple, path: Path, nesting: int) -> Any:
    return tuple([dec.value(item, (path, i), nesting) for i, item in enumerate(node.items)])


def order_tuple(node: s.Tuple) -> Key | None:
    keys = [order_key(i) for i in node.items]
    return (lambda v: _apply(keys, v)) if any(keys) else None


def write_struct(enc: Encoder, node: s.Struct, value: Any, path: Path, nesting: int) -> None:
    enc.instance(node, value, path)
    _write_fields(enc, node.fields, value, path, nesting, level=node.kind != "unit")


def read_struct(dec: Decoder, node: s.Struct, path: Path, nesting: int) -> Any:
    return _read_fields(dec, node.cls, node.fields, path, nesting)


def order_struct(node: s.Struct) -> Key:
    return _order_fields(node.fields)


def write_enum(enc: Encoder, node: s.Enum, value: Any, path: Path, nesting: int) -> None:
    for v in node.variants:
        if (value is v.python) if node.plain else (type(value) is v.python):
            level = v.kind not in ("unit", "newtype")
            if level:
                enc.out.open()
            enc.out.word(v.index)
            _write_fields(enc, v.fields, value, path, nesting, level=False)
            if level:
                enc.out.close()
            return
    names = ", ".join(v.name for v in node.variants)
    refuse_value(path, f"a variant of {node.name} ({names})", value)


def read_enum(dec: Decoder, node: s.Enum, path: Path, nesting: int) -> Any:
    expected = f"a variant index of {node.name}, 0 to {len(node.variants) - 1}"
    index = dec.source.word(path, expected)
    if index >= len(node.variants):
        refuse_words(path, dec.source.at // 4 - 1, expected, str(index))
    chosen = node.variants[index]
    return chosen.python if node.plain else _read_fields(dec, chosen.python, chosen.fields, path, nesting)


def order_enum(node: s.Enum) -> Key:
    if node.plain:
        index = {v.name: v.index for v in node.variants}
        return lambda v: index[v.name]
    keys = {v.python: (v.index, _order_fields(v.fields)) for v in node.variants}
    return lambda v: (keys[type(v)][0], keys[type(v)][1](v))


def write_through(enc: Encoder, node: s.Node, value: Any, path: Path, nesting: int) -> None:
    raise AssertionError(node)  # `Encoder.value` handles these itself


def read_through(dec: Decoder, node: s.Node, path: Path, nesting: int) -> Any:
    raise AssertionError(node)  # `Decoder.value` handles these itself


def read_option(dec: Decoder, node: s.Option, path: Path, nesting: int) -> Any:
    return Some(dec.value(node.inner, (path, ".value"), nesting)) if dec.tag(path) else None


def order_option(node: s.Option) -> Key:
    some = order_key(node.inner) or _same
    if node.wrapped:
        return lambda v: () if v is None else (some(v.value),)
    return lambda v: () if v is None else (some(v),)


def order_newtype(node: s.NewType) -> Key | None:
    return order_key(node.inner)


def order_ref(node: s.Ref) -> Key:
    made: list[Key] = []

    def recursive(value: Any) -> Any:
        if not made:
            made.append(order_key(node.target) or _same)
        return made[0](value)

    return recursive


def _write_fields(
    enc: Encoder, fields: tuple[s.Field, ...], value: Any, path: Path, nesting: int, *, level: bool
) -> None:
    if level:
        enc.out.open()
    for f in fields:
        inner, where, node = enc.field(f, value, path)
        enc.value(node, inner, where, nesting)
    if level:
        enc.out.close()


def _read_fields(dec: Decoder, cls: Any, fields: tuple[s.Field, ...], path: Path, nesting: int) -> Any:
    start = dec.source.at // 4
    values = {f.name: dec.value(f.type, (path, f".{f.name}"), nesting) for f in fields}
    try:
        return cls(**values)
    except Exception as exc:
        try:
            refuse_words(path, start, f"what {cls.__name__} accepts", f"{type(exc).__name__}: {exc}")
        except Exception as refusal:
            raise refusal from exc


def _order_fields(fields: tuple[s.Field, ...]) -> Key:
    names = [f.name for f in fields]
    keys = [order_key(f.type) for f in fields]
    return lambda v: _apply(keys, [getattr(v, n) for n in names])


def _apply(keys: list[Key | None], values: Any) -> tuple[Any, ...]:
    return tuple(v if k is None else k(v) for k, v in zip(keys, values, strict=True))


def _same(value: Any) -> Any:
    return value


RULES |= {
    s.Tuple: Rules(write_tuple, read_tuple, order_tuple),
    s.Struct: Rules(write_struct, read_struct, order_struct),
    s.Enum: Rules(write_enum, read_enum, order_enum),
    s.Option: Rules(write_through, read_option, order_option),
    s.NewType: Rules(write_through, read_through, order_newtype),
    s.Ref: Rules(write_through, read_through, order_ref),
}
