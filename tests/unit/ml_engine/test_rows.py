"""How many rows small models take, exactly: what they page in beside what they compute."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.bench_nn import layers
from zkhost import _shim, ml
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.ml import _native, guest_input, ops
from zkhost.ml.compile import compile_graph

from .graphs import Maker, raw

EXAMPLES = Path(__file__).parents[3] / "examples"
RESERVED = 4369
"""Rows of a segment that are its lookup tables'."""


def checked(make: Maker, modes: Any = None) -> _native.Checked:
    """A run whose segments are checked as a proof of them will be."""
    graph = make.graph(make.steps[-1].y)
    compiled = compile_graph(graph, modes=modes)
    salts = {name: bytes(range(index, index + 32)) for index, name in enumerate(graph.tensors)}
    given = guest_input.inference(graph, modes or {}, {}, [make.inputs], salts)
    done = _native.compute(compiled.plan, given)
    found = _native.preflight(compiled.image().program, done.stdin)
    assert found.journal == done.journal
    return found


def demo(**options: Any) -> _native.Checked:
    """The digit of `make demo`, preflighted."""
    levels = ".123456789ABCDEFG"
    example = runpy.run_path(str(EXAMPLES / "classify_digit.py"))
    pixels = np.array([levels.index(pixel) for pixel in example["PICTURE"].split()], np.float32) / 16
    model = ml.load(example["MODEL"], output="argmax", **options)
    env = model.env(pixels.reshape(1, 1, 8, 8))
    return _native.preflight(model.program, bytes(env.input))


def test_the_demos_digit_is_one_segment() -> None:
    """Half the time to prove it depends on it."""
    found = demo()
    assert found.segments == (17,)
    assert found.user_cycles <= 60_000
    assert found.used_cycles + RESERVED <= 114_000
    assert demo(hidden=True, salt=bytes(32)).segments == (17,)


def test_what_every_model_takes() -> None:
    make = Maker()
    make.reshape("y", make.input("x", "u8", (1, 4)), (4,))
    found = checked(make)
    assert found.segments == (15,)
    assert found.used_cycles + RESERVED <= 25_000


def test_a_small_mlp_is_one_small_segment() -> None:
    """2,368 multiply-adds."""
    make = Maker()
    layers(make, make.input("x", "u8", (1, 64)), 32, 10)
    found = checked(make)
    assert found.segments == (16,)
    assert found.used_cycles + RESERVED <= 45_000


def test_the_claims_output_is_the_journals_digest() -> None:
    """The guest halts by itself, with the digest of risc0's structure of journal and assumptions."""
    make = Maker()
    make.reshape("y", make.input("x", "u8", (1, 4)), (4,))
    graph = make.graph("y")
    compiled = compile_graph(graph)
    done = _native.compute(compiled.plan, raw(graph, make.inputs))
    env = ExecutorEnv.builder().write_slice(done.stdin).build()
    host, segments = serving.host(env), []
    host.on_segment = lambda _, segment: segments.append(bytes(segment))
    request = {"env": serving.request(env), "program": compiled.image().program, "segments": "callback"}
    _shim.call("execute", request, host)
    parts = [hashlib.sha256(b"risc0.Output"), hashlib.sha256(done.journal)]
    output = hashlib.sha256(b"".join(part.digest() for part in parts) + bytes(32) + (2).to_bytes(2, "little"))
    (segment,) = segments
    assert output.digest() in segment


@pytest.mark.parametrize("mode", ["public", "hashed"])
@pytest.mark.parametrize("nbytes", [1, 4, 22, 24, 28, 32, 56, 64, 92, 96, 128, 216, 220, 224, 252, 256, 260, 1000])
def test_the_guest_hashes_and_commits_every_length(nbytes: int, mode: str) -> None:
    """A block of SHA-256 is 64 bytes, of which the last 9 are its end; what is written to the journal at once is 256."""
    make = Maker()
    make.reshape("y", make.input("x", "u8", (1, nbytes)), (nbytes,))
    checked(make, {"x": mode, "y": mode} if mode == "hashed" else None)


def test_a_nan_is_the_same_in_the_guest_and_on_the_host() -> None:
    """What a CPU makes of sqrt(-1) or infinity - infinity has its own sign, and an input's NaN its payload."""
    make = Maker()
    values = np.array([-1, np.inf, 4, 0], np.float32)
    values[3:].view(np.uint32)[:] = 0xFFC1_2345
    make.input("x", "f32", (4,))
    make.inputs["x"] = values
    make.steps += [
        ops.Unary("s", make.write("s", "f32", (4,)), "sqrt", "x"),
        ops.Binary("y", make.write("y", "f32", (4,)), "sub", "s", "s"),
    ]
    for output in ("s", "y"):
        graph = make.graph(output)
        compiled = compile_graph(graph)
        done = _native.compute(compiled.plan, raw(graph, make.inputs))
        found = _native.preflight(compiled.image().program, done.stdin)
        assert found.journal == done.journal
        bits = np.frombuffer(done.journal[-16:], np.uint32)
        assert set(bits[np.isnan(bits.view(np.float32))]) == {0x7FC0_0000}
