"""Schema nodes: what a type looks like on the wire, and which Python values stand for it.

An annotation is translated once into a tree of these frozen nodes (see `translate`); everything else walks the tree:
both engines, the plain and the JSON form, and the generator of Rust types.
A recursive type refers back to itself with `Ref`, so the tree is finite; `Ref.target` is the node it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Array",
    "Bool",
    "Bytes",
    "Char",
    "Digest",
    "Enum",
    "Field",
    "Float",
    "Int",
    "Map",
    "NewType",
    "Node",
    "Option",
    "Ref",
    "Seq",
    "Set",
    "Str",
    "Struct",
    "Tuple",
    "Unit",
    "Variant",
    "children",
    "walk",
    "zero_sized",
]


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes."""

    @property
    def rust(self) -> str:
        """The name of the Rust type, whose arguments are the node's children; empty where they do not suffice."""
        return ""

    @property
    def like(self) -> Node | None:
        """The node whose Rust type and words are the same, with another Python value; None where there is none."""
        return None


@dataclass(frozen=True, slots=True)
class Bool(Node):
    """`bool`."""

    @property
    def rust(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Int(Node):
    """`u8` to `i128`: `bits` is 8, 16, 32, 64 or 128."""

    bits: int
    signed: bool

    @property
    def rust(self) -> str:
        """The name of the Rust type, as in `u64`."""
        return f"{'i' if self.signed else 'u'}{self.bits}"

    @property
    def low(self) -> int:
        """The smallest value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest value."""
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True, slots=True)
class Float(Node):
    """`f32` or `f64`."""

    bits: int

    @property
    def rust(self) -> str:
        return f"f{self.bits}"


@dataclass(frozen=True, slots=True)
class Char(Node):
    """`char`: a `str` of one Unicode scalar value."""

    @property
    def rust(self) -> str:
        return "char"


@dataclass(frozen=True, slots=True)
class Str(Node):
    """`String`."""

    @property
    def rust(self) -> str:
        return "String"


@dataclass(frozen=True, slots=True)
class Unit(Node):
    """`()`: the value None, no words."""


@dataclass(frozen=True, slots=True)
class Bytes(Node):
    """Bytes held as `bytes`: `Vec<u8>`, `[u8; length]`, or with `serde` a serde byte string (`serde_bytes`)."""

    length: int | None = None
    serde: bool = False

    @property
    def rust(self) -> str:
        return "ByteBuf" if self.serde else ""

    @property
    def like(self) -> Node | None:
        if self.serde:
            return None
        return Seq(Int(8, False)) if self.length is None else Array(Int(8, False), self.length)


@dataclass(frozen=True, slots=True)
class Digest(Node):
    """risc0's `Digest`, a newtype of `[u32; 8]`, held as its 32 bytes: an image ID or a SHA-256."""

    size: int = field(default=32, init=False, repr=False)

    @property
    def like(self) -> Node | None:
        return Array(Int(32, False), self.size // 4)


@dataclass(frozen=True, slots=True)
class Option(Node):
    """`Option<inner>`: None or the value; with `wrapped`, None or `Some(value)`, which is what nesting needs."""

    inner: Node
    wrapped: bool = False

    @property
    def rust(self) -> str:
        return "Option"


@dataclass(frozen=True, slots=True)
class Seq(Node):
    """`Vec<inner>`, held in a `list`, `tuple`, `array` (array.array) or `numpy` (1-d ndarray)."""

    inner: Node
    container: str = "list"

    @property
    def rust(self) -> str:
        return "Vec"


@dataclass(frozen=True, slots=True)
class Array(Node):
    """`[inner; length]`, held like a Seq."""

    inner: Node
    length: int
    container: str = "list"


@dataclass(frozen=True, slots=True)
class Set(Node):
    """`BTreeSet<inner>`, or `HashSet` where not `ordered`; held in a `set` or `frozenset`."""

    inner: Node
    ordered: bool = True
    frozen: bool = False

    @property
    def rust(self) -> str:
        return "BTreeSet" if self.ordered else "HashSet"


@dataclass(frozen=True, slots=True)
class Map(Node):
    """`BTreeMap<key, value>`, or `HashMap` where not `ordered`; held in a dict."""

    key: Node
    value: Node
    ordered: bool = True

    @property
    def rust(self) -> str:
        return "BTreeMap" if self.ordered else "HashMap"


@dataclass(frozen=True, slots=True)
class Tuple(Node):
    """`(A, B, ...)`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NewType(Node):
    """A `typing.NewType`: a Rust newtype struct whose Python value is the inner value itself."""

    name: str
    inner: Node


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct or variant. `doc` is `metadata["doc"]` of the dataclass field."""

    name: str
    type: Node
    doc: str | None = None
    metadata: Mapping[Any, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Struct(Node):
    """A dataclass. `kind` is `struct`, `newtype`, `tuple` or `unit`; `args` are the arguments of a generic class."""

    cls: type
    name: str
    kind: str
    fields: tuple[Field, ...]
    args: tuple[Node, ...] = ()
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of an enum: `kind` as of a Struct. `python` is the dataclass, or the member of an `enum.Enum`."""

    index: int
    name: str
    kind: str
    python: Any
    fields: tuple[Field, ...] = ()
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Enum(Node):
    """A Rust enum. `cls` is the `enum.Enum` or the base class of the variants; None for a tagged union."""

    cls: type | None
    name: str
    variants: tuple[Variant, ...]
    args: tuple[Node, ...] = ()
    doc: str | None = field(default=None, compare=False)

    @property
    def plain(self) -> bool:
        """Whether the Python values are members of an `enum.Enum`."""
        return self.cls is not None and hasattr(self.cls, "__members__")


@dataclass(frozen=True, slots=True)
class Ref(Node):
    """A use of a struct or enum inside itself. `key` tells apart types that share a name."""

    name: str
    key: Any
    table: dict[Any, Node] = field(compare=False, repr=False)

    @property
    def target(self) -> Node:
        """The struct or enum itself."""
        return self.table[self.key]


def children(node: Node) -> Iterator[Node]:
    """Yield the direct parts of a node. A Ref has none: the caller follows `target`, which may be recursive."""
    match node:
        case Option(inner=inner) | Seq(inner=inner) | Array(inner=inner) | Set(inner=inner) | NewType(inner=inner):
            yield inner
        case Map(key=key, value=value):
            yield key
            yield value
        case Tuple(items=items):
            yield from items
        case Struct(fields=fields):
            yield from (f.type for f in fields)
        case Enum(variants=variants):
            yield from (f.type for v in variants for f in v.fields)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all below it, each distinct object once, parents first."""
    seen: set[int] = set()
    todo = [node]
    while todo:
        here = todo.pop()
        if id(here) not in seen:
            seen.add(id(here))
            yield here
            todo.extend(reversed(list(children(here))))


def zero_sized(node: Node) -> bool:
    """Return whether every value of the node takes no words, so that a length word before them bounds nothing."""
    match node:
        case Unit() | Bytes(length=0):
            return True
        case Array(length=0):
            return True
        case NewType() | Tuple() | Struct() | Array():
            return all(map(zero_sized, children(node)))
    return False
