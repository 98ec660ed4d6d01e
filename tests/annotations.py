"""Annotations that are made while a test runs, of which no type checker can know."""

from __future__ import annotations

from typing import Any


def of(generic: Any, *arguments: Any) -> Any:
    """`generic[arguments]`: of(dict, K, V) for `dict[K, V]`."""
    return generic[arguments[0] if len(arguments) == 1 else arguments]
