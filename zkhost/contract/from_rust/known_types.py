"""Types that are known without their source: how a path leads to one, and its wire form."""

from __future__ import annotations

from zkhost.contract.from_rust.crate_types import CRATES, SHOWN_BY
from zkhost.contract.from_rust.name_resolution import Foreign
from zkhost.contract.from_rust.std_types import STD_TYPES, TRANSPARENT
from zkhost.contract.from_rust.wire_forms import Form


def canonical(foreign: Foreign) -> Foreign:
    """Return the one name of a known type, `("", crate, type)`, however it was reached; other paths unchanged."""
    first, *rest = foreign.path
    if not rest or not first:
        return foreign
    if first == "std":
        inside = "::".join(rest)
        inside = inside.replace("collections::hash::map::", "collections::hash_map::")
        return Foreign(("", "std", _std_name(inside))) if inside in STD_TYPES or inside in TRANSPARENT else foreign
    crate, middle = first, rest
    for prefix, real in SHOWN_BY.items():
        if foreign.path[: len(prefix)] == prefix and len(foreign.path) > len(prefix):
            crate, middle = real, list(foreign.path[len(prefix) :])
    known = CRATES.get(crate, {})
    return Foreign(("", crate, middle[-1])) if middle[-1] in known else foreign


def _std_name(inside: str) -> str:
    parts = inside.split("::")
    short = "::".join((parts[0], parts[-1]))
    return short if short in STD_TYPES else inside


def form_of(foreign: Foreign) -> Form | None:
    """Return how serde writes a known type; None where it is not known, or is one of TRANSPARENT."""
    if foreign.path[0] != "":
        return None
    _, crate, name = foreign.path
    return STD_TYPES.get(name) if crate == "std" else CRATES[crate].get(name)
