"""Rust source -> the contract's model of its serde types. What is not understood is said, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkhost.contract.model import (
    Array,
    Enum,
    Field,
    Fields,
    Item,
    Module,
    Named,
    RustType,
    Struct,
    Tuple,
    Variant,
    field_types,
    walk,
)
from zkhost.contract.names import BUILT_AT_ONCE
from zkhost.contract.rust_syntax import Attributes, line_of, name_of, parse, text_of, with_attributes

if TYPE_CHECKING:
    from tree_sitter import Node

PRIMITIVES = frozenset("bool char u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 String".split())
_GENERICS = {"Vec": 1, "Option": 1, "BTreeMap": 2, "HashMap": 2, "BTreeSet": 1, "HashSet": 1}
_SAME_AS = {"VecDeque": "Vec", "LinkedList": "Vec"}
_TRANSPARENT = frozenset({"Box", "Rc", "Arc", "Cow"})
_LIKE_U64 = {"usize": "u64", "isize": "i64"}

# serde's attributes that change nothing on the wire of a format without names.
_WITHOUT_EFFECT = frozenset(
    """alias borrow bound crate default deny_unknown_fields expecting rename rename_all rename_all_fields
    transparent""".split()
)
_BUILT_AT_ONCE = {("deserialize_with", function) for function in BUILT_AT_ONCE.values()}
_BIG_ARRAYS = frozenset({"BigArray", "serde_big_array::BigArray", "serde_arrays"})


@dataclass(frozen=True)
class Note:
    """Something to know about a Rust type; with `left_out` it is not in the result."""

    line: int
    where: str
    message: str
    left_out: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}: {self.message}{' (left out)' if self.left_out else ''}"


class _NotUnderstood(Exception):
    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.line = line_of(node)


def read_rust(source: bytes) -> tuple[Module, list[Note]]:
    """The serde types of a Rust file and the notes on it. Raises ContractError where it is not Rust."""
    reader = _Reader()
    reader.collect(parse(source).named_children)
    return reader.module(), sorted(reader.notes, key=lambda note: note.line)


class _Reader:
    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._declared: dict[str, tuple[Node, Attributes]] = {}
        self._aliases: dict[str, Node] = {}
        self._numbers: dict[str, int] = {}
        self._params: tuple[str, ...] = ()

    def collect(self, nodes: Sequence[Node]) -> None:
        """Gathers the declarations, those in modules too."""
        for node, attributes in with_attributes(nodes):
            name = name_of(node.child_by_field_name("name"))
            match node.type:
                case "struct_item" | "enum_item" if attributes.derives & {"Serialize", "Deserialize"}:
                    if name in self._declared:
                        self._leave_out(line_of(node), name, "a second type of this name")
                    else:
                        self._declared[name] = node, attributes
                case "struct_item" | "enum_item":
                    self._leave_out(line_of(node), name, "derives neither Serialize nor Deserialize")
                case "type_item" if not node.child_by_field_name("type_parameters"):
                    self._aliases[name] = _child(node, "type")
                case "const_item":
                    value = node.child_by_field_name("value")
                    if value is not None and value.type == "integer_literal":
                        self._numbers[name] = _integer(value)
                case "mod_item" if (body := node.child_by_field_name("body")) is not None:
                    self.collect(body.named_children)

    def module(self) -> Module:
        """The items understood, without those that use one that was not."""
        items: dict[str, Item] = {}
        for name, (node, attributes) in self._declared.items():
            try:
                items[name] = self._item(node, name, attributes)
            except _NotUnderstood as error:
                self._leave_out(error.line, name, str(error))
        while True:
            used = ((name, t.name) for name, item in items.items() for f in field_types(item)
                    for t in walk(f) if isinstance(t, Named))  # fmt: skip
            lost = next(((name, t) for name, t in used if t in self._declared and t not in items), None)
            if lost is None:
                return Module(tuple(items.values()))
            del items[lost[0]]
            line = line_of(self._declared[lost[0]][0])
            self._leave_out(line, lost[0], f"it uses {lost[1]}, which was left out")

    def _leave_out(self, line: int, where: str, why: str) -> None:
        self.notes.append(Note(line, where, why, left_out=True))

    def _item(self, node: Node, name: str, attributes: Attributes) -> Item:
        self._no_effect(node, attributes)
        params = node.child_by_field_name("type_parameters")
        inner = [] if params is None else params.named_children
        for param in inner:
            if param.type == "const_parameter":
                raise _NotUnderstood(param, "const generics have no Python side")
        self._params = tuple(name_of(p.child_by_field_name("name")) for p in inner if p.type == "type_parameter")
        doc = "\n".join(attributes.doc)
        body = node.child_by_field_name("body")
        if node.type == "struct_item":
            return Struct(name, self._fields(body, name), self._params, doc)
        variants = []
        for each, on_it in with_attributes([] if body is None else body.named_children):
            self._no_effect(each, on_it)
            variant_name = name_of(each.child_by_field_name("name"))
            fields = self._fields(each.child_by_field_name("body"), f"{name}::{variant_name}")
            if each.child_by_field_name("value") is not None:
                where = f"{name}::{variant_name}"
                self.notes.append(Note(line_of(each), where, "its number is not on the wire, its place in the enum is"))
            variants.append(Variant(variant_name, fields, "\n".join(on_it.doc)))
        return Enum(name, tuple(variants), self._params, doc)

    def _fields(self, body: Node | None, where: str) -> Fields:
        if body is None:
            return Fields()
        named = body.type == "field_declaration_list"
        made: list[Field] = []
        for node, attributes in with_attributes(body.named_children):
            name = name_of(node.child_by_field_name("name")) if named else str(len(made))
            type_node = _child(node, "type") if named else node
            if any(key == "skip" for key, _ in attributes.serde):
                self.notes.append(
                    Note(line_of(node), f"{where}.{name}", "serde skips this field, so it is not declared")
                )
                continue
            field_type = self._with(type_node, attributes, f"{where}.{name}")
            made.append(Field(name, field_type, "\n".join(attributes.doc)))
        return Fields("named" if named else "tuple", tuple(made))

    def _with(self, node: Node, attributes: Attributes, where: str) -> RustType:
        """A field's type as `#[serde(with = ...)]` puts it on the wire."""
        ways = [value for key, value in attributes.serde if key == "with"]
        attributes.serde = [(key, value) for key, value in attributes.serde if key != "with"]
        self._no_effect(node, attributes)
        field_type = self._type(node, where)
        bytes_type = Named("Vec", (Named("u8"),))
        for way in ways:
            if way == "serde_bytes" and field_type == bytes_type:
                field_type = Named("ByteBuf")
            elif way == "serde_bytes" and field_type == Named("Option", (bytes_type,)):
                field_type = Named("Option", (Named("ByteBuf"),))
            elif not (way in _BIG_ARRAYS and isinstance(field_type, Array)):
                raise _NotUnderstood(node, f'#[serde(with = "{way}")]: what it writes is not known')
        return field_type

    def _no_effect(self, node: Node, attributes: Attributes) -> None:
        if attributes.cfg:
            raise _NotUnderstood(node, "#[cfg(...)]: whether it is there is not known")
        for key, value in attributes.serde:
            if key not in _WITHOUT_EFFECT and (key, value) not in _BUILT_AT_ONCE:
                shown = key if value is None else f'{key} = "{value}"'
                raise _NotUnderstood(node, f"#[serde({shown})] is not understood")

    def _type(self, node: Node, where: str) -> RustType:
        match node.type:
            case "unit_type":
                return Tuple()
            case "tuple_type":
                return Tuple(tuple(self._type(child, where) for child in node.named_children))
            case "array_type" if (length := node.child_by_field_name("length")) is not None:
                return Array(self._type(_child(node, "element"), where), self._length(length))
            case "reference_type" if text_of(_child(node, "type")) == "str":
                return Named("String")
            case "generic_type":
                arguments = [a for a in _child(node, "type_arguments").named_children if a.type != "lifetime"]
                return self._generic(node, text_of(_child(node, "type")).split("::")[-1], arguments, where)
            case "primitive_type" | "type_identifier" | "scoped_type_identifier":
                return self._name(node, where)
        raise _NotUnderstood(node, f"the type {text_of(node)} is not understood")

    def _name(self, node: Node, where: str) -> RustType:
        name = text_of(node).split("::")[-1].removeprefix("r#")
        if name in self._declared or name in self._params or name in PRIMITIVES or name == "ByteBuf":
            return Named(name)
        if name in self._aliases:
            return self._type(self._aliases[name], where)
        if name in _LIKE_U64:
            self.notes.append(Note(line_of(node), where, f"{name} is on the wire as {_LIKE_U64[name]}, two words"))
            return Named(_LIKE_U64[name])
        if name == "Digest":  # risc0_zkvm::sha::Digest, of risc0-zkp `core/digest.rs`
            self.notes.append(Note(line_of(node), where, "Digest is on the wire as [u32; 8], as an image ID is"))
            return Array(Named("u32"), 8)
        raise _NotUnderstood(node, f"{name} is neither declared in this file nor a type serde is known to write")

    def _generic(self, node: Node, name: str, arguments: Sequence[Node], where: str) -> RustType:
        if name in self._declared:
            return Named(name, tuple(self._type(a, where) for a in arguments))
        if name == "BigArray" and len(arguments) == 2:
            return Array(self._type(arguments[0], where), self._length(arguments[1]))
        name = _SAME_AS.get(name, name)
        if name in _TRANSPARENT and len(arguments) == 1:
            only = arguments[0]
            return Named("String") if text_of(only) == "str" else self._type(only, where)
        if _GENERICS.get(name) == len(arguments):
            return Named(name, tuple(self._type(a, where) for a in arguments))
        raise _NotUnderstood(node, f"the type {text_of(node)} is not understood")

    def _length(self, node: Node) -> int:
        if node.type == "integer_literal":
            return _integer(node)
        if text_of(node) in self._numbers:
            return self._numbers[text_of(node)]
        raise _NotUnderstood(node, f"the length {text_of(node)} is not a number known here")


def _child(node: Node, name: str) -> Node:
    child = node.child_by_field_name(name)
    if child is None:
        raise _NotUnderstood(node, f"{text_of(node)} is not understood")
    return child


def _integer(node: Node) -> int:
    text = text_of(node).replace("_", "")
    for suffix in ("usize", "u64", "u32", "u16", "u8"):
        text = text.removesuffix(suffix)
    return int(text, 0)
