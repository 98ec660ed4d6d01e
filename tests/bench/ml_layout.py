"""Lay out the guest `ml`: `python -m tests.bench.ml_layout` writes its layout.ld; then build the guests again.

A page of 1 KiB costs some 335 rows in every segment that touches it, and functions lie in no useful order. The models here are
run, and the linker is told to put the functions that they enter side by side: those of every model first. Without the file,
for functions that have changed their names, or with a compiler that mangles otherwise, the guest is the same but for its rows.
"""

from __future__ import annotations

import bisect
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.bench_nn import NETWORKS, layers
from tests.unit.ml_engine.graphs import Maker, raw
from zkhost import _shim, methods
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.ml import _native, load
from zkhost.ml.compile import compile_graph

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "guest-methods/guests/src/bin/ml/layout.ld"
KERNEL = 0xC000_0000
HEAD = """\
/* The functions that small models enter, side by side: made by `python -m tests.bench.ml_layout`. What stands for a crate's
   hash matches any. */
SECTIONS
{
  .text.near : {
"""
TAIL = """\
  }
}
INSERT AFTER .text;
"""


def functions(elf: bytes) -> dict[int, str]:
    """Where each function of an ELF for 32 bits starts."""
    offset, size, count = struct.unpack_from("<I10xHH", elf, 32)
    sections = [struct.unpack_from("<10I", elf, offset + size * index) for index in range(count)]
    found = {}
    for section in sections:
        if section[1] != 2:  # SHT_SYMTAB
            continue
        names = sections[section[6]][4]
        for name, value, _, info, _, _ in struct.iter_unpack("<IIIBBH", elf[section[4] : section[4] + section[5]]):
            if info & 15 == 2 or info == 1 << 4:  # STT_FUNC, or global and untyped: those in assembly
                found[value] = elf[names + name : elf.index(b"\0", names + name)].decode()
    return found


def entered(program: bytes, stdin: bytes) -> list[str]:
    """The functions of a program that a run executes, in the order in which it comes to them."""
    starts = functions(program[program.index(b"\x7fELF") :])
    places = sorted(starts)
    found: dict[str, None] = {}

    def take(batch: list[list[Any]]) -> None:
        for kind, *event in batch:
            if kind == 0 and event[1] < KERNEL:
                found[starts[places[max(bisect.bisect_right(places, event[1]) - 1, 0)]]] = None

    env = ExecutorEnv.builder().write_slice(stdin).trace_callback(take).build()
    request = {"env": serving.request(env), "program": program, "segments": "discard"}
    _shim.call("execute", request, serving.host(env))
    return list(found)


def runs() -> Iterator[list[str]]:
    """What each model's run enters."""
    small, nothing = Maker(), Maker()
    nothing.reshape("y", nothing.input("x", "u8", (1, 4)), (4,))
    layers(small, small.input("x", "u8", (1, 64)), 32, 10)
    for make in (nothing, small, NETWORKS["digits cnn"](), NETWORKS["lenet-5, average pools"]()):
        graph = make.graph(make.steps[-1].y)
        compiled = compile_graph(graph)
        yield entered(compiled.image().program, _native.compute(compiled.plan, raw(graph, make.inputs)).stdin)
    for hidden in (False, True):
        model = load(ROOT / "examples/digits.onnx", output="argmax", hidden=hidden, salt=bytes(32) if hidden else None)
        (port,) = model.inputs
        yield entered(model.program, bytes(model.env(_pixels(port.axes)).input))


def _pixels(axes: tuple[Any, ...]) -> Any:
    import numpy as np

    shape = [axis if isinstance(axis, int) else 1 for axis in axes]
    return (np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 17) / 16


def main() -> None:
    assert methods.ML_ELF
    order = dict.fromkeys(name for run in runs() for name in run)
    patterns = dict.fromkeys(re.sub(r"Cs[0-9A-Za-z]+_(?=\d)", "Cs*_", re.sub(r"\.\d+$", "*", name)) for name in order)
    lines = [f"    *(.text.{pattern})\n" for pattern in patterns]
    SCRIPT.write_text(HEAD + "".join(lines) + TAIL)
    print(f"{SCRIPT.relative_to(ROOT)}: {len(lines)} functions")


if __name__ == "__main__":
    main()
