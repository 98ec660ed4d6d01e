"""Rules of containers with any number of elements: sequences, arrays, sets, maps."""

from __future__ import annotations

from typing import Any

from .. import schema as s
from ..buffers import as_items, fill, native_code
from ..refusals import AS_RUST, Path, refuse_found, refuse_value, refuse_words
from . import runs
from .decoder import Decoder
from .encoder import Encoder
from .formats import PackedWriter
from .rules import RULES, Key, Rules, order_key, unordered
from .scalars import WORD_MAX


def write_sequence(enc: Encoder, node: s.Seq | s.Array, value: Any, path: Path, nesting: int) -> None:
    items = as_items(node.inner, value)
    if items is None:
        refuse_value(path, f"a {node.container} of elements", value)
    enc.out.open()
    if not isinstance(node, s.Array):
        _write_count(enc, items, path)
    elif len(items) != node.length:
        refuse_found(path, f"{node.length} elements", f"{len(items)} elements")
    if not runs.write(enc.out, native_code(node.inner), items):
        for i, item in enumerate(items):
            enc.value(node.inner, item, (path, i), nesting)
    enc.out.close()


def read_sequence(dec: Decoder, node: s.Seq | s.Array, path: Path, nesting: int) -> Any:
    if isinstance(node, s.Array):
        count = node.length
    else:
        count = dec.source.word(path, "a length")
        dec.bound((node.inner,), count, path)
    code = native_code(node.inner)
    raw = runs.read(dec.source, code, count)
    if raw is not None:
        return fill(node.container, code)(memoryview(raw))
    items = []
    for i in range(count):
        items.append(dec.value(node.inner, (path, i), nesting))
    return tuple(items) if node.container == "tuple" else items


def order_sequence(node: s.Seq | s.Array) -> Key | None:
    item = order_key(node.inner)
    return None if item is None else lambda v: tuple(map(item, v))


def write_set(enc: Encoder, node: s.Set, value: Any, path: Path, nesting: int) -> None:
    if not isinstance(value, set | frozenset):
        refuse_value(path, "a set", value)
    enc.out.open()
    _write_count(enc, value, path)
    for i, item in enumerate(_in_order(node.inner, value, path)):
        enc.value(node.inner, item, (path, i), nesting)
    enc.out.close()


def read_set(dec: Decoder, node: s.Set, path: Path, nesting: int) -> Any:
    count = dec.source.word(path, "a length")
    dec.bound((node.inner,), count, path)
    result: dict[Any, None] = {}
    order = _Order(dec, node.inner, node.ordered)
    for i in range(count):
        start = dec.source.at // 4
        item = dec.value(node.inner, (path, i), nesting)
        order.check(item, result, (path, i), start)
        result[item] = None
    return frozenset(result) if node.frozen else set(result)


def order_set(node: s.Set) -> Key:
    each = order_key(node.inner) or _same
    return lambda v: tuple(sorted(map(each, v)))


def write_map(enc: Encoder, node: s.Map, value: Any, path: Path, nesting: int) -> None:
    if not isinstance(value, dict):
        refuse_value(path, "a dict", value)
    enc.out.open()
    _write_count(enc, value, path)
    for key in _in_order(node.key, value, path) if node.ordered else list(value):
        where = (path, f"[{key!r}]")
        enc.value(node.key, key, (where, ".key"), nesting)
        enc.value(node.value, value[key], where, nesting)
    enc.out.close()


def read_map(dec: Decoder, node: s.Map, path: Path, nesting: int) -> dict[Any, Any]:
    count = dec.source.word(path, "a length")
    dec.bound((node.key, node.value), count, path)
    result: dict[Any, Any] = {}
    order = _Order(dec, node.key, node.ordered)
    for i in range(count):
        start = dec.source.at // 4
        key = dec.value(node.key, (path, f"[#{i}].key"), nesting)
        order.check(key, result, (path, f"[#{i}].key"), start)
        result[key] = dec.value(node.value, (path, f"[{key!r}]"), nesting)
    return result


def _write_count(enc: Encoder, items: Any, path: Path) -> None:
    if len(items) > WORD_MAX:
        refuse_found(path, "at most 2**32 - 1 elements", f"{len(items)} elements")
    enc.out.word(len(items))


def _in_order(node: s.Node, keys: Any, path: Path) -> list[Any]:
    """Return the keys in the order they are written. A key of the wrong type is refused as it would be elsewhere."""
    for key in keys:
        Encoder(PackedWriter()).value(node, key, (path, f"[{key!r}].key"), 0)
    return sorted(keys, key=order_key(node))


class _Order:
    """Checks that keys come as the Rust collection writes them: sorted if it is ordered, and never twice."""

    def __init__(self, dec: Decoder, node: s.Node, ordered: bool) -> None:
        self.strict = dec.source.strict
        self.key = (order_key(node) or _same) if ordered else None
        self.last: list[Any] = []

    def check(self, key: Any, seen: dict[Any, Any], path: Path, offset: int) -> None:
        if not self.strict:
            return
        if key in seen:
            refuse_words(path, offset, "each key once", f"{key!r} again", AS_RUST)
        if self.key:
            rank = self.key(key)
            if self.last and not self.last[0] < rank:
                refuse_words(path, offset, "keys in ascending order", f"{key!r} after a greater key", AS_RUST)
            self.last = [rank]


def _same(value: Any) -> Any:
    return value


RULES |= {
    s.Seq: Rules(write_sequence, read_sequence, order_sequence),
    s.Array: Rules(write_sequence, read_sequence, order_sequence),
    s.Set: Rules(write_set, read_set, order_set),
    s.Map: Rules(write_map, read_map, unordered),
}
