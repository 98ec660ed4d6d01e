"""Constants of Rust source: the lengths of arrays and the arguments of const generics."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.crate_types import CONSTANTS
from zkhost.contract.from_rust.declarations import Definition, Module
from zkhost.contract.from_rust.name_resolution import Foreign, Names
from zkhost.contract.from_rust.refusal import RefusalError
from zkhost.contract.from_rust.syntax_tree import name_of, path_segments, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
    "%": operator.mod,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_SIZE = re.compile(r"(?:(?:std|core)::mem::)?size_of::<([ui](?:8|16|32|64|128))>\(\)")
_OF_INTEGER = re.compile(r"(?:(?:std|core)::)?([ui])(8|16|32|64|128)::(BITS|MAX)")
_LARGEST = 1 << 32
_DEEPEST = 50


class Constants:
    """Evaluates constant expressions."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def value(self, node: Node, module: Module, known: Mapping[str, object], depth: int = 0) -> int:
        """Return the value of an expression in a module; `known` are const generics. Raises RefusalError where it is
        not an integer that the source determines.
        """
        found = self._value(node, module, known, depth) if depth < _DEEPEST else None
        if found is None or not -_LARGEST <= found <= _LARGEST:
            raise RefusalError(node, f"the number {text_of(node)} cannot be told from the source")
        return found

    def _value(self, node: Node, module: Module, known: Mapping[str, object], depth: int) -> int | None:
        text = text_of(node)
        if size := _SIZE.fullmatch(text.replace(" ", "")):
            return int(size[1][1:]) // 8
        if part := _OF_INTEGER.fullmatch(text):
            bits = int(part[2])
            return bits if part[3] == "BITS" else (1 << (bits - (part[1] == "i"))) - 1
        match node.type:
            case "integer_literal":
                return integer(text)
            case "parenthesized_expression" | "block" | "type_cast_expression":
                inner = [child for child in node.named_children if child.type not in ("line_comment", "block_comment")]
                single = len(inner) == 1 or node.type == "type_cast_expression"
                return self.value(inner[0], module, known, depth + 1) if single else None
            case "binary_expression":
                return self._binary(node, module, known, depth)
            case "identifier" | "type_identifier" | "scoped_identifier" | "scoped_type_identifier":
                return self._named(node, module, known, depth)
        return None

    def _binary(self, node: Node, module: Module, known: Mapping[str, object], depth: int) -> int | None:
        left, right, sign = (node.child_by_field_name(name) for name in ("left", "right", "operator"))
        operation = _OPERATORS.get(text_of(sign)) if sign else None
        if left is None or right is None or operation is None:
            return None
        a, b = (self.value(each, module, known, depth + 1) for each in (left, right))
        if (
            (b == 0 and text_of(node.children[1]) in "/%")
            or a < 0
            or b < 0
            or (operation is operator.lshift and b > 40)
        ):
            return None
        return operation(a, b)

    def _named(self, node: Node, module: Module, known: Mapping[str, object], depth: int) -> int | None:
        segments = path_segments(node)
        if len(segments) == 1 and segments[0] in known:
            number = known[segments[0]]
            return number if isinstance(number, int) else None
        target: object = self._names.path(module, segments, constant=True)
        inner: dict[str, object] = {}
        if target is None and len(segments) > 1:
            owner = known.get("Self") if segments[0] == "Self" else self._names.path(module, segments[:-1])
            if isinstance(owner, Definition):
                target, inner = self._associated(owner, segments[-1]), {"Self": owner}
        if isinstance(target, Foreign):
            return CONSTANTS.get((target.path[0], target.path[-1]))
        value = target.node.child_by_field_name("value") if isinstance(target, Definition) else None
        if value is None or not isinstance(target, Definition):
            return None
        return self.value(value, target.module, inner, depth + 1)

    def _associated(self, owner: Definition, name: str) -> Definition | None:
        """Return a constant of the type's own `impl` blocks."""
        found = []
        for block in owner.module.crate.impls:
            if block.trait is None and self._names.path(block.module, path_segments(block.type)) is owner:
                body = block.node.child_by_field_name("body")
                for child in [] if body is None else body.named_children:
                    if child.type == "const_item" and name_of(child.child_by_field_name("name")) == name:
                        found.append(Definition("associated", name, block.module, block.file, child, owner.attributes))
        return found[0] if len(found) == 1 else None


def integer(text: str) -> int | None:
    """Return the value of an integer literal."""
    digits = re.sub(r"(?:[ui](?:8|16|32|64|128|size))$", "", text.replace("_", ""))
    try:
        return int(digits, 0)
    except ValueError:
        return int(digits) if digits.isdigit() else None
