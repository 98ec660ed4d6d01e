"""Reading Rust source into its types, with their attributes and documentation, by tree-sitter's Rust grammar."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from zkhost.errors import ContractError

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass
class Attributes:
    """What stands above an item, a variant or a field."""

    doc: list[str] = field(default_factory=list)
    derives: set[str] = field(default_factory=set)
    serde: list[tuple[str, str | None]] = field(default_factory=list)
    """serde's arguments: `rename = "x"` is ("rename", "x"), `skip` is ("skip", None)."""
    cfg: bool = False


def parse(source: bytes) -> Node:
    """The syntax tree of a Rust file. Raises ContractError where it is not Rust, naming the line."""
    try:
        import tree_sitter_rust
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise ContractError(
            "reading Rust needs tree-sitter, which is not installed", hint="pip install 'zkhost[import-types]'"
        ) from error
    root = Parser(Language(tree_sitter_rust.language())).parse(source).root_node
    if root.has_error:
        wrong = next(node for node in _preorder(root) if node.is_error or node.is_missing)
        raise ContractError(f"not Rust that can be read: line {line_of(wrong)}: {text_of(wrong)[:60]!r}")
    return root


def line_of(node: Node) -> int:
    """The line of a node, from 1."""
    return int(node.start_point[0]) + 1


def text_of(node: Node) -> str:
    """A node's source."""
    return (node.text or b"").decode()


def name_of(node: Node | None) -> str:
    """An identifier without `r#`."""
    return "" if node is None else text_of(node).removeprefix("r#")


def with_attributes(nodes: Sequence[Node]) -> Iterator[tuple[Node, Attributes]]:
    """Each node that is neither comment nor attribute, with those that stand before it."""
    attributes = Attributes()
    for node in nodes:
        match node.type:
            case "line_comment" | "block_comment":
                _read_comment(node, attributes)
            case "attribute_item":
                _read_attribute(node.named_children[0], attributes)
            case "inner_attribute_item" | "visibility_modifier":
                pass
            case _:
                yield node, attributes
                attributes = Attributes()


def _read_comment(node: Node, into: Attributes) -> None:
    if any(child.type == "outer_doc_comment_marker" for child in node.children):
        doc = next((text_of(child) for child in node.children if child.type == "doc_comment"), "")
        for line in doc.removesuffix("\n").split("\n"):
            cleaned = line.strip().removeprefix("* ") if node.type == "block_comment" else line.removeprefix(" ")
            into.doc.append(cleaned.rstrip())


def _read_attribute(node: Node, into: Attributes) -> None:
    name = text_of(node.named_children[0])
    tokens = next((child for child in node.named_children if child.type == "token_tree"), None)
    if name == "cfg":
        into.cfg = True
    elif name == "doc" and len(node.named_children) > 1:
        into.doc.append(_string(node.named_children[-1]).removeprefix(" "))
    elif tokens is not None and name == "cfg_attr":
        inner = tokens.children
        for before, after in pairwise(inner):
            if after.type == "token_tree":
                _read_list(text_of(before), after, into)
    elif tokens is not None:
        _read_list(name, tokens, into)


def _read_list(name: str, tokens: Node, into: Attributes) -> None:
    if name == "derive":
        into.derives |= {text_of(child) for child in tokens.children if child.type == "identifier"}
    elif name == "serde":
        into.serde += _arguments(tokens)


def _arguments(tokens: Node) -> Iterator[tuple[str, str | None]]:
    group: list[Node] = []
    for token in [*tokens.children[1:-1], None]:
        if token is not None and token.type != ",":
            group.append(token)
            continue
        if group:
            value = _string(group[-1]) if len(group) > 1 and group[-1].type == "string_literal" else None
            inner = text_of(group[-1]) if len(group) > 1 and value is None else value
            yield text_of(group[0]), inner
        group = []


def _string(node: Node) -> str:
    try:
        return str(ast.literal_eval(text_of(node)))  # Rust's plain string literals read the same in Python
    except (SyntaxError, ValueError):
        return text_of(node).strip('"')


def _preorder(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _preorder(child)
