"""A struct or enum of Rust -> its wire form, by the rules of serde's derive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.adapters import as_type, with_module
from zkhost.contract.from_rust.attributes import Attributes, Meta, with_attributes
from zkhost.contract.from_rust.declarations import Definition
from zkhost.contract.from_rust.name_resolution import Foreign
from zkhost.contract.from_rust.refusal import RefusalError
from zkhost.contract.from_rust.scope import Scope
from zkhost.contract.from_rust.serde_attributes import HARMLESS, present, refuse_unknown, serde_metas
from zkhost.contract.from_rust.serde_traits import Traits
from zkhost.contract.from_rust.syntax_tree import line_of, name_of, parse_type, path_segments, text_of
from zkhost.contract.from_rust.type_reader import TypeReader, child
from zkhost.contract.item_model import Enum, Field, Fields, Item, RustType, Struct, Tuple, Variant
from zkhost.contract.naming import BUILT_AT_ONCE

if TYPE_CHECKING:
    from tree_sitter import Node

_BUILT_AT_ONCE = frozenset(BUILT_AT_ONCE.values())
_SERDE_WITH_MACROS = ("serde_as", "skip_serializing_none", "serde_inline_default")


class ItemReader:
    """Reads one declaration."""

    def __init__(self, types: TypeReader, definition: Definition, traits: Traits, scope: Scope) -> None:
        self._types, self._definition, self._traits, self._scope = types, definition, traits, scope
        self._features = definition.module.crate.features
        self.notes: list[tuple[int, str, str]] = []
        """Lines, places and what to know about them."""

    def read(self, name: str) -> Item:
        """Return the item, called `name`. Raises RefusalError where its wire form is unknown."""
        node, attributes = self._definition.node, self._definition.attributes
        if node.has_error:
            raise RefusalError(node, "not Rust that can be read")
        if self._definition.present() is None and len(self._definition.module.definitions[self._definition.name]) > 1:
            raise RefusalError(node, "declared more than once, under cfg(...): name the --features")
        macros = self._macros(attributes)
        container = self._container(attributes)
        params = tuple(p for p, value in self._scope.parameters.items() if not isinstance(value, int))
        doc = "\n".join(attributes.doc)
        body = node.child_by_field_name("body")
        if self._definition.kind == "struct":
            fields = self._fields(body, self._definition.name, macros)
            if any(meta.path == "transparent" for meta in container):
                fields = self._transparent(node, fields)
            return Struct(name, fields, params, doc)
        variants = self._variants([] if body is None else body.named_children, macros)
        if not variants:
            raise RefusalError(node, "an enum without variants has no values")
        return Enum(name, tuple(variants), params, doc)

    def _macros(self, attributes: Attributes) -> set[str]:
        """Return the attribute macros of serde_with on the declaration."""
        found = {}
        for meta in attributes.metas:
            last = meta.path.split("::")[-1]
            target = self._types.names.path(self._definition.module, meta.path.removeprefix("::").split("::"))
            if last in _SERDE_WITH_MACROS and isinstance(target, Foreign) and target.path[0].startswith("serde_"):
                found[meta.path.removeprefix("::")] = last
        refuse_unknown(attributes, self._features, found)
        return set(found.values())

    def _container(self, attributes: Attributes) -> list[Meta]:
        metas = serde_metas(attributes, self._features, self._traits.conditions)
        for meta in metas:
            if meta.path not in HARMLESS | {"transparent", "remote", "from", "try_from", "into"}:
                raise RefusalError(meta.line, f"#[serde({meta})] is not understood")
        return metas

    @staticmethod
    def _transparent(node: Node, fields: Fields) -> Fields:
        held = [f for f in fields.items if f.type != Tuple()] or list(fields.items)
        if len(held) != 1:
            raise RefusalError(node, "#[serde(transparent)] over more than one field")
        return Fields("tuple", (replace(held[0], name="0"),))

    def _variants(self, nodes: list[Node], macros: set[str]) -> list[Variant]:
        variants: list[Variant] = []
        skipped: tuple[int, str] | None = None
        for node, attributes in with_attributes(nodes):
            name = name_of(node.child_by_field_name("name"))
            where = f"{self._definition.name}::{name}"
            if not present(attributes, self._features, line_of(node), where):
                continue
            if self._variant_is_skipped(node, attributes):
                skipped = skipped or (line_of(node), name)
                continue
            if skipped:
                raise RefusalError(
                    skipped[0], f"serde skips {skipped[1]}, and counts what follows differently each way"
                )
            fields = self._fields(node.child_by_field_name("body"), where, macros)
            if node.child_by_field_name("value") is not None:
                self.notes.append((line_of(node), where, "its number is not on the wire, its place in the enum is"))
            variants.append(Variant(name, fields, "\n".join(attributes.doc)))
        return variants

    def _variant_is_skipped(self, node: Node, attributes: Attributes) -> bool:
        metas = serde_metas(attributes, self._features, self._traits.conditions)
        for meta in metas:
            if meta.path not in HARMLESS | {"skip", "skip_serializing", "skip_deserializing"}:
                raise RefusalError(meta.line, f"#[serde({meta})] is not understood")
        return self._skipped(node, metas)

    def _skipped(self, node: Node, metas: list[Meta]) -> bool:
        paths = {meta.path for meta in metas}
        ser = bool(paths & {"skip", "skip_serializing"})
        de = bool(paths & {"skip", "skip_deserializing"})
        if ser != de and self._traits.ser and self._traits.de:
            raise RefusalError(node, "serde skips it one way only")
        return (ser or not self._traits.ser) and (de or not self._traits.de)

    def _fields(self, body: Node | None, where: str, macros: set[str]) -> Fields:
        if body is None:
            return Fields()
        named = body.type == "field_declaration_list"
        made: list[Field] = []
        place = -1
        for node, attributes in with_attributes(body.named_children):
            place += 1
            name = name_of(node.child_by_field_name("name")) if named else str(place)
            path = f"{where}.{name}"
            if not present(attributes, self._features, line_of(node), path):
                continue
            type_node = child(node, "type") if named else node
            metas = serde_metas(attributes, self._features, self._traits.conditions)
            if self._skipped(node, metas):
                self.notes.append((line_of(node), path, "serde skips this field, so it is not declared"))
                continue
            field_type = self._field(type_node, metas, attributes, replace(self._scope, where=path), macros)
            if named and field_type == Tuple() and "PhantomData" in text_of(type_node):
                continue
            made.append(Field(name if named else str(len(made)), field_type, "\n".join(attributes.doc)))
        return Fields("named" if named else "tuple", tuple(made))

    def _field(self, node: Node, metas: list[Meta], attributes: Attributes, scope: Scope, macros: set[str]) -> RustType:
        """Return a field's type as serde puts it on the wire."""
        found: RustType | None = None
        for meta in metas:
            if meta.path == "with" and meta.value:
                found = with_module(meta.value, node, scope, self._types)
            elif not self._without_effect(meta):
                raise RefusalError(meta.line, f"#[serde({meta})] is not understood")
        if (
            any(meta.path == "borrow" for meta in metas)
            and "Cow" in text_of(node)
            and scope.ser
            and "u8" in text_of(node)
        ):
            raise RefusalError(node, "a borrowed Cow<[u8]> is written as a list and read as a byte string")
        if ways := serde_metas(attributes, self._features, self._traits.conditions, "serde_as"):
            found = self._adapted(ways, node, scope, macros)
        if "skip_serializing_none" in macros and self._traits.ser and _is_option(node, scope, self._types):
            raise RefusalError(node, "#[skip_serializing_none] leaves the field out where it is None")
        return found or self._types.read(node, scope)

    def _adapted(self, ways: list[Meta], node: Node, scope: Scope, macros: set[str]) -> RustType:
        if "serde_as" not in macros:
            raise RefusalError(ways[0].line, "#[serde_as(...)] without serde_with's serde_as on the declaration")
        [way, *others] = ways
        way_node = parse_type(way.value) if way.value else None
        if way.path != "as" or others or way_node is None:
            raise RefusalError(way.line, f"#[serde_as({way})] is not understood")
        try:
            return as_type(way_node, node, scope, self._types)
        except RefusalError as error:
            raise RefusalError(way.line, error.message) from None

    def _without_effect(self, meta: Meta) -> bool:
        match meta.path:
            case "serialize_with" | "skip_serializing_if" | "skip_serializing":
                return not self._traits.ser
            case "deserialize_with":
                return not self._traits.de or meta.value in _BUILT_AT_ONCE
            case "skip_deserializing":
                return not self._traits.de
        return meta.path in HARMLESS


def _is_option(node: Node, scope: Scope, types: TypeReader) -> bool:
    """Return whether serde_with's macro treats the field as an Option, going by its name here."""
    path = node.child_by_field_name("type") if node.type == "generic_type" else None
    return path is not None and path_segments(path)[-1] == "Option"
