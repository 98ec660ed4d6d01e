"""User cycles of a plan's operations: estimates from constants that were counted in the zkVM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2, prod

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import float_cost
from zkhost.ml.compile.plan_bytes import Argument, Code
from zkhost.ml.graph import Graph

START = 4_000
# Beside its elements an operation is decoded and checked; a row of a strided walk is begun.
BEGIN, ROW = 170, 70
# A mean of bytes that is decided by floats.
TIE = 190


def macs(graph: Graph, op: ops.Op) -> int:
    """Multiplications of a product's elements that the model states."""
    if isinstance(op, ops.Conv | ops.ConvF):
        return prod(graph.shape(op.y)) * prod(graph.shape(op.w)[1:])
    if isinstance(op, ops.MatMul | ops.MatMulF):
        return prod(graph.shape(op.y)) * graph.shape(op.w)[-2]
    if isinstance(op, ops.GgmlProduct):
        return prod(graph.shape(op.y)) * graph.shape(op.x)[-1]
    if isinstance(op, ops.GgmlAttention):
        (queries, width), positions = graph.shape(op.q), graph.shape(op.k)[0]
        return width * queries * (2 * positions - queries + 1)
    if isinstance(op, ops.Merge):
        return prod(graph.shape(op.y)) * graph.shape(op.b)[-1] * sum(op.enable) // len(op.enable)
    return 0


def cycles(operation: tuple[Code, Sequence[Argument]]) -> int:
    """User cycles of one operation."""
    code, arguments = operation
    # Sizes are numbers; places are not asked for.
    numbers = [argument if isinstance(argument, int) else 0 for argument in arguments]
    return BEGIN + int(_COSTS[code](numbers))


def _copy(a: Sequence[int]) -> float:
    shape = a[3:9]
    if a[14] == a[20] == 1:
        # By words, where all runs start and end at words.
        words = all(a[0] * size % 4 == 0 for size in (*a[9:14], *a[15:20], shape[-1]))
        each = 0.7 * a[0] if words else 2.0
    else:
        each = 4.0 if (a[0], a[20]) == (1, 1) and a[14] > 1 else 12.0
    return prod(shape[:-1]) * (ROW + shape[-1] * each)


def _taps(a: Sequence[int]) -> int:
    """Positions of all windows of a plane."""
    return prod(a[3:6]) * prod(a[6:9])


def _average(a: Sequence[int]) -> float:
    window = a[14 + 5 * a[7] :]
    halves = list(window[6:12]) == [1, 2, 2, 1, 2, 2] and a[7] == 1
    # With one scale on both sides, as onnxruntime's quantiser leaves them, some of the means of 2 x 2 are ties.
    return a[2] * (prod(window[3:6]) * (22 + TIE / 6) if halves else _taps(window) * 18)


def _convolution(a: Sequence[int]) -> float:
    groups, channels, inputs, kernel, plane, pitch, pairs, expand, strips = *a[7:14], a[16], a[17]
    rows, last, columns, pool, size = a[21], a[19], a[22], a[25], a[39]
    last_lane = a[20] + (rows * pool - 1) * a[23] + (columns * pool - 1) * a[24]
    rescaled = a[40] * (last_lane // acc.CELL - a[20] // acc.CELL + 1)
    program = acc.Convolution(inputs, kernel, plane, pitch, pairs, rescaled)
    each = program.words + acc.CALL + program.advice * acc.CELL * acc.ADVICE_BYTE
    each += acc.SPREAD * program.terms if expand else 0
    finish = (strips - 1) * acc.finish(program, rows, columns, pool, size) + acc.finish(
        program, last, columns, pool, size
    )
    sums = strips * groups * (program.sums_words + acc.CALL + acc.ADVISE) if pairs else 0
    built = acc.BUILD * (program.words + program.sums_words)
    return acc.BEGIN + built + sums + groups * channels * (strips * each + finish)


def _paired_convolution(a: Sequence[int]) -> float:
    n, c, m, groups = a[7:11]
    window = a[11:]
    inputs, outputs = c // groups * prod(window[6:9]), m // groups
    gathered = inputs * (7 if window[12:15] == [0, 0, 0] else 9)
    return n * prod(window[3:6]) * groups * (gathered + -(-outputs // 8) * (20.2 * inputs + 60) + 14 * outputs)


def _dense(a: Sequence[int]) -> float:
    rows, inputs, row, blocks, columns, kind = a[5], a[6], a[10], a[11], a[12], a[29]
    once = columns * acc.CHANNEL if kind == 1 else 0
    return acc.BEGIN + once + rows * acc.dense_row(inputs, row, blocks, columns, kind == 2)


def matrix(rows: int, inputs: int, columns: int) -> int:
    """User cycles of a product of tensors in plain instructions: eight columns at once, and one by one what is left."""
    together, alone = divmod(columns, 8)
    return rows * (80 + 6 * inputs + together * (34 * inputs + 120) + alone * (10 * inputs + 20))


def _matmul(a: Sequence[int]) -> float:
    matrices, rows, inputs, row, blocks, columns, kind = *a[10:16], a[26]
    return acc.matmul(matrices, rows, inputs, row, blocks, columns, kind, a[4:6] != [0, 0])


def _trees(a: Sequence[int]) -> float:
    wide, rows, features, words, trees = a[0], a[2], a[3], a[5], max(a[7], 1)
    depth = log2(1 + words / (2 + wide) / trees)
    return rows * (features * (12 + 8 * wide) + trees * (depth * (10.5 + 4 * wide) + 120 + 40 * wide))


# By the interpreter's rule: elements of a block, then cycles of a block of a row, of a row, of an element of the vector.
_GGML_BLOCKS = {2: (32, 211, 110, 65), 3: (32, 228, 110, 65), 4: (256, 1801, 354, 83), 5: (256, 1650, 334, 83)}
_GGML_MAC, _GGML_SCORE_MAC = 62, 80


def _ggml_product(a: Sequence[int]) -> float:
    rule, rows, depth, vectors = a[0], a[8], a[9], a[10]
    if rule not in _GGML_BLOCKS:
        return vectors * (rows * depth * _GGML_MAC + depth * 28 * rule)
    size, block, row, element = _GGML_BLOCKS[rule]
    return vectors * (depth * element + rows * (depth // size * block + row))


def _ggml_attention(a: Sequence[int]) -> float:
    queries, positions, heads, width = a[5], a[6], a[7], a[9]
    pairs = queries * (positions - queries) + queries * (queries + 1) / 2
    return heads * (pairs * (2 * width * _GGML_SCORE_MAC + 900) + queries * width * 60)


def _merge(a: Sequence[int]) -> float:
    rows, columns, rank, scaling, precision = *a[5:8], a[13], a[14]
    each = 120 + 46 * rank + (25 if scaling & 0x7FFFFF else 0) + (60 if precision else 0)
    return rows * columns * each + (rows + columns) * rank * 30


_COSTS: dict[Code, Callable[[Sequence[int]], float]] = {
    Code.FILL: lambda a: a[2] * a[0] / 4,
    Code.FILL_FROM: lambda a: a[1] / 4,
    Code.COPY: _copy,
    Code.FLIP: lambda a: 2 * a[2],
    Code.GATHER: lambda a: a[4] * (60 + a[2]),
    Code.CONVOLUTION: lambda a: a[7] * a[9] * _taps(a[11:]) * (20 + 9 * a[8] / a[10]),
    Code.MATRIX: lambda a: matrix(prod(a[7:9]), a[9], a[10]),
    Code.NEIGHBOURS: lambda a: a[4] * (15 + 4 * a[2]),
    Code.PRODUCTS: lambda a: prod(a[5:11]) * 40,
    Code.REQUANTIZE: lambda a: prod(a[2:5]) * 25,
    Code.ADD: lambda a: prod(a[8:14]) * 24,
    Code.TABLE: lambda a: a[2] * 5,
    Code.MAX_POOL: lambda a: a[3] * _taps(a[4:]) * (float_cost.LARGEST if a[0] == 2 else 18),
    Code.AVERAGE_POOL_BYTES: _average,
    Code.ARG_MAX: lambda a: a[2] * a[3] * 12,
    Code.TOP_K: lambda a: a[2] * a[3] * 12 * (1 + a[4]),
    Code.THRESHOLD: lambda a: a[2] * 12,
    Code.TREES: _trees,
    Code.MERGE: _merge,
    Code.PROVED_CONVOLUTION: _convolution,
    Code.PAIRED_CONVOLUTION: _paired_convolution,
    Code.PAIRED_MATRIX: lambda a: a[7] * (5 * a[8] + -(-a[9] // 8) * (20.2 * a[8] + 60) + 12 * a[9]),
    Code.PROVED_DENSE: _dense,
    Code.PROVED_MATMUL: _matmul,
    Code.GGML_PRODUCT: _ggml_product,
    Code.GGML_NORM: lambda a: a[3] * a[4] * 215,
    Code.GGML_ROPE: lambda a: a[3] * a[4] * (a[5] + a[6] * 380),
    Code.GGML_ATTENTION: _ggml_attention,
    Code.GGML_SWIGLU: lambda a: a[3] * 640,
    **float_cost.COSTS,
}
