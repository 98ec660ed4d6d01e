"""Graphs made for tests: random weights and inputs, the same each time."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zkhost.ml import guest_input, ops
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.graph import Array, DType, Graph, Tensor

RANGES = {"u8": (0, 256), "s8": (-128, 128), "s32": (-(2**20), 2**20)}
NUMPY = {"u8": np.uint8, "s8": np.int8, "s32": np.int32, "f32": np.float32}


@dataclass
class Maker:
    """Collects tensors, constants and operations of one graph."""

    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))
    inputs: dict[str, Array] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    steps: list[ops.Op] = field(default_factory=list)

    def values(self, dtype: DType, shape: Sequence[int]) -> Array:
        if dtype == "f32":
            return self.random.normal(size=shape).astype(np.float32)
        low, high = RANGES[dtype]
        return self.random.integers(low, high, shape).astype(NUMPY[dtype])

    def input(self, name: str, dtype: DType, shape: Sequence[int]) -> str:
        self.tensors[name] = Tensor(name, dtype, tuple(shape))
        self.inputs[name] = self.values(dtype, shape)
        return name

    def constant(self, name: str, array: Any) -> str:
        self.constants[name] = np.asarray(array)
        return name

    def write(self, name: str, dtype: DType, shape: Sequence[int]) -> str:
        self.tensors[name] = Tensor(name, dtype, tuple(shape))
        return name

    def conv(
        self, y: str, x: str, channels: int, kernel: tuple[int, ...], *, pads: tuple[int, ...] | None = None,
        strides: tuple[int, ...] | None = None, dilations: tuple[int, ...] | None = None, groups: int = 1,
        w: DType = "s8", w_zero: tuple[int, ...] = (0,), x_zero: ops.Zero = 0, spread: int = 30, bias: bool = True,
    ) -> str:  # fmt: skip
        shape, n = self.tensors[x].shape, len(kernel)
        window = ops.Window(kernel, strides or (1,) * n, pads or (0,) * 2 * n, dilations or (1,) * n)
        low, high = (-spread, spread) if w == "s8" else (128 - spread, 128 + spread)
        weights = self.random.integers(low, high, (channels, shape[1] // groups, *kernel)).astype(NUMPY[w])
        b = self.constant(f"{y}.bias", self.random.integers(-9999, 9999, channels).astype(np.int32)) if bias else None
        self.write(y, "s32", (shape[0], channels, *window.out(shape[2:])))
        self.constant(f"{y}.w", weights)
        self.steps.append(ops.Conv(f"{y} (Conv)", y, x, f"{y}.w", b, x_zero, w_zero, window, groups))
        return y

    def matmul(
        self, y: str, a: str, columns: int, *, w: DType = "s8", w_zero: tuple[int, ...] = (0,), a_zero: ops.Zero = 0,
        spread: int = 30,
    ) -> str:  # fmt: skip
        shape = self.tensors[a].shape
        low, high = (-spread, spread) if w == "s8" else (128 - spread, 128 + spread)
        self.constant(f"{y}.w", self.random.integers(low, high, (shape[-1], columns)).astype(NUMPY[w]))
        self.constant(f"{y}.bias", self.random.integers(-9999, 9999, columns).astype(np.int32))
        self.write(y, "s32", (*shape[:-1], columns))
        self.steps.append(ops.MatMul(f"{y} (MatMul)", y, a, f"{y}.w", f"{y}.bias", a_zero, w_zero))
        return y

    def product(self, y: str, a: str, w: str, *, a_zero: ops.Zero = 0, w_zero: int = 0, bias: str | None = None) -> str:
        """A matrix product of two tensors, of each two matrices of a batch."""
        self.write(y, "s32", (*self.tensors[a].shape[:-1], self.tensors[w].shape[-1]))
        self.steps.append(ops.MatMul(f"{y} (MatMul)", y, a, w, bias, a_zero, (w_zero,)))
        return y

    def requantize(
        self, y: str, x: str, *, dtype: DType = "u8", scale: Any = 0.004, zero: int = 3, axis: int = 1,
        low: int | None = None, high: int | None = None,
    ) -> str:  # fmt: skip
        limits = {"u8": (0, 255), "s8": (-128, 127)}[dtype]
        lo, hi = (limits[0] if low is None else low), (limits[1] if high is None else high)
        self.constant(f"{y}.scale", np.atleast_1d(np.asarray(scale, np.float32)))
        self.write(y, dtype, self.tensors[x].shape)
        self.steps.append(ops.Requantize(f"{y} (Requantize)", y, x, f"{y}.scale", axis, zero, lo, hi))
        return y

    def pool(self, y: str, x: str, size: int) -> str:
        n, c, h, w = self.tensors[x].shape
        window = ops.Window((size, size), (size, size), (0, 0, 0, 0), (1, 1))
        self.write(y, self.tensors[x].dtype, (n, c, *window.out((h, w))))
        self.steps.append(ops.MaxPool(f"{y} (MaxPool)", y, x, window))
        return y

    def average_pool(
        self, y: str, x: str, kernel: tuple[int, ...], *, strides: tuple[int, ...] | None = None,
        pads: tuple[int, ...] | None = None, count_pads: bool = False, scales: tuple[float, float] = (0.0123, 0.0123),
        zeros: tuple[int, int] = (3, 3), dtype: DType = "u8", shift: int = 0,
    ) -> str:  # fmt: skip
        n, c, *sizes = self.tensors[x].shape
        around = pads or (0,) * 2 * len(kernel)
        window = ops.Window(kernel, strides or kernel, around, (1,) * len(kernel))
        low, high = {"u8": (0, 255), "s8": (-128, 127)}[dtype]
        x_scale, y_scale = (float(np.float32(scale)) for scale in scales)
        self.write(y, dtype, (n, c, *window.out(tuple(sizes))))
        self.steps.append(
            ops.AveragePoolQ(
                f"{y} (AveragePool)",
                y,
                x,
                window,
                count_pads,
                around,
                x_scale,
                zeros[0],
                y_scale,
                zeros[1],
                shift,
                low,
                high,
            )
        )
        return y

    def reshape(self, y: str, x: str, shape: Sequence[int]) -> str:
        self.write(y, self.tensors[x].dtype, shape)
        self.steps.append(ops.Reshape(f"{y} (Reshape)", y, x))
        return y

    def graph(self, *outputs: str) -> Graph:
        return Graph("test", tuple(self.inputs), outputs, self.tensors, self.constants, tuple(self.steps))


def raw(graph: Graph, inputs: Mapping[str, Array]) -> bytes:
    """What the guest reads for one sample, nothing hashed, apart from advice."""
    return guest_input.inference(graph, {}, {}, [inputs], {})


def operations(plan: bytes) -> list[tuple[int, tuple[int, ...]]]:
    """Each operation of a plan: its code and arguments."""
    words = struct.unpack(f"<{len(plan) // 4}I", plan[: len(plan) // 4 * 4])
    found, at = [], words[7] // 4
    for _ in range(words[8]):
        code, count = words[at] >> 16, words[at] & 0xFFFF
        found.append((code, words[at + 1 : at + 1 + count]))
        at += 1 + count
    return found


def rescaled(plan: bytes) -> list[bool]:
    """For each convolution and matrix product on the accelerator, whether its program requantises."""
    codes = {Code.PROVED_CONVOLUTION: 1, Code.PROVED_DENSE: 2, Code.PROVED_MATMUL: 2}
    return [arguments[-1] == codes[Code(code)] for code, arguments in operations(plan) if code in codes]


def forms() -> tuple[Graph, dict[str, Array]]:
    """A small network with every form of program: split signs, sums, weights put into cells, requantisation, dense with
    requantisation or without; a pool, groups."""
    make = Maker()
    make.input("x", "u8", (1, 1, 12, 12))
    make.requantize("a", make.conv("a0", "x", 12, (3, 3), pads=(1, 1, 1, 1), x_zero=3))
    make.requantize(
        "b",
        make.conv("b0", "a", 4, (3, 3), pads=(1, 1, 1, 1), x_zero=3),
        dtype="s8",
        scale=[0.002, 0.003, 0.001, 0.004],
    )
    make.pool("c", "b", 3)
    make.requantize("d", make.conv("d0", "c", 6, (1, 1), x_zero=3, w="u8", w_zero=(131,)), scale=0.01)
    make.requantize("e", make.conv("e0", "d", 6, (2, 2), x_zero=3, groups=6))
    make.requantize("g", make.matmul("g0", make.reshape("r", "e", (1, 54)), 12, a_zero=3, spread=9), scale=0.008)
    make.requantize("f", make.matmul("f0", "g", 10, a_zero=3), scale=0.02)
    return make.graph("f"), make.inputs


def attention(heads: int, length: int, width: int, *, table: bool = True) -> Maker:
    """Attention as onnxruntime quantises it: queries times keys, a softmax of bytes, times values; keys come transposed. Its output
    is `y`; without `table`, the softmax is left out."""
    make = Maker()
    make.input("q", "u8", (heads, length, width))
    make.input("k", "u8", (heads, width, length))
    make.input("v", "u8", (heads, length, width))
    scores = make.product("sq", "q", "k", a_zero=121, w_zero=130)
    shares = make.requantize("s", scores, scale=0.0021 / width**0.5, zero=140)
    if table:
        make.constant("table", (np.exp(np.arange(-255, 1) * 0.043) * 2.0**100).astype(np.float32))
        shares = make.write("p", "u8", (heads, length, length))
        make.steps.append(ops.SoftmaxQ("p (Softmax)", "p", "s", length, "table", 255.0, 0))
    make.requantize("y", make.product("yq", shares, "v", w_zero=126), scale=0.0041, zero=120)
    return make


def float_forms() -> tuple[Graph, dict[str, Array]]:
    """A small graph with every operation of f32."""
    make = Maker()
    make.input("x", "f32", (4, 8))
    make.input("b", "u8", (4, 8))
    make.constant("w", make.values("f32", (8, 8)))
    make.constant("bias", make.values("f32", (8,)))
    make.constant("scale", np.array([0.05], np.float32))
    make.constant("table", np.exp(np.arange(-255, 1) / 20).astype(np.float32))

    def f(name: str) -> str:
        return make.write(name, "f32", (4, 8))

    def u(name: str) -> str:
        return make.write(name, "u8", (4, 8))

    make.steps += [
        ops.MatMulF("matmul", f("m"), "x", "w", "bias"),
        ops.Function("gelu", f("g"), "gelu", "m"),
        ops.Function("elu", f("e"), "elu", "m", 1.5, 0.5),
        ops.Softmax("softmax", f("s"), "g", 8, False),
        ops.Softmax("log", f("l"), "e", 8, True),
        ops.Power("power", f("p"), "s", "bias"),
        ops.Compare("less", u("c"), "less", "p", "l"),
        ops.SoftmaxQ("bytes", u("q"), "b", 8, "table", 256.0, 0),
        ops.Compare("or", u("o"), "or", "c", "q"),
        ops.Select("where", f("z"), "o", "g", "bias"),
        ops.SumF("sum", make.write("t", "f32", (4, 1)), "z", 8, True, 8),
        ops.Binary("sub", f("d"), "sub", "z", "t"),
        ops.Unary("abs", f("a"), "abs", "d"),
        ops.Clip("clip", f("k"), "a", 0.0, 6.0),
        ops.Quantize("quantize", u("y"), "k", "scale", 0, (3,), 0, 255),
    ]
    return make.graph("y", "s", "l"), make.inputs
