"""Operations as the interpreter's plain kernels run them, one for one."""

from __future__ import annotations

from zkhost.ml import ops
from zkhost.ml.compile.scalar import (
    choices,
    floats,
    functions,
    ggml,
    integers,
    masks,
    merge,
    moves,
    pools,
    scales,
    trees,
)
from zkhost.ml.compile.scalar.writer import WRITERS
from zkhost.ml.compile.target import Target

__all__ = [
    "choices",
    "floats",
    "functions",
    "ggml",
    "integers",
    "masks",
    "merge",
    "moves",
    "pools",
    "scales",
    "trees",
    "write",
]


def write(target: Target, op: ops.Op) -> None:
    """Append what computes `op`."""
    WRITERS[type(op)](target, op)
