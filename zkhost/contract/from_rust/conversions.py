"""Types that serde writes as another: by conversion, as the number of their `#[repr]`, or as a string."""

from __future__ import annotations

from zkhost.contract.from_rust.attributes import Meta
from zkhost.contract.from_rust.declarations import Definition
from zkhost.contract.from_rust.refusal import RefusalError
from zkhost.contract.from_rust.scope import Scope, parameters
from zkhost.contract.from_rust.serde_attributes import serde_metas
from zkhost.contract.from_rust.serde_traits import Traits
from zkhost.contract.from_rust.syntax_tree import parse_type
from zkhost.contract.from_rust.type_reader import TypeReader
from zkhost.contract.from_rust.wire_forms import text
from zkhost.contract.item_model import Named, RustType

_INTEGERS = frozenset(f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64, 128))


def written_as(definition: Definition, traits: Traits, types: TypeReader) -> RustType | None:
    """Return what a type is written as; None where as itself. Raises RefusalError where reading and writing differ."""
    if "repr" in traits.ways:
        return _number(definition)
    if "text" in traits.ways:
        return text("what its Display writes", "1", "42", "a")
    metas = serde_metas(definition.attributes, definition.module.crate.features, traits.conditions)
    into = _value(metas, "into") if traits.ser else None
    source = (_value(metas, "from") or _value(metas, "try_from")) if traits.de else None
    if not into and not source:
        return None
    if (traits.ser and traits.de and into != source) or (into or source) is None:
        raise RefusalError(
            definition.node, f"serde writes it as {into or 'itself'} and reads it as {source or 'itself'}"
        )
    node = parse_type(into or source or "")
    if node is None or parameters(definition):
        raise RefusalError(definition.node, f"serde converts it to {into or source}, which is not understood")
    scope = Scope(definition.module, definition.name, ser=bool(traits.ser), de=bool(traits.de))
    try:
        return types.read(node, scope)
    except RefusalError as error:
        raise RefusalError(definition.node, error.message) from None


def _number(definition: Definition) -> RustType:
    for meta in definition.attributes.arguments("repr"):
        if meta.path in _INTEGERS:
            return Named(meta.path)
    raise RefusalError(definition.node, "serde_repr without a #[repr] of fixed width")


def _value(metas: list[Meta], path: str) -> str | None:
    return next((meta.value for meta in metas if meta.path == path), None)
