"""Attributes as data: their paths, arguments and conditions, and the documentation above a declaration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.syntax_tree import line_of, string_value, text_of

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class Meta:
    """`path`, `path = value` or `path(arguments)`; for a string literal `value` is the string's content.

    `conditions` are the predicates of the `cfg_attr` around it.
    """

    path: str
    line: int
    value: str | None = None
    arguments: tuple[Meta, ...] | None = None
    conditions: tuple[Meta, ...] = ()

    def __str__(self) -> str:
        if self.arguments is not None:
            return f"{self.path}({', '.join(map(str, self.arguments))})"
        return self.path if self.value is None else f'{self.path} = "{self.value}"'


@dataclass
class Attributes:
    """The attributes and documentation of a declaration, a variant or a field."""

    metas: list[Meta] = field(default_factory=list)
    doc: list[str] = field(default_factory=list)

    def named(self, path: str) -> list[Meta]:
        """Return the attributes of a path."""
        return [meta for meta in self.metas if meta.path == path]

    def arguments(self, path: str) -> list[Meta]:
        """Return the arguments of all attributes of a path, each with the conditions of its attribute."""
        return [
            Meta(a.path, a.line, a.value, a.arguments, meta.conditions)
            for meta in self.named(path)
            for a in meta.arguments or ()
        ]


def with_attributes(nodes: Sequence[Node]) -> Iterator[tuple[Node, Attributes]]:
    """Yield each node that is neither comment nor attribute, with the attributes before it."""
    attributes = Attributes()
    for node in nodes:
        match node.type:
            case "line_comment" | "block_comment":
                _read_comment(node, attributes)
            case "attribute_item":
                read_attribute(node, attributes)
            case "inner_attribute_item" | "visibility_modifier":
                pass
            case _:
                yield node, attributes
                attributes = Attributes()


def read_attribute(item: Node, into: Attributes) -> None:
    """Add the content of one `#[...]`."""
    attribute = next((child for child in item.named_children if child.type == "attribute"), None)
    if attribute is None:
        return
    for meta in _metas(_tokens(attribute.children)):
        _add(meta, into)


def _add(meta: Meta, into: Attributes) -> None:
    if meta.path == "cfg_attr" and meta.arguments:
        predicate, *inner = meta.arguments
        for each in inner:
            _add(Meta(each.path, each.line, each.value, each.arguments, (*meta.conditions, predicate)), into)
    elif meta.path == "doc" and meta.value is not None:
        into.doc += [line.removeprefix(" ").rstrip() for line in meta.value.split("\n")]
    elif meta.path != "doc":
        into.metas.append(meta)


def _read_comment(node: Node, into: Attributes) -> None:
    if any(child.type == "outer_doc_comment_marker" for child in node.children):
        doc = next((text_of(child) for child in node.children if child.type == "doc_comment"), "")
        block = node.type == "block_comment"
        lines = doc.removesuffix("\n").split("\n")
        cleaned = [
            line.strip().removeprefix("*").removeprefix(" ") if block else line.removeprefix(" ") for line in lines
        ]
        while block and cleaned and not cleaned[0].strip():
            del cleaned[0]
        while block and cleaned and not cleaned[-1].strip():
            del cleaned[-1]
        into.doc += [line.rstrip() for line in cleaned]


def _tokens(nodes: Sequence[Node]) -> list[Node]:
    """Return a path's identifiers and `::` as they come, in token trees and in parsed paths."""
    tokens: list[Node] = []
    for node in nodes:
        if node.type in ("scoped_identifier", "line_comment", "block_comment"):
            tokens += _tokens(node.children) if node.type == "scoped_identifier" else []
        else:
            tokens.append(node)
    return tokens


def _metas(tokens: Sequence[Node]) -> Iterator[Meta]:
    group: list[Node] = []
    for token in tokens:
        if token.type == ",":
            if group:
                yield _meta(group)
            group = []
        else:
            group.append(token)
    if group:
        yield _meta(group)


def _meta(tokens: Sequence[Node]) -> Meta:
    line = line_of(tokens[0])
    for place, token in enumerate(tokens):
        path = "".join(text_of(t) for t in tokens[:place]).replace("r#", "")
        if token.type == "=":
            rest = tokens[place + 1 :]
            literal = len(rest) == 1 and rest[0].type in ("string_literal", "raw_string_literal")
            text = "".join(text_of(t) for t in rest)
            return Meta(path, line, string_value(text) if literal else text)
        if token.type == "token_tree":
            return Meta(path, line, None, tuple(_metas(_tokens(token.children[1:-1]))))
    text = "".join(text_of(t) for t in tokens)
    if len(tokens) == 1 and tokens[0].type in ("string_literal", "raw_string_literal"):
        return Meta("", line, string_value(text))
    return Meta(text.replace("r#", ""), line)
