"""What `#[serde(...)]` and the other attributes of a declaration mean for the wire."""

from __future__ import annotations

from collections.abc import Iterable

from zkhost.contract.from_rust.attributes import Attributes, Meta
from zkhost.contract.from_rust.cfg import Features, all_hold
from zkhost.contract.from_rust.refusal import RefusalError

HARMLESS = frozenset(
    """alias borrow bound crate default deny_unknown_fields expecting getter other rename rename_all
    rename_all_fields""".split()
)
"""serde's attributes that change nothing on the wire of a format without names."""

_HARMLESS_ITEM = frozenset(
    """allow warn deny forbid expect derive doc cfg cfg_attr serde repr must_use non_exhaustive deprecated inline
    automatically_derived track_caller default cold diagnostic
    accesskit arbitrary archive arg as_ref as_mut asn1 autometrics backtrace bincode borsh br brw builder bw bytemuck
    clap codec cfg_eval command component constructor cw_serde data debug deku delegate deref deref_mut derivative
    diesel display drive educe enum_kind error eq evm from getset graphql group into is_variant educe
    into_iterator into_params io just knuffel min_serde mul musli n nserde num_enum ord packed_field partial_eq pin_project
    pretty proptest prost pyclass pyo3 quick_xml rename_all rkyv rlp scale scale_info schema schemars scylla setters sea_orm
    snafu speedy sqlx source ssz strum strum_discriminants structopt tabled template testresult token_proxy transitive
    tree_hash ts tsify try_from typeshare unwrap utoipa validate value_enum variant_count visitor walk xml zeroize zerocopy
    wasm_bindgen""".split()
)
"""Attributes of the language, and those that derives read and that cannot change the declaration itself."""


def serde_metas(
    attributes: Attributes, features: Features, derived_if: tuple[Meta, ...] = (), path: str = "serde"
) -> list[Meta]:
    """Return the active arguments of `#[serde(...)]`, or of another attribute. Raises RefusalError for one that may
    be active, and would change the wire.
    """
    found = []
    for meta in attributes.arguments(path):
        state = all_hold([c for c in meta.conditions if c not in derived_if], features)
        if state is None and meta.path not in HARMLESS:
            raise RefusalError(meta.line, f"#[{path}({meta})] depends on {', '.join(map(str, meta.conditions))}")
        if state is not False:
            found.append(meta)
    return found


def refuse_unknown(attributes: Attributes, features: Features, known: Iterable[str]) -> None:
    """Raise RefusalError where an attribute of a declaration may be a macro that changes it."""
    known = frozenset(known)
    for meta in attributes.metas:
        path = meta.path.removeprefix("::")
        tool = path.split("::")[0] in ("clippy", "rustfmt", "rustdoc", "cfg_eval", "diagnostic", "rust_analyzer")
        if path in _HARMLESS_ITEM or path in known or tool or all_hold(meta.conditions, features) is False:
            continue
        if (
            path.split("::")[-1] in ("cw_serde", "typeshare", "pyclass", "wasm_bindgen")
            or path == "stability::unstable"
        ):
            continue
        if path.split("::")[-1] == "derive_where" and "erialize" not in str(meta):
            continue
        raise RefusalError(meta.line, f"#[{path}] is not known: it may change what serde sees")


def present(attributes: Attributes, features: Features, line: int, what: str) -> bool:
    """Return whether a field or variant is compiled. Raises RefusalError where that is unknown."""
    conditions = attributes.arguments("cfg")
    state = all_hold(conditions, features)
    if state is None:
        shown = ", ".join(str(c) for c in conditions)
        raise RefusalError(line, f"whether {what} is there depends on cfg({shown}): name the --features")
    return state
