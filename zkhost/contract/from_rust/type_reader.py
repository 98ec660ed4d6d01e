"""Rust types as written in source -> their wire form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.const_eval import Constants
from zkhost.contract.from_rust.crate_types import CHANGED_BY
from zkhost.contract.from_rust.declarations import Definition
from zkhost.contract.from_rust.known_types import canonical, form_of
from zkhost.contract.from_rust.name_resolution import Ambiguous, Foreign, Names, Primitive
from zkhost.contract.from_rust.refusal import RefusalError
from zkhost.contract.from_rust.scope import Declarations, Parameter, Scope, Unread, parameters
from zkhost.contract.from_rust.std_types import TRANSPARENT
from zkhost.contract.from_rust.syntax_tree import line_of, path_segments, text_of
from zkhost.contract.from_rust.wire_forms import Constrained, UnknownFormError, exactly
from zkhost.contract.item_model import Array, Item, Named, RustType, Tuple

if TYPE_CHECKING:
    from tree_sitter import Node

_LIKE_U64 = {"usize": "u64", "isize": "i64"}
_DEEPEST_ALIAS = 40


class TypeReader:
    """Reads types; every path is resolved."""

    def __init__(self, names: Names, declarations: Declarations) -> None:
        self.names = names
        self.constants = Constants(names)
        self._declarations = declarations

    def read(self, node: Node, scope: Scope) -> RustType:
        """Return the wire form of a type. Raises RefusalError where it is unknown."""
        if scope.depth > _DEEPEST_ALIAS:
            raise RefusalError(node, f"{text_of(node)} is an alias that leads to itself")
        match node.type:
            case "unit_type":
                return Tuple()
            case "tuple_type":
                inner = [child for child in node.named_children if child.type not in ("line_comment", "block_comment")]
                alone = len(inner) == 1 and not any(child.type == "," for child in node.children)
                return self.read(inner[0], scope) if alone else Tuple(tuple(self.read(each, scope) for each in inner))
            case "array_type" if (length := node.child_by_field_name("length")) is not None:
                return Array(self.read(child(node, "element"), scope), self.length(length, scope))
            case "reference_type":
                return self._reference(child(node, "type"), scope)
            case "generic_type":
                return self._path(node, child(node, "type"), arguments(node), scope)
            case "primitive_type" | "type_identifier" | "scoped_type_identifier":
                return self._path(node, node, [], scope)
            case "bounded_type" | "dynamic_type" | "abstract_type":
                raise RefusalError(node, f"{text_of(node)}: what a trait object holds is not known")
        raise RefusalError(node, f"the type {text_of(node)} has no wire form that is known")

    def definition(self, node: Node, target: Definition, scope: Scope) -> RustType:
        """Return the wire form of a declaration that takes no arguments."""
        return self._declared(node, target, [], scope)

    def length(self, node: Node, scope: Scope) -> int:
        """Return the value of an array's length or of a constant argument."""
        known: dict[str, object] = {n: p for n, p in scope.parameters.items() if isinstance(p, int)}
        return self.constants.value(node, scope.module, {**known, "Self": scope.self_definition})

    def bytes_like(self, node: Node, scope: Scope) -> RustType | None:
        """Return what `serde_bytes` writes for a type: a byte string, or an optional one; None where neither."""
        match node.type:
            case "reference_type":
                return self.bytes_like(child(node, "type"), scope)
            case "array_type":
                length = node.child_by_field_name("length")
                if text_of(child(node, "element")) != "u8":
                    return None
                return Named("ByteBuf") if length is None else exactly(self.length(length, scope))
        if node.type == "generic_type" and len(arguments(node)) == 1:
            target = self.names.path(scope.module, path_segments(child(node, "type")))
            known = canonical(target).path[-1] if isinstance(target, Foreign) else None
            if known in TRANSPARENT:
                return self.bytes_like(arguments(node)[0], scope)
            if known == "option::Option":
                inner = self.bytes_like(arguments(node)[0], scope)
                return inner and Named("Option", (inner,))
        match self.read(node, scope):
            case Named("Vec", (Named("u8"),)) | Named("ByteBuf"):
                return Named("ByteBuf")
            case Array(Named("u8"), count):
                return exactly(count)
        return None

    def _reference(self, inner: Node, scope: Scope) -> RustType:
        if inner.type == "array_type" and inner.child_by_field_name("length") is None:
            item = self.read(child(inner, "element"), scope)
            if scope.de and item == Named("u8"):
                if scope.ser:
                    raise RefusalError(inner, "&[u8] is written as a list and read as a byte string: use serde_bytes")
                return Named("ByteBuf")
            return self._unless_read(inner, Named("Vec", (item,)), scope)
        if text_of(inner) == "str":
            return Named("String")
        return self._unless_read(inner, self.read(inner, scope), scope)

    @staticmethod
    def _unless_read(node: Node, rust_type: RustType, scope: Scope) -> RustType:
        if scope.de:
            raise RefusalError(node, f"serde reads no &{text_of(node)}")
        return rust_type

    def _path(self, node: Node, path: Node, args: list[Node], scope: Scope) -> RustType:
        if "<" in text_of(path):
            raise RefusalError(node, f"{text_of(node)} is an associated type: which one is not known")
        segments = path_segments(path)
        if segments[0] in scope.parameters:
            parameter = scope.parameters[segments[0]]
            if len(segments) > 1 or isinstance(parameter, int):
                raise RefusalError(node, f"{text_of(node)} is an associated type: which one is not known")
            return parameter
        if segments == ["Self"] and scope.self_type is not None:
            return scope.self_type
        if declared := self._declarations.foreign(segments):
            return declared
        target = self.names.path(scope.module, segments)
        if isinstance(target, Foreign):
            return self._foreign(node, canonical(target), args, scope)
        if isinstance(target, Primitive):
            return self._primitive(node, target.name, scope)
        if isinstance(target, Definition):
            return self._declared(node, target, args, scope)
        if isinstance(target, Ambiguous):
            raise RefusalError(node, f"which {target.name} is meant depends on cfg(...): name the --features")
        raise RefusalError(node, f"{text_of(path)} is neither declared nor imported here")

    def _primitive(self, node: Node, name: str, scope: Scope) -> RustType:
        if name == "str":
            raise RefusalError(node, "str without a pointer")
        if name in _LIKE_U64:
            message = f"{name} is on the wire as {_LIKE_U64[name]}, two words"
            self._declarations.note(scope, line_of(node), message)
        return Named(_LIKE_U64.get(name, name))

    def _foreign(self, node: Node, target: Foreign, args: list[Node], scope: Scope) -> RustType:
        if declared := self._declarations.foreign([s for s in target.path if s]):
            return declared
        if target.path[-1] in TRANSPARENT and target.path[0] == "":
            return self._pointer(node, args[0], scope)
        form = form_of(target)
        for dependency in scope.module.crate.dependencies.values():
            changed = CHANGED_BY.get(dependency.package, frozenset()) & dependency.features
            if changed and dependency.package.replace("-", "_") == target.path[1]:
                raise RefusalError(node, f"the feature {min(changed)} changes how {dependency.package} writes it")
        if form is None:
            raise RefusalError(
                node,
                f"{target} is of another crate: declare its wire form, as in --type {target.path[-1]}=SerdeBytes",
            )
        try:
            rust_type = form(_Arguments(self, args, scope, self._declarations))
        except IndexError:
            raise RefusalError(node, f"{text_of(node)} lacks a generic argument") from None
        except UnknownFormError as error:
            raise RefusalError(node, str(error)) from None
        if isinstance(rust_type, Constrained) and rust_type.name in ("ByteBuf", "String"):
            what = "a byte string" if rust_type.name == "ByteBuf" else "a string"
            known = target.path[-1].split("::")[-1] if not args else text_of(node)
            self._declarations.note_once(scope, line_of(node), f"{known} is on the wire as {what}: {rust_type.limit}")
        elif target.path[1:] in (("risc0_zkvm", "Digest"), ("risc0_zkp", "Digest")):
            self._declarations.note(scope, line_of(node), "Digest is on the wire as [u32; 8], as an image ID is")
        return rust_type

    def _pointer(self, node: Node, inner: Node, scope: Scope) -> RustType:
        if inner.type == "array_type" and inner.child_by_field_name("length") is None:
            return Named("Vec", (self.read(child(inner, "element"), scope),))
        return Named("String") if text_of(inner) == "str" else self.read(inner, scope)

    def _declared(self, node: Node, target: Definition, args: list[Node], scope: Scope) -> RustType:
        if declared := self._declarations.foreign([target.module.crate.name, *target.module.path, target.name]):
            return declared
        if target.kind not in ("struct", "enum", "alias"):
            raise RefusalError(node, f"{target.name} is a {target.kind}")
        bound = self._bind(node, target, args, scope)
        if target.kind == "alias":
            inner = replace(scope, module=target.module, parameters=dict(bound), depth=scope.depth + 1)
            return self.read(child(target.node, "type"), inner)
        constants = tuple(value for _, value in bound if isinstance(value, int))
        used = self._declarations.use(target, constants, scope, node)
        types = tuple(value for _, value in bound if not isinstance(value, int))
        return Named(used, types) if isinstance(used, str) else used

    def _bind(self, node: Node, target: Definition, args: list[Node], scope: Scope) -> list[tuple[str, RustType | int]]:
        """Return the parameters of a declaration with the arguments that they have here."""
        params = parameters(target)
        if len(args) > len(params):
            raise RefusalError(node, f"{target.name} takes fewer arguments")
        bound: list[tuple[str, RustType | int]] = []
        for place, param in enumerate(params):
            inside = scope
            if place < len(args):
                given: Node | None = args[place]
            else:
                given, inside = param.default, replace(scope, module=target.module, parameters=dict(bound))
            if given is None:
                raise RefusalError(node, f"{target.name} without its argument {param.name}")
            bound.append((param.name, self._argument(given, param, inside)))
        return bound

    def _argument(self, given: Node, param: Parameter, scope: Scope) -> RustType | int:
        if param.constant:
            return self.length(given, scope)
        try:
            return self.read(given, scope)
        except RefusalError as error:
            return Unread(f"{scope.where}:{given.start_byte}", (), error.message, error.line)


@dataclass(frozen=True)
class _Arguments:
    reader: TypeReader
    nodes: list[Node]
    scope: Scope
    declarations: Declarations

    @property
    def count(self) -> int:
        return len(self.nodes)

    def type(self, place: int) -> RustType:
        return self.reader.read(self.nodes[place], self.scope)

    def number(self, place: int) -> int:
        return self.reader.length(self.nodes[place], self.scope)

    def item(self, item: Item) -> str:
        return self.declarations.builtin(item)


def arguments(node: Node) -> list[Node]:
    """Return the arguments of a generic type, lifetimes left out."""
    outer = child(node, "type_arguments").named_children
    return [each for each in outer if each.type not in ("lifetime", "line_comment", "block_comment")]


def child(node: Node, name: str) -> Node:
    """Return a part of a node that is always there in Rust that compiles."""
    found = node.child_by_field_name(name)
    if found is None:
        raise RefusalError(node, f"{text_of(node)} is not understood")
    return found
