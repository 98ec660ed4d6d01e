"""What the reference engine knows of each kind of node: how it is written, how it is read, and how its values are ordered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import schema as s
from ..refusals import Path

__all__ = ["RULES", "Key", "Rules", "natural", "order_key", "unordered"]

Key = Callable[[Any], Any]
# The first argument is the Encoder or Decoder, which look their rules up here.
Write = Callable[[Any, Any, Any, Path, int], None]
Read = Callable[[Any, Any, Path, int], Any]


class Rules(NamedTuple):
    """The rules of one kind of node.

    `write` takes the encoder, the node, the value, its path and how deep it is nested, `read` the same without a value.
    `order` takes the node and returns a function whose results sort as Rust's derived `Ord` sorts the values, or None
    where the values sort so themselves.
    """

    write: Write
    read: Read
    order: Callable[[Any], Key | None]


#: By the class of the node. The modules scalars, containers and structures fill it.
RULES: dict[type[s.Node], Rules] = {}


def order_key(node: s.Node) -> Key | None:
    """The order of a node's values: see `Rules.order`."""
    return RULES[type(node)].order(node)


def natural(_: s.Node) -> None:
    """The order of values that Python sorts as Rust does. (Both order text by code point.)"""


def unordered(node: s.Node) -> Key:
    """The order of what cannot be a key: none. `translate` refuses such keys."""
    raise AssertionError(node)
