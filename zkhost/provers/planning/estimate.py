"""What a proof will take, known before it is made: segments, memory and time on this machine, and which segment size is
best.

A run is executed with several limits, because user cycles alone say little: each segment pages its working set in
again, and a limit that is too small turns a run of one segment into hundreds. Memory is linear in a segment's size, time
in all rows; this machine's speed is learned from the proofs it makes (`zkhost.provers.planning.calibration`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from zkhost.environment.executor_env import ExecutorEnv
from zkhost.environment.streams import STDERR, STDOUT
from zkhost.errors import FaultReason, GuestFaultError, HostIOError, OutOfMemoryError, UnsupportedError
from zkhost.provers.arguments import Program, environment, program_bytes
from zkhost.provers.interface import Executor
from zkhost.provers.options import ProverOpts
from zkhost.provers.planning import calibration
from zkhost.provers.planning.available_memory import available_bytes
from zkhost.provers.planning.calibration import SMALLEST_SEGMENT_PO2, Calibration
from zkhost.provers.select import choose_prover, default_executor
from zkhost.session import Progress

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost.session import SessionInfo

__all__ = ["Estimate", "Option", "estimate"]

LARGEST_PO2 = 20
"""risc0's default limit, and the largest that is tried: beyond it memory doubles and next to no paging is saved."""

_MOST_ROWS = 8
"""A limit with so many times the rows of the largest one is given up: all it proves is paging."""
_TOO_SLOW = 2.0
"""Once a limit takes so many times the best one's time, smaller ones are not tried."""
_AS_GOOD = 1.05
"""Of limits whose times differ by less than this, the smallest is the best: it needs the least memory."""

_HEADROOM = 0.9


@dataclass(frozen=True)
class Option:
    """Proving with one segment_limit_po2: `segments` of 2**`largest_po2` rows at most, `rows` in all.

    `measured`: a segment of the largest size has been proved here before, so `time_s` is more than a guess.
    """

    segment_limit_po2: int
    segments: int
    rows: int
    paging_cycles: int | None
    largest_po2: int
    memory_bytes: int
    time_s: float
    measured: bool


@dataclass(frozen=True)
class Estimate:
    """What proving a run takes on this machine. `best` is one of `options`, which start with the largest limit.

    `calibrated`: times come from proofs made here; else they are those of a two-core machine. Time is for the segments of
    a composite receipt: compressing it takes more.
    """

    user_cycles: int
    best: Option
    options: tuple[Option, ...]
    memory_available_bytes: int
    prover: str
    calibrated: bool

    @property
    def fits(self) -> bool:
        """Whether the memory suffices; only a segment_limit_po2 that the caller set can fail to fit."""
        return self.best.memory_bytes <= self.memory_available_bytes


def estimate(
    input: Any,
    program: Program,
    *,
    executor: Executor | None = None,
    prover: str | None = None,
    memory_bytes: int | None = None,
    cancel: CancelToken | None = None,
) -> Estimate:
    """Execute a guest and estimate what proving that run takes, and with which segment_limit_po2 it is best proved.

    `input` is an ExecutorEnv, bytes, or a value that the guest's contract or its own class can encode; None for none. A
    segment_limit_po2 that is set there is used unchanged; else the quickest that fits into memory is chosen, the smaller
    one where two are equally quick. `memory_bytes`: the memory to use (default: nine tenths of what is available now).
    `prover`: `local` or `ipc`, whose times are looked up (default: the one that `default_prover` would return, if it is
    one of these).

    The guest runs several times; its output is not shown. Raises what executing it raises, GuestExitError where there
    would be nothing to prove, UnsupportedError where its input is a stream, and OutOfMemoryError where no segment size
    both fits and makes progress.
    """
    env, prover = environment(input, program), prover or _prover_here()
    trials = _Trials(
        executor or default_executor(), program_bytes(program), _repeatable(env), calibration.load(prover), cancel
    )
    memory = int(_HEADROOM * available_bytes()) if memory_bytes is None else memory_bytes
    if env.segment_limit_po2 is not None:
        options, user_cycles = [trials.first(env.segment_limit_po2)], trials.user_cycles
        best = options[0]
    else:
        options = trials.all(memory)
        user_cycles, best = trials.user_cycles, _best(options, memory)
    return Estimate(user_cycles, best, tuple(options), memory, prover, bool(trials.speed.seconds))


class _EnoughError(Exception):
    """This run has more rows than are of interest."""


@dataclass
class _Trials:
    executor: Executor
    program: bytes
    env: ExecutorEnv
    speed: Calibration
    cancel: CancelToken | None
    user_cycles: int = 0

    def all(self, memory: int) -> list[Option]:
        """Return every limit worth considering, the largest first."""
        first = self.first(LARGEST_PO2)
        options = [first]
        # A run that fits into one small segment is the same with every limit that is larger still.
        for limit in range(min(LARGEST_PO2 - 1, first.largest_po2 + 1), SMALLEST_SEGMENT_PO2 - 1, -1):
            fitting = [option for option in options if option.memory_bytes <= memory]
            best = min(fitting, key=lambda option: option.time_s, default=None)
            option = self._option(limit, _MOST_ROWS * first.rows if best is None else int(_TOO_SLOW * best.rows))
            if option is not None:
                options.append(option)
            if best is not None and (option is None or option.time_s > _TOO_SLOW * best.time_s):
                break
        return options

    def first(self, limit: int) -> Option:
        """Run with the first limit, which has to succeed."""
        session = self._run(limit, None)
        ProverOpts().require_success(session.exit_code)
        self.user_cycles = session.user_cycles
        return self._of(limit, session)

    def _option(self, limit: int, most_rows: int) -> Option | None:
        """Run with a smaller limit; None where it has more rows than `most_rows`, or is too small for the guest."""
        try:
            return self._of(limit, self._run(limit, most_rows))
        except _EnoughError:
            return None
        except HostIOError as error:
            if isinstance(error.__cause__, _EnoughError):
                return None
            raise
        except GuestFaultError as error:
            if error.reason is FaultReason.SEGMENT_LIMIT:
                return None
            raise

    def _run(self, limit: int, most_rows: int | None) -> SessionInfo:
        def watch(now: Progress) -> None:
            if most_rows is not None and now.segments_done << limit > most_rows:
                raise _EnoughError

        env = dataclasses.replace(self.env, segment_limit_po2=limit)
        return self.executor.execute(env, self.program, on_progress=watch, cancel=self.cancel)

    def _of(self, limit: int, session: SessionInfo) -> Option:
        po2s = [segment.po2 for segment in session.segments] + list(session.keccak_po2s)
        largest = max(segment.po2 for segment in session.segments)
        return Option(
            segment_limit_po2=limit,
            segments=len(session.segments),
            rows=sum(1 << po2 for po2 in po2s),
            paging_cycles=session.paging_cycles,
            largest_po2=largest,
            memory_bytes=int(calibration.BYTES_PER_ROW * 2 ** max(po2s)),
            time_s=sum(self.speed.segment_s(po2) for po2 in po2s),
            measured=largest in self.speed.seconds,
        )


def _best(options: list[Option], memory: int) -> Option:
    fitting = [option for option in options if option.memory_bytes <= memory]
    if not fitting:
        least = min(options, key=lambda option: option.memory_bytes)
        raise OutOfMemoryError(
            f"proving this run needs {least.memory_bytes / 1e9:.1f} GB with segment_limit_po2 {least.segment_limit_po2}, "
            f"and {memory / 1e9:.1f} GB are available; smaller segments would hold little but paging",
            hint="prove where there is more memory: on another machine, r0vm or Dask there, or a remote prover",
            segment_limit_po2=least.segment_limit_po2,
        )
    quickest = min(option.time_s for option in fitting)
    return min(
        (option for option in fitting if option.time_s <= _AS_GOOD * quickest),
        key=lambda option: (option.largest_po2, option.segment_limit_po2),
    )


def _prover_here() -> str:
    name = choose_prover().name
    return name if name in ("local", "ipc") else "local"


def _repeatable(env: ExecutorEnv) -> ExecutorEnv:
    """Return the environment for runs where only cycles count. Raises UnsupportedError where it allows one run only."""
    if env.readers:
        raise UnsupportedError(
            "an estimate runs the guest several times, and a stream can be read only once",
            asked="estimate",
            hint="read the input first and give it with write, write_slice or write_frame",
        )
    silent = {fd: _Nowhere() for fd in {STDOUT, STDERR, *env.writers}}
    return dataclasses.replace(env, writers=MappingProxyType(silent), segment_path=None, pprof_out=None, trace=())


class _Nowhere:
    def write(self, data: bytes, /) -> None:
        """Discard what a guest prints."""
