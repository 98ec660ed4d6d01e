"""The rules of the reference interpreter by operation, and what several of them use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Graph

F32 = np.float32
O = TypeVar("O", bound=ops.Op)  # noqa: E741
Values = dict[str, Any]

RULES: dict[type[ops.Op], Callable[[Graph, Any, Values], Any]] = {}


def rule(kind: type[O]) -> Callable[[Callable[[Graph, O, Values], Any]], Callable[[Graph, O, Values], Any]]:
    """Register what computes an operation: its result, or a tuple of them, from the values of what it reads."""

    def add(function: Callable[[Graph, O, Values], Any]) -> Callable[[Graph, O, Values], Any]:
        RULES[kind] = function
        return function

    return add


def along(values: Any, axis: int, rank: int) -> Any:
    """Return one value, or one for each index of an axis, shaped to broadcast."""
    array = np.asarray(values).reshape(-1)
    if array.size == 1:
        return array[0]
    shape = [1] * rank
    shape[axis] = -1
    return array.reshape(shape)


def finish(v: Any, zero: Any, lo: int, hi: int) -> Any:
    """f32 in units of the output's scale to integers: clamp, rint, add the zero point. A NaN becomes lo."""
    low, high = (np.asarray(limit - np.asarray(zero), F32) for limit in (lo, hi))
    v = np.where(v > low, v, low)
    v = np.where(v < high, v, high)
    return np.rint(v).astype(np.int32) + zero


def fma(a: Any, b: Any, c: Any) -> Any:
    """a * b + c in f32, rounded once.

    The product is exact in f64. The f64 sum is rounded to odd where it is not exact, so that rounding it to f32 is as if
    from the exact value (Boldo and Melquiond, 2008).
    """
    product = np.float64(a) * np.float64(b)
    c = np.float64(c)
    total = product + c
    back = total - product
    error = (product - (total - back)) + (c - back)
    bits = np.asarray(total).view(np.int64)
    inexact = (error != 0) & (bits & 1 == 0) & np.isfinite(total)
    away = (error > 0) == (total > 0)
    odd = np.where(inexact, np.where(away, bits + 1, bits - 1), bits).view(np.float64)
    return odd.astype(F32)
