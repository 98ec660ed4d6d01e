"""The native side of models: plans checked and run by the same kernels that the guest runs."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost import _shim, methods
from zkhost._cancel import CancelToken
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import HostIOError, ModelMismatchError, ProverError

_HALVED_FROM_PO2 = 17
"""Segments from this size on, which take 20 s and more to prove, are made smaller where half of one would be padding."""


@dataclass(frozen=True)
class Computed:
    """A plan's outputs, of one sample after the other, shown or not; what the guest must read; and what it commits."""

    outputs: tuple[bytes, ...]
    stdin: bytes
    journal: bytes


@dataclass(frozen=True)
class Image:
    """A program binary and its image ID (32 bytes)."""

    program: bytes
    image_id: bytes


@dataclass(frozen=True)
class Checked:
    """A run that its proof will agree with: the journal, user cycles, and each segment's po2.

    `total_cycles` are the rows of all segments, `used_cycles` those that are not padding.
    """

    journal: bytes
    user_cycles: int
    used_cycles: int
    total_cycles: int
    segments: tuple[int, ...]


def check_plan(plan: bytes) -> None:
    """Check every operation of a plan as the guest does. Raises PlanError."""
    _shim.call("nn_validate", {"plan": plan})


def compute(plan: bytes, given: bytes, *, model_salt: bytes | None = None) -> Computed:
    """Run a plan. `given` is what the guest reads apart from advice, as `zkhost.ml.guest_input` writes it.

    `model_salt` (32 bytes) is for a plan that the guest reads as input too. Raises PlanError.
    """
    reply = _shim.call("nn_compute", {"plan": plan, "given": given, "model_salt": model_salt})
    return Computed(tuple(reply["outputs"]), reply["stdin"], reply["journal"])


def image(plan: bytes) -> Image:
    """Return the bundled interpreter with a plan appended, which its image ID then stands for. Raises PlanError."""
    reply = _shim.call("nn_image", {"program": methods.ML_ELF, "plan": plan})
    return Image(reply["program"], reply["image_id"])


def preflight(
    program: bytes, stdin: bytes, *, segment_limit_po2: int | None = None, cancel: CancelToken | None = None
) -> Checked:
    """Run a program and check each segment as its proof will, without proving it: 0.3 s each where a proof takes minutes.

    Executing a guest does not check the products that it has the accelerator check. Raises ProverError where they are wrong.
    """
    builder = ExecutorEnv.builder().write_slice(stdin).session_limit(None)
    if segment_limit_po2 is not None:
        builder.segment_limit_po2(segment_limit_po2)
    env = builder.build()
    host = serving.host(env, cancel=cancel)
    host.on_segment = lambda _, segment: _shim.call("segment_preflight", {"segment": segment})
    try:
        reply = _shim.call("execute", {"env": serving.request(env), "program": program, "segments": "callback"}, host)
    except HostIOError as exc:
        if isinstance(exc.__cause__, ProverError):
            raise exc.__cause__ from None
        raise
    segments = tuple(segment["po2"] for segment in reply["segments"])
    used = sum(segment["cycles"] + (segment["paging_cycles"] or 0) for segment in reply["segments"])
    return Checked(reply["journal"], reply["user_cycles"], used, reply["total_cycles"], segments)


def checked_env(
    name: str, program: bytes, done: Computed, segment_limit_po2: int | None, cancel: CancelToken | None
) -> ExecutorEnv:
    """Return the environment to prove what was computed here.

    Executing does not check the accelerator's products, so each segment is checked as its proof will be: what cannot be
    proved costs no proving. Raises ModelMismatchError where the guest computed something else than was computed here.
    """
    found = preflight(program, done.stdin, segment_limit_po2=segment_limit_po2, cancel=cancel)
    if found.journal != done.journal:
        raise ModelMismatchError(
            f"the guest of {name} computed something else than the native library",
            hint="they are of different builds: reinstall zkhost",
        )
    if segment_limit_po2 is None:
        segment_limit_po2 = _fitting_limit(program, done.stdin, found, cancel)
    builder = ExecutorEnv.builder().write_slice(done.stdin)
    return (builder if segment_limit_po2 is None else builder.segment_limit_po2(segment_limit_po2)).build()


def _fitting_limit(program: bytes, stdin: bytes, found: Checked, cancel: CancelToken | None) -> int | None:
    """Return a limit of segments with fewer rows to prove, where the largest one is filled by little more than a half."""
    largest = max(found.segments)
    if found.used_cycles > 0.7 * found.total_cycles or largest < _HALVED_FROM_PO2:
        return None
    smaller = preflight(program, stdin, segment_limit_po2=largest - 1, cancel=cancel)
    return largest - 1 if smaller.total_cycles < found.total_cycles else None
