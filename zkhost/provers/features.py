"""What an environment asks of a prover beyond an input, assumptions and a session limit, and refusing what one lacks.

A prover that cannot do all of it says so in its attribute `lacks`, a set of features; without that attribute it lacks
nothing. Asked for what it lacks it raises UnsupportedError before anything starts, all but OUTPUT: what a guest prints is
not worth a refusal.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from zkhost.environment.streams import STDERR, STDIN, STDOUT
from zkhost.errors import UnsupportedError

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv


class Feature(enum.StrEnum):
    """Named as the methods of ExecutorEnv's builder that ask for them."""

    ARGS = "args"
    ENV_VAR = "env_var"
    READ_FD = "read_fd"
    WRITE_FD = "write_fd"
    SLICE_IO = "slice_io"
    INPUT_DIGEST = "input_digest"
    PPROF_OUT = "pprof_out"
    SEGMENT_PATH = "segment_path"
    TRACE_CALLBACK = "trace_callback"
    OUTPUT = "output"
    """What the guest writes to its standard output and error comes to the environment's writers, each to its own."""
    EXIT_CODE = "exit_code"
    """The exit code of a run that was only executed; without it Halted(0) is said of all that ended by themselves."""


def lacks(prover: Any) -> frozenset[Feature]:
    """What a prover says that it cannot do."""
    return frozenset(Feature(name) for name in getattr(prover, "lacks", ()))


def used_by(env: ExecutorEnv) -> frozenset[Feature]:
    """What an environment asks for."""
    asked = {
        Feature.ARGS: env.args,
        Feature.ENV_VAR: env.env_vars,
        Feature.READ_FD: set(env.readers) - {STDIN},
        Feature.WRITE_FD: set(env.writers) - {STDOUT, STDERR},
        Feature.SLICE_IO: env.slice_io,
        Feature.INPUT_DIGEST: env.input_digest,
        Feature.PPROF_OUT: env.pprof_out,
        Feature.SEGMENT_PATH: env.segment_path,
        Feature.TRACE_CALLBACK: env.trace,
    }
    return frozenset(feature for feature, given in asked.items() if given)


def refuse(env: ExecutorEnv, lacking: Collection[Feature], *, who: str, hint: str) -> None:
    """Raises UnsupportedError, whose `asked` names the features, where an environment asks for what is lacking."""
    asked = ", ".join(feature for feature in Feature if feature in used_by(env) and feature in lacking)
    if asked:
        raise UnsupportedError(f"{who} cannot carry {asked}", asked=asked, hint=hint)
