"""Conditional compilation: whether a `cfg` predicate holds, where that can be known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zkhost.contract.from_rust.attributes import Meta

_NEVER = frozenset({"test", "doc", "docsrs", "doctest", "miri", "loom", "fuzzing", "kani", "bench"})
"""Never set where a program is built to run."""


@dataclass(frozen=True)
class Features:
    """A crate's features. `closed`: those not `on` are off; otherwise they are unknown."""

    on: frozenset[str] = frozenset()
    closed: bool = False


def holds(predicate: Meta, features: Features) -> bool | None:
    """Return whether a predicate is true: None where it depends on the target or on unknown features."""
    inner = [holds(each, features) for each in predicate.arguments or ()]
    match predicate.path:
        case "all":
            return False if False in inner else None if None in inner else True
        case "any":
            return True if True in inner else None if None in inner else False
        case "not":
            return None if not inner or inner[0] is None else not inner[0]
        case "feature":
            return True if predicate.value in features.on else False if features.closed else None
        case "true" | "false":
            return predicate.path == "true"
    return False if predicate.path in _NEVER else None


def all_hold(predicates: Iterable[Meta], features: Features) -> bool | None:
    """Return whether all of several predicates are true."""
    return holds(Meta("all", 0, None, tuple(predicates)), features)
