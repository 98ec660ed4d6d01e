"""Exact cycles of models and of single products: `python -m tests.bench.bench_nn [NAME...] [--plain]`.

Networks have random weights; cycles depend on shapes, and by little on values. Scales are in no simple ratio: where one is,
a noticeable part of the outputs are ties. `a mac` is user cycles a multiply-add of the
product alone: a run with it less a run without.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from math import prod

import numpy as np

from tests.unit.ml_engine.graphs import Maker, attention, raw
from zkhost import _shim
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.ml import _native
from zkhost.ml.compile import compile_graph

SCALE = 0.00413


def run(make: Maker, *outputs: str, accelerate: bool = True) -> dict[str, float]:
    """One run: user and paging cycles, segments at po2 20, bytes of plan and input."""
    graph = make.graph(*outputs)
    start = time.perf_counter()
    compiled = compile_graph(graph, accelerate=accelerate)
    spent = time.perf_counter() - start
    computed = _native.compute(compiled.plan, raw(graph, make.inputs))
    env = ExecutorEnv.builder().write_slice(computed.stdin).session_limit(None).build()
    request = {"env": serving.request(env), "program": compiled.image().program, "segments": "discard"}
    reply = _shim.call("execute", request, serving.host(env))
    assert reply["journal"] == computed.journal
    return {
        "user": reply["user_cycles"],
        "paging": reply["paging_cycles"],
        "total": reply["total_cycles"],
        "segments": len(reply["segments"]),
        "estimate": compiled.cycles,
        "plan": len(compiled.plan),
        "input": len(computed.stdin),
        "compile s": round(spent, 3),
        "macs": sum(layer.macs for layer in compiled.layers),
    }


def dense(inputs: int, outputs: int) -> Maker:
    make = Maker()
    make.input("x", "u8", (1, inputs))
    make.requantize("y", make.matmul("s", "x", outputs, spread=20), scale=SCALE)
    return make


def convolution(channels: int, size: int, out: int, kernel: int = 3) -> Maker:
    make = Maker()
    make.input("x", "u8", (1, channels, size, size))
    make.requantize("y", make.conv("s", "x", out, (kernel, kernel), spread=20), scale=SCALE)
    return make


def layers(make: Maker, x: str, *widths: int) -> str:
    """Dense layers, requantised."""
    for width in widths:
        sums = make.matmul(f"{x}m", x, width, a_zero=3, spread=20)
        x = make.requantize(f"{x}q", sums, scale=0.00307)
    return x


def mlp() -> Maker:
    """784-56-10, the network of ezkl's published numbers."""
    make = Maker()
    layers(make, make.input("x", "u8", (1, 784)), 56, 10)
    return make


def lenet(average: bool = False) -> Maker:
    """LeNet-5 on 28 x 28. As onnxruntime quantises it: 0 stands for 0 after a Relu, and means have one scale on both sides."""
    make = Maker()

    def layer(y: str, x: str, channels: int, pad: int) -> str:
        sums = make.conv(f"{y}s", x, channels, (5, 5), pads=(pad,) * 4)
        x = make.requantize(f"{y}q", sums, scale=SCALE, zero=0)
        return make.average_pool(y, x, (2, 2), zeros=(0, 0)) if average else make.pool(y, x, 2)

    x = layer("b", layer("a", make.input("x", "u8", (1, 1, 28, 28)), 6, 2), 16, 0)
    layers(make, make.reshape("r", x, (1, 400)), 120, 84, 10)
    return make


def digits() -> Maker:
    """The digits CNN of the tests: 8 and 16 channels on 8 x 8."""
    make = Maker()
    x = make.input("x", "u8", (1, 1, 8, 8))
    x = make.requantize("a", make.conv("as", x, 8, (3, 3), pads=(1, 1, 1, 1), x_zero=3), scale=SCALE)
    x = make.pool(
        "q", make.requantize("b", make.conv("bs", x, 16, (3, 3), pads=(1, 1, 1, 1), x_zero=3), scale=SCALE), 2
    )
    layers(make, make.reshape("r", x, (1, 256)), 10)
    return make


def mobilenet() -> Maker:
    """MobileNetV1, width 0.25, on 96 x 96, 1,000 classes."""
    make = Maker()
    x = make.input("x", "u8", (1, 3, 96, 96))
    x = make.requantize("c", make.conv("cs", x, 8, (3, 3), pads=(0, 0, 1, 1), strides=(2, 2), x_zero=3), scale=SCALE)
    width = 8
    for i, (out, stride) in enumerate(
        [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1)]
    ):
        pads = (1, 1, 1, 1) if stride == 1 else (0, 0, 1, 1)
        sums = make.conv(f"d{i}s", x, width, (3, 3), pads=pads, strides=(stride, stride), groups=width, x_zero=3)
        x = make.requantize(f"d{i}", sums, scale=SCALE)
        x = make.requantize(f"p{i}", make.conv(f"p{i}s", x, out, (1, 1), x_zero=3), scale=SCALE)
        width = out
    n, c, h, w = make.tensors[x].shape
    from zkhost.ml import ops

    make.write("g", "s32", (n, c))
    make.steps.append(ops.SumQ("g", "g", x, 3, h * w))
    layers(make, make.requantize("gq", "g", scale=0.103), 1000)
    return make


NETWORKS: dict[str, Callable[[], Maker]] = {
    "dense 64x64": lambda: dense(64, 64),
    "dense 256x256": lambda: dense(256, 256),
    "dense 784x128": lambda: dense(784, 128),
    "conv 28x28x1->32": lambda: convolution(1, 28, 32),
    "conv 13x13x32->64": lambda: convolution(32, 13, 64),
    "conv 8x8x64->64 1x1": lambda: convolution(64, 8, 64, 1),
    "mlp 784-56-10": mlp,
    "digits cnn": digits,
    "lenet-5": lenet,
    "lenet-5, average pools": lambda: lenet(average=True),
    "mobilenet 0.25 96x96": mobilenet,
    "attention 32x32, 4 heads": lambda: attention(4, 32, 32),
    "its products alone": lambda: attention(4, 32, 32, table=False),
    "attention 128x64": lambda: attention(1, 128, 64),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="what to run; all by default")
    parser.add_argument("--plain", action="store_true", help="without the accelerator")
    arguments = parser.parse_args()
    empty = Maker()
    empty.reshape("y", empty.input("x", "u8", (1, 4)), (4,))
    nothing = run(empty, "y")
    for name, network in NETWORKS.items():
        if arguments.names and not any(part in name for part in arguments.names):
            continue
        make = network()
        found = run(make, make.steps[-1].y, accelerate=not arguments.plain)
        alone = (found["user"] - nothing["user"]) / found["macs"]
        outputs = sum(prod(make.tensors[op.y].shape) for op in make.steps if op.y.endswith("q") or len(op.y) < 4)
        print(f"{name:22} {alone:7.3f} a mac, {outputs} outputs  " + "  ".join(f"{k} {v:,}" for k, v in found.items()))


if __name__ == "__main__":
    np.set_printoptions(linewidth=120)
    main()
