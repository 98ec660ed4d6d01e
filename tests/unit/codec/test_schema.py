# ruff: noqa: F821, UP007, UP045 (odd annotations are what is tested)
"""Declarations: what is refused, with the field and the fix; what the nodes say; what type checkers see."""

from __future__ import annotations

import array
import dataclasses
import enum
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.annotations import of
from zkhost import codec as c
from zkhost.codec import U8, U32, U64, Array, Len, Some, Tagged, schema_of
from zkhost.codec import schema as s
from zkhost.errors import SchemaError

from .vectors import Box, Chain, Color, Maybe, Node, Shape, Wrapped

T = TypeVar("T")


@dataclass
class BareInt:
    """Has a field without a width."""

    id: U64
    price: int


@dataclass
class Outer:
    inner: list[BareInt]


@dataclass
class Endless:
    inside: Endless


@dataclass
class EndlessByTuple:
    inside: tuple[U8, Annotated[list[EndlessByTuple], Len(1)]]


@dataclass
class Lost:
    x: NotDefinedAnywhere  # type: ignore[name-defined]


@dataclass
class NoInit:
    x: U8 = field(init=False, default=1)


@dataclass
class WithInitVar:
    x: U8
    seed: InitVar[int]

    def __post_init__(self, seed: int) -> None:
        pass


@dataclass
class Mutable:
    x: U8


@dataclass
class Growing(Generic[T]):
    value: T
    more: Growing[list[T]] | None


class Permissions(enum.Flag):
    R = 1
    W = 2


@c.enum
class Barren: ...


@c.enum
class Careless: ...


class NotADataclass(Careless):
    pass


REFUSED: list[tuple[Any, str, str]] = [
    (int, "int", "U8"),
    (BareInt, "BareInt.price", "U64"),
    (Outer, "BareInt.price", "U64"),
    (list[int], r"list\[int\]\[\]", "U8"),
    (list, "list", "element"),
    (dict, "dict", "element"),
    (tuple, "tuple", "element"),
    (set, "set", "element"),
    (object, "object", "exact"),
    (Any, "Any", "exact"),
    (bytearray, "bytearray", "bytes"),
    (complex, "complex", "F64"),
    (Callable[[], None], "Callable", "types of"),
    (Literal["a"], "Literal", "types of"),
    (5, "5", "type"),
    (Endless, "Endless", "None"),
    (EndlessByTuple, "EndlessByTuple", "None"),
    (Lost, "Lost.x", "namespace"),
    (of(list, "Nope"), "Nope", "namespace"),
    (NoInit, "NoInit.x", "property"),
    (WithInitVar, "WithInitVar.seed", "InitVar"),
    (Growing[U8], "Growing", "same arguments"),
    (T, "T", "arguments"),
    (Growing, "Growing", r"Growing\["),
    (dict[float, U8], "key", "Ord"),
    (set[list[U8]], "hash", "tuple"),
    (dict[Mutable, U8], "Mutable", "frozen"),
    (set[frozenset[c.F32]], "float", "Ord"),
    (Optional[Annotated[U8 | None, 1]], "option", "Some"),
    (Union[str, bytes], "union", "Tagged"),
    (Box | Wrapped, "union", "Tagged"),
    (Annotated[str | bytes, Tagged("E")], "E", "dataclass"),
    (Annotated[of(Maybe, U8) | None, 1] | None, "option", "Some"),
    (Permissions, "Flag", "U32"),
    (Barren, "Barren", "variants"),
    (Careless, "NotADataclass", "@dataclass"),
    (of(Array, U8, -1), "length", "Len"),
    (of(Array, U8, 1.5), "length", "Len"),
    (Annotated[str, Len(3)], "Len", "list"),
    (Annotated[U8, Len(3)], "Len", "list"),
    (Annotated[c.SerdeBytes, Len(3)], "SerdeBytes", "Len"),
    (array.array, "array", "IntArray"),
    (np.ndarray, "ndarray", "NDArray"),
    (NDArray[np.complex128], "complex", "uint32"),
    (NDArray[Any], "Any", "uint32"),
    (Some[U8], "Some", "None"),
]


@pytest.mark.parametrize(("annotation", "problem", "fix"), REFUSED, ids=lambda v: str(v)[:40])
def test_refused_at_declaration(annotation: Any, problem: str, fix: str) -> None:
    with pytest.raises(SchemaError, match=problem) as caught:
        c.codec(annotation)
    assert caught.value.hint is not None
    assert re.search(fix, f"{caught.value.message} {caught.value.hint}")
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("decorator", [c.newtype, c.tuple_struct])
def test_decorators_refuse(decorator: Any) -> None:
    with pytest.raises(SchemaError):
        decorator(int)
    with pytest.raises(SchemaError):
        decorator(dataclasses.make_dataclass("None_", []))


def test_nodes_keep_names_and_docs() -> None:
    @dataclass
    class Documented:
        """What somebody wrote."""

        price: U32 = field(metadata={"doc": "in cents", "rust": "u32"})

    node = schema_of(Documented)
    assert isinstance(node, s.Struct)
    assert (node.name, node.kind, node.doc) == ("Documented", "struct", "What somebody wrote.")
    assert node.fields[0].doc == "in cents"
    assert node.fields[0].metadata["rust"] == "u32"
    assert schema_of(Chain).doc is None  # type: ignore[attr-defined]
    assert hash(schema_of(Node)) == hash(schema_of(Node))
    assert schema_of(Node) == schema_of(Node)


def test_recursion_is_a_ref() -> None:
    node = schema_of(Node)
    refs = [n for n in s.walk(node) if isinstance(n, s.Ref)]
    assert len(refs) == 1
    assert refs[0].target is node


def test_descriptors() -> None:
    assert c.describe(Node) == ["struct", "Node", [["value", ["u8"]], ["children", ["seq", ["ref", "Node"]]]]]
    assert c.describe(Color) == [
        "enum",
        "Color",
        [["RED", "unit", None], ["GREEN", "unit", None], ["BLUE", "unit", None]],
    ]
    assert c.describe(Shape) == [
        "enum", "Shape",
        [["Empty", "unit", None], ["Dot", "newtype", ["u8"]], ["Pair", "tuple", [["u8"], ["u16"]]],
         ["Box", "struct", [["w", ["u8"]], ["h", ["u8"]], ["label", ["str"]]]]],
    ]  # fmt: skip
    same = dataclasses.make_dataclass("Node", [("x", U8)])
    assert [part[1] for part in c.describe(of(tuple, Node, same))[1]] == ["Node", "Node_2"]


def test_namespace_resolves_local_names() -> None:
    @dataclass
    class Inner:
        x: U8

    made: c.Codec[Any] = c.codec(of(list, "Inner"), namespace={"Inner": Inner})
    assert made.encode_words([Inner(1)]) == [1, 1]
    assert repr(c.codec(Node)) == "Codec(Node, standard)"
    assert c.codec(Node) is c.codec(Node, "standard")


def test_codec_is_light() -> None:
    heavy = "cffi msgpack httpx click rich hypothesis numpy".split()
    code = f"import sys, zkhost.codec; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("node", ["Char", "Str", "Digest"])
def test_five_files_know_a_node(node: str) -> None:
    """As CONTRIBUTING.md says of one that is added. (What warns of many bytes need not know the kinds that hold none.)"""
    root = Path(c.__file__).parents[1]
    files = [path for path in root.rglob("*.py") if path.name != "byte_words.py"]
    uses = re.compile(rf"\b(s|schema)\.{node}\b|^class {node}\(Node\)", re.MULTILINE)
    assert len([path for path in files if uses.search(path.read_text("utf-8"))]) <= 5


def test_type_checkers_see_plain_types(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(
        textwrap.dedent("""
        from __future__ import annotations
        from dataclasses import dataclass
        from typing import Annotated, Generic, TypeVar
        import numpy as np
        from numpy.typing import NDArray
        from zkhost import codec as c
        from zkhost.codec import F32, I8, U8, U64, Char, HashMap, IntArray, Len, SerdeBytes, Some, Tagged

        T = TypeVar("T")
        Key = Annotated[bytes, Len(32)]

        @c.enum
        class Shape: ...

        @c.newtype
        @dataclass(frozen=True)
        class Circle(Shape):
            radius: U64

        @dataclass(frozen=True)
        class Yes(Generic[T]):
            value: T

        @dataclass(frozen=True)
        class No: ...

        Maybe = Annotated[Yes[T] | No, Tagged("Maybe")]

        @dataclass
        class Order:
            id: U64
            key: Key
            shape: Shape
            answer: Maybe[U8]
            tags: HashMap[str, I8]
            nested: Some[U8 | None] | None
            numbers: Annotated[IntArray, U8]
            array: NDArray[np.uint32]
            letter: Char
            raw: SerdeBytes
            ratio: F32
            next: Order | None

        made: c.Codec[Order] = c.codec(Order, "packed")
        order = made.decode(b"")
        order.id + 1
        order.key.hex()
        order.letter.upper()
        reveal_type(c.decode(Order, b""))
        reveal_type(order.nested)
        if isinstance(order.shape, Circle):
            order.shape.radius.bit_length()
        match order.answer:
            case Yes(value):
                value.bit_length()
            case No():
                pass
    """)
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "c"), str(tmp_path / "user.py")]
    root = Path(__file__).parents[3]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert 'Revealed type is "user.Order"' in run.stdout, run.stdout
    assert re.search(r"Some\[(builtins\.)?int \| None\] \| None", run.stdout), run.stdout
    assert "error:" not in run.stdout, run.stdout
