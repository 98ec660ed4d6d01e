"""Attacks on a proof of inference that stop before a proof is made; each with its honest twin, in the same build.

Executing does not check what the accelerator is asked: a run on wrong advice ends well. The check before proving, and proving
itself, refuse it. Rules that only the circuit's prime shows are tested where programs are built, in `zkhost-nn`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from zkhost import _shim, methods
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import GuestPanicError, PlanError, ProverError, ShimError
from zkhost.ml import _native, guest_input
from zkhost.ml.compile import compile_graph
from zkhost.ml.graph import Mode
from zkhost.ml.tensors import to_bytes

from .graphs import Maker, forms, raw, rescaled

CHANNELS = 40


@dataclass(frozen=True)
class Honest:
    """A plan, its program, and what the guest reads: inputs, then advice."""

    plan: bytes
    program: bytes
    image_id: bytes
    stdin: bytes
    inputs: int
    journal: bytes


@functools.cache
def honest() -> Honest:
    """A convolution with the inputs' sums on the accelerator, and a dense layer."""
    make = Maker()
    make.input("x", "u8", (1, 20, 4, 4))
    make.requantize("y", make.conv("s", "x", CHANNELS, (2, 2), spread=20))
    make.matmul("t", make.reshape("r", "y", (1, 9 * CHANNELS)), 5)
    graph = make.graph("t")
    plan, inputs = compile_graph(graph).plan, raw(graph, make.inputs)
    image, computed = _native.image(plan), _native.compute(plan, inputs)
    return Honest(plan, image.program, image.image_id, computed.stdin, len(inputs), computed.journal)


def preflight(stdin: bytes, po2: int | None = None) -> _native.Checked:
    return _native.preflight(honest().program, stdin, segment_limit_po2=po2)


def execute(stdin: bytes) -> bytes:
    """The journal of a run that checks nothing."""
    env = ExecutorEnv.builder().write_slice(stdin).build()
    request = {"env": serving.request(env), "program": honest().program, "segments": "discard"}
    journal: bytes = _shim.call("execute", request, serving.host(env))["journal"]
    return journal


def changed(*changes: tuple[int, int]) -> bytes:
    """The honest input with bytes of the advice changed by so much."""
    data = bytearray(honest().stdin)
    for at, by in changes:
        at += honest().inputs
        data[at] = (data[at] + by) % 256
    return bytes(data)


def test_the_honest_run_passes() -> None:
    checked = preflight(honest().stdin)
    assert checked.journal == honest().journal == execute(honest().stdin)


def advice_bytes() -> int:
    return len(honest().stdin) - honest().inputs


def test_the_advice_is_what_the_attacks_take_it_for() -> None:
    """Sums: two planes of two cells. Channels: three planes of two cells each. The dense layer: three planes of a cell."""
    assert advice_bytes() == 2 * 32 + CHANNELS * 3 * 32 + 3 * 16


@pytest.mark.parametrize(
    "at", [0, 31, 32, 63, 64, 69, 95, 96, 127, 128, 159, 160, 200, 255, 3903, 3904, 3908, 3919, 3920, 3936, 3951]
)
def test_a_changed_byte_of_advice_is_refused(at: int) -> None:
    """First, last and unused lanes, in each plane of each product."""
    assert execute(changed((at, 1)))[:4] == honest().journal[:4], "executing checks nothing"
    with pytest.raises(ProverError, match="eqz"):
        preflight(changed((at, 1)))


@pytest.mark.parametrize(
    "changes",
    [
        ((70, 1), (71, -1)),  # the same sum of all lanes
        ((102, -1), (71, 1)),  # lane 6 less by 256, lane 7 more by 1: zero at z = 256
        ((102, 1), (71, -1)),
        ((134, -1), (103, 1)),  # 65,536 less, 256 more in the next lane
        ((70, 1), (166, 1)),  # the same in both channels
        ((0, 1), (64, 128)),  # the sum of inputs and a lane
    ],
)
def test_errors_that_make_up_for_each_other_are_refused(changes: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ProverError, match="eqz"):
        preflight(changed(*changes))


def test_exchanged_advice_is_refused() -> None:
    """Two lanes, and two channels."""
    start, data = honest().inputs, honest().stdin
    first, second = start + 64, start + 64 + 96
    channels = data[:first] + data[second : second + 96] + data[first:second] + data[second + 96 :]
    assert channels != data
    with pytest.raises(ProverError, match="eqz"):
        preflight(channels)
    lane = next(at for at in range(first, first + 31) if data[at] != data[at + 1])
    lanes = data[:lane] + data[lane + 1 : lane + 2] + data[lane : lane + 1] + data[lane + 2 :]
    with pytest.raises(ProverError, match="eqz"):
        preflight(lanes)


@functools.cache
def requantised() -> Honest:
    """A convolution whose program requantises: three planes of 59 cells and seven of 52 for each of two channels."""
    make = Maker()
    make.input("x", "u8", (1, 1, 28, 28))
    make.requantize("y", make.conv("s", "x", 2, (3, 3), pads=(1, 1, 1, 1), x_zero=3))
    graph = make.graph("y")
    plan, inputs = compile_graph(graph).plan, raw(graph, make.inputs)
    assert rescaled(plan) == [True]
    image, computed = _native.image(plan), _native.compute(plan, inputs)
    assert len(computed.stdin) - len(inputs) == 2 * 16 * (3 * LANES + 7 * USED)
    return Honest(plan, image.program, image.image_id, computed.stdin, len(inputs), computed.journal)


LANES, USED = 59, 52


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("plane", range(10))
def test_a_changed_byte_of_a_requantisation_is_refused(plane: int, channel: int) -> None:
    """Lanes, products (the output itself among them) and carries, of lanes that are used or not."""
    made = requantised()
    assert _native.preflight(made.program, made.stdin).journal == made.journal
    for lane in (0, 30, 16 * USED - 1):
        start = made.inputs + channel * 16 * (3 * LANES + 7 * USED)
        at = start + lane + 16 * (plane * LANES if plane < 3 else 3 * LANES + (plane - 3) * USED)
        stdin = bytearray(made.stdin)
        stdin[at] = (stdin[at] + 1) % 256
        with pytest.raises(ProverError, match="eqz"):
            _native.preflight(made.program, bytes(stdin))


@functools.cache
def products() -> Honest:
    """A matrix product whose program requantises: three planes of a row's two cells and seven more, for each of two rows."""
    make = Maker()
    make.input("x", "u8", (2, 24))
    make.requantize("y", make.matmul("s", "x", 20, a_zero=3), scale=0.0041)
    return _whole(make, 2 * 16 * 10 * 2)


@functools.cache
def components() -> Honest:
    """A convolution with strides, on four polyphase components: the program of one without."""
    make = Maker()
    make.input("x", "u8", (1, 2, 51, 51))
    make.requantize("y", make.conv("s", "x", 2, (3, 3), groups=2, strides=(2, 2), pads=(1, 1, 1, 1), x_zero=3))
    return _whole(make, 2 * 16 * (3 * 48 + 7 * 45))


@functools.cache
def pooled() -> Honest:
    """A convolution whose program requantises, and of whose outputs the largest of 2 x 2 are kept."""
    make = Maker()
    make.input("x", "u8", (1, 1, 28, 28))
    sums = make.conv("s", "x", 8, (3, 3), pads=(1, 1, 1, 1), x_zero=3)
    make.pool("y", make.requantize("a", sums), 2)
    return _whole(make, 8 * 16 * (3 * LANES + 7 * USED))


def _whole(make: Maker, advice: int) -> Honest:
    """The one layer of a graph, which its program requantises, and so many bytes of advice."""
    graph = make.graph("y")
    plan, inputs = compile_graph(graph).plan, raw(graph, make.inputs)
    assert rescaled(plan) == [True]
    image, computed = _native.image(plan), _native.compute(plan, inputs)
    assert len(computed.stdin) - len(inputs) == advice
    return Honest(plan, image.program, image.image_id, computed.stdin, len(inputs), computed.journal)


@pytest.mark.parametrize("made", [products, components, pooled])
def test_changed_advice_of_products_components_and_pools_is_refused(made: Callable[[], Honest]) -> None:
    """In every plane, of every call."""
    found = made()
    assert _native.preflight(found.program, found.stdin).journal == found.journal
    advice = len(found.stdin) - found.inputs
    for at in range(found.inputs + 5, len(found.stdin), max(37, advice // 40)):
        stdin = bytearray(found.stdin)
        stdin[at] ^= 1
        with pytest.raises(ProverError, match="eqz"):
            _native.preflight(found.program, bytes(stdin))


def test_a_fraction_of_more_than_a_unit_changes_nothing() -> None:
    """The one freedom that advice has beside the carries: a unit more in the fraction, one less before it. The guest sees it."""
    found, planes = products(), 3 * 32
    fraction, byte = (found.inputs + planes + 32 * plane for plane in (2, 3))
    stdin, written = bytearray(found.stdin), 0
    for lane in range(20):
        if stdin[fraction + lane] + 129 < 256 and stdin[byte + lane] > 0:
            stdin[fraction + lane] += 129
            stdin[byte + lane] -= 1
            written += 1
    assert written > 10
    assert _native.preflight(found.program, bytes(stdin)).journal == found.journal


@pytest.mark.parametrize("left", [0, 1, 100])
def test_short_advice_ends_the_guest(left: int) -> None:
    with pytest.raises(GuestPanicError, match="too early"):
        preflight(honest().stdin[: honest().inputs + left])


def test_more_advice_is_not_read() -> None:
    assert preflight(honest().stdin + bytes(64)).journal == honest().journal


@pytest.mark.parametrize("po2", [15, 16, 17, 18])
def test_a_segment_may_end_anywhere(po2: int) -> None:
    """Programs load what they read: an end of a segment just before one leaves nothing out."""
    graph, inputs = forms()
    plan = compile_graph(graph).plan
    computed = _native.compute(plan, raw(graph, inputs))
    checked = _native.preflight(_native.image(plan).program, computed.stdin, segment_limit_po2=po2)
    assert checked.journal == computed.journal
    assert (len(checked.segments) > 1) == (po2 < 18)


def test_another_model_has_another_image_id() -> None:
    """A changed weight, table, shape, zero point or selection of outputs: any byte of the plan."""
    plan = bytearray(honest().plan)
    seen = {honest().image_id}
    for at in (12, len(plan) - 1, len(plan) // 2):
        other = bytearray(plan)
        other[at] ^= 1 if at != 12 else 64
        try:
            seen.add(_native.image(bytes(other)).image_id)
        except PlanError:
            seen.add(bytes([at % 256]))
    assert len(seen) == 4


def test_what_the_journal_says_of_inputs_and_model() -> None:
    """Public, hashed with a salt, or not at all; and a plan that is read instead of appended."""
    graph, inputs = forms()
    (name,) = graph.inputs
    data, journals = to_bytes(inputs[name]), set()
    cases: list[tuple[Mode, bytes]] = [
        ("public", b""), ("hashed", bytes(32)), ("hashed", bytes(31) + b"\1"), ("private", b""),
    ]  # fmt: skip
    for mode, salt in cases:
        plan = compile_graph(graph, modes={name: mode}).plan
        computed = _native.compute(plan, guest_input.inference(graph, {name: mode}, {}, [inputs], {name: salt}))
        checked = _native.preflight(_native.image(plan).program, computed.stdin)
        assert checked.journal == computed.journal
        assert (data in checked.journal) == (mode == "public")
        assert (hashlib.sha256(salt + data).digest() in checked.journal) == (mode == "hashed")
        assert all(output in checked.journal for output in computed.outputs)
        journals.add(checked.journal)
    assert len(journals) == 4
    plan = compile_graph(graph, modes={name: "hashed"}).plan
    with pytest.raises(PlanError, match="fewer inputs"):
        _native.compute(plan, guest_input.inference(graph, {}, {}, [inputs], {}))


def test_a_plan_that_is_read_is_committed_to() -> None:
    graph, inputs = forms()
    plan = compile_graph(graph).plan
    computed = _native.compute(plan, raw(graph, inputs), model_salt=bytes(32))
    checked = _native.preflight(methods.ML_ELF, computed.stdin)
    assert checked.journal == computed.journal
    assert checked.journal[4:36] == hashlib.sha256(bytes(32) + plan).digest()
    assert (
        checked.journal[4:36] != _native.compute(plan, raw(graph, inputs), model_salt=bytes(31) + b"\1").journal[4:36]
    )
    with pytest.raises(ShimError, match="salt"):
        _native.compute(plan, raw(graph, inputs), model_salt=b"short")
