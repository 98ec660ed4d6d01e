"""What f32 costs: the zkVM has no floating-point unit, so a layer that stays in f32 takes a hundred times the cycles of one in int8."""

from __future__ import annotations

from math import prod

from zkhost.errors import UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.compile import float_cost
from zkhost.ml.graph import Graph

MAX_FLOAT_CYCLES = 50_000_000
"""About an hour on two cores."""

# ggml's quantised products are integers within a block and f32 from block to block.
_PER_GGML_MAC = 8
_PER_GGML_FLOAT_MAC = 65


def float_cycles(graph: Graph, op: ops.Op) -> int:
    """About how many cycles an operation spends in f32."""
    size = prod(graph.shape(op.y))
    match op:
        case ops.MatMulF():
            return size * graph.shape(op.a)[-1] * float_cost.MAC
        case ops.ConvF():
            return size * prod(graph.shape(op.w)[1:]) * float_cost.CONVOLUTION_MAC
        case ops.GgmlProduct():
            each = _PER_GGML_FLOAT_MAC if op.kind in ("F32", "F16") else _PER_GGML_MAC
            return size * graph.shape(op.x)[-1] * each
        case ops.GgmlAttention():
            (queries, width), positions = graph.shape(op.q), graph.shape(op.k)[0]
            return width * queries * (2 * positions - queries + 1) * _PER_GGML_FLOAT_MAC
    return round(float_cost.cycles(op, size))


def check_budget(graph: Graph, most: int) -> None:
    """Raises UnsupportedModelError, naming the dearest layer, where f32 takes more than `most` cycles."""
    costs = {op: float_cycles(graph, op) for op in graph}
    total = sum(costs.values())
    if total <= most:
        return
    worst = max(costs, key=lambda op: costs[op])
    raise UnsupportedModelError(
        f"{graph.name} takes about {total:,} cycles in float32, {costs[worst]:,} of them in {worst.node}; "
        f"expected at most {most:,}",
        hint="quantise it to int8 first (zkhost ml quantize); or raise max_float_cycles, at about a minute a million on two cores",
        node=worst.node,
        expected=f"at most {most:,} cycles in float32",
    )
