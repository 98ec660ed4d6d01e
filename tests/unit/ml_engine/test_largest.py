"""The largest programs, on the largest numbers, in the zkVM; and operands at the last address below 64 KiB."""

from __future__ import annotations

import pytest

from zkhost.ml import _native, reference
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import compile_graph

from .graphs import raw
from .largest import LARGEST, PRIVATE, call, weights_at, with_weights_at


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_program_of_each_form_runs(name: str) -> None:
    """Within 3 % of what one instruction may take, or as many inputs as the table has: and the result is the true one."""
    largest = LARGEST[name]
    graph, inputs = largest.graph()
    plan = compile_graph(graph, modes=PRIVATE).plan
    found = call(plan)
    assert found.form == largest.form
    assert found.form == "dense" or 0.97 * acc.MAX_CYCLES < found.cycles <= acc.MAX_CYCLES
    computed = _native.compute(plan, raw(graph, inputs))
    (expected,) = reference.run(graph, inputs).values()
    assert computed.outputs == (expected.tobytes(),)
    assert _native.preflight(_native.image(plan).program, computed.stdin).journal == computed.journal


@pytest.mark.parametrize("name", ["dense, 128 inputs, rows of 16", "split signs", "pointwise, sums"])
def test_weights_may_lie_at_the_end_of_64_kib(name: str) -> None:
    """The circuit adds addresses in halves, the lower of which must not exceed 17 bits: a base of 0xfff0 is the worst."""
    graph, inputs = LARGEST[name].graph()
    plan = with_weights_at(graph, 0xFFF0)
    assert weights_at(plan) & 0xFFFF == 0xFFF0
    computed = _native.compute(plan, raw(graph, inputs))
    assert _native.preflight(_native.image(plan).program, computed.stdin).journal == computed.journal
