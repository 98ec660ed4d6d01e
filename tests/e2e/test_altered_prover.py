"""What stops a prover that lies about the big integer accelerator: the verifier, or, where a rule of `zkhost_nn::program` is
broken, nothing.

The prover checks nothing, and alters the witness as the attack needs it. Each attack is proved for real; the circuit's
constraints are evaluated at every row as well, and show that the attack violates the one it is about and no other.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.altered_prover import Change, Lie, build, prove
from tests.unit.ml_engine.graphs import Maker, raw
from zkhost import compute_image_id
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ProverError, VerificationError
from zkhost.ml import _native
from zkhost.ml.compile import compile_graph
from zkhost.provers.local import LocalProver

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

PRIME = 15 * 2**27 + 1
LANES = 16
# Words before the EQZ of a dense layer's program: the planes of the advice, and the EQZ's own zero cell.
LOW, MIDDLE, HIGH, ZERO = 6, 4, 1, 0


@pytest.fixture(scope="module")
def prover() -> Path:
    return build()


@dataclass(frozen=True)
class Run:
    """A dense layer of 16 outputs: one program, three planes of one cell."""

    program: bytes
    image_id: bytes
    stdin: bytes
    journal: bytes
    sums: tuple[int, ...]

    def advised(self, *claims: tuple[int, int]) -> bytes:
        """What the guest reads where the host adds so much to lanes of its advice."""
        lanes = list(self.lanes)
        for lane, by in claims:
            lanes[lane] += by
        planes = b"".join(bytes(lane >> shift & 255 for lane in lanes) for shift in (0, 8, 16))
        return self.stdin[: -3 * LANES] + planes

    @property
    def lanes(self) -> list[int]:
        low, middle, high = (self.stdin[len(self.stdin) - at * LANES :][:LANES] for at in (3, 2, 1))
        return [a + 256 * b + 65536 * c for a, b, c in zip(low, middle, high, strict=True)]


@functools.cache
def honest() -> Run:
    make = Maker()
    make.input("x", "u8", (1, 12))
    make.matmul("y", "x", LANES)
    graph = make.graph("y")
    plan = compile_graph(graph).plan
    image, computed = _native.image(plan), _native.compute(plan, raw(graph, make.inputs))
    assert len(computed.stdin) == len(raw(graph, make.inputs)) + 3 * LANES
    sums = struct.unpack("<16i", computed.outputs[0])
    return Run(image.program, image.image_id, computed.stdin, computed.journal, sums)


def lie(prover: Path, folder: Path, stdin: bytes, *changes: Change) -> Lie:
    return prove(prover, folder, honest().program, stdin, *changes)


def test_an_honest_run_of_the_prover_that_lies_verifies(prover: Path, tmp_path: Path) -> None:
    """Which is what makes the others mean something: its receipts are refused for what they claim."""
    run = honest()
    assert run.advised() == run.stdin
    made = lie(prover, tmp_path, run.stdin)
    assert (made.checks, made.violated) == ((True,), ())
    made.receipt.verify(run.image_id)
    assert made.receipt.journal.bytes == run.journal


@pytest.mark.parametrize(
    ("claims", "changes", "holds", "violated"),
    [
        # Memory and witness agree, and the polynomial is not zero at z.
        ([(4, 1)], [], False, ("EqZero", ZERO)),
        # Zero at z = 256.
        ([(5, -256), (6, 1)], [], False, ("EqZero", ZERO)),
        # What the guest uses is wrong, what the accelerator is told was read is right.
        ([(4, 1)], [Change(LOW, 4, -1)], True, ("AddTotal", LOW)),
        # The lane plus the prime: its third byte is none.
        ([(4, 1)], [Change(HIGH, 4, PRIME >> 16)], True, ("AddTotal", HIGH)),
        # The cell of EQZ is not the constant zero, so that a carry makes up for the difference.
        ([(0, -768), (1, 3)], [Change(ZERO, 0, 3)], True, ("EqZero", ZERO)),
    ],
    ids=["one byte", "two lanes", "another witness", "plus p", "a carry"],
)
def test_a_lie_about_a_dense_layer_does_not_verify(
    claims: list[tuple[int, int]], changes: list[Change], holds: bool, violated: tuple[str, int], prover: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    run = honest()
    made = lie(prover, tmp_path, run.advised(*claims), *changes)
    assert (made.checks, made.violated) == ((holds,), (violated,))
    wrong = list(run.sums)
    for lane, by in claims:
        wrong[lane] += by
    assert made.receipt.journal.bytes.endswith(struct.pack("<16i", *wrong)), "the guest committed the lie"
    with pytest.raises(VerificationError):
        made.receipt.verify(run.image_id)


# Of the guest `lanes`: what one program reads.
@dataclass(frozen=True)
class Told:
    row: tuple[int, ...]
    lanes: tuple[int, ...]
    carry: int = 0

    @property
    def planes(self) -> bytes:
        return b"".join(bytes(lane >> shift & 255 for lane in self.lanes) for shift in (0, 8, 16, 24))

    @property
    def read(self) -> bytes:
        return bytes(self.row) + self.planes + bytes([self.carry, *[0] * 15])

    @property
    def committed(self) -> bytes:
        return bytes(self.row) + struct.pack("<16I", *self.lanes)


def threefold(first: int) -> Told:
    row = tuple(range(first, first + LANES))
    return Told(row, tuple(3 * value for value in row))


def with_lanes(told: Told, *claims: tuple[int, int], carry: int = 0) -> Told:
    lanes = list(told.lanes)
    for lane, by in claims:
        lanes[lane] += by
    return Told(told.row, tuple(lanes), carry)


FOUR_PLANES, CARRIED, FAR = threefold(3), threefold(200), threefold(60)
# 121 times 65,535.
OVER = Told((1,) * LANES, (121 * 65535,) * LANES)
LAST_CELL = 4095


def stdin(*told: Told, last: int = LAST_CELL) -> bytes:
    *three, far = told
    return b"".join(it.read for it in three) + struct.pack("<I", last) + bytes(far.row) + far.planes[: 3 * LANES]


def test_programs_that_break_a_rule_prove_what_is_false(
    prover: Path, guests: Mapping[str, bytes], tmp_path: Path
) -> None:
    """A fourth plane, a sum that can reach the prime, a carry of the host's: the circuit has no objection, and the verifier has
    none. The rules of `zkhost_nn::program` are all there is. The last one breaks none: its base is 0xfff0, its last cell the 4,096th."""
    program = guests["lanes"]
    honest_run = (FOUR_PLANES, OVER, CARRIED, FAR)
    row = (*OVER.row[:5], 255, *OVER.row[6:])
    over = Told(row, with_lanes(OVER, (5, 121 * 65535 * 255 - PRIME - 121 * 65535)).lanes)
    carried = with_lanes(CARRIED, (0, -256 * 2), (1, 2), carry=2)
    lies = (with_lanes(FOUR_PLANES, (3, PRIME)), over, carried, FAR)
    for told in (honest_run, lies):
        made = prove(prover, tmp_path, program, stdin(*told))
        assert (made.checks, made.violated) == ((True,) * 4, ())
        made.receipt.verify(compute_image_id(program))
        assert made.receipt.journal.bytes == b"".join(it.committed for it in told)


def test_a_cell_beyond_what_a_base_reaches_cannot_be_proved(guests: Mapping[str, bytes]) -> None:
    """Executing takes it: addresses are added in halves, which the circuit alone minds."""
    env = ExecutorEnv.builder().write_slice(stdin(FOUR_PLANES, OVER, CARRIED, FAR, last=4097)).build()
    assert LocalProver().execute(env, guests["lanes"]).journal is not None
    with pytest.raises(ProverError):
        LocalProver().prove(env, guests["lanes"])
