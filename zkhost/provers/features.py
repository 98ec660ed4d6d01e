"""What an environment or a call may ask of a prover beyond an input, assumptions and a session limit.

A prover names what it cannot do in `lacks`; asked for it, it raises UnsupportedError before anything starts. OUTPUT and
EXIT_CODE are not refused: a run may end well without them.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from zkhost.environment.streams import STDERR, STDIN, STDOUT

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv


class Feature(enum.StrEnum):
    """Named as the methods of ExecutorEnv's builder, and the options of a Prover's methods, that ask for them."""

    ARGS = "args"
    ENV_VAR = "env_var"
    READ_FD = "read_fd"
    WRITE_FD = "write_fd"
    SLICE_IO = "slice_io"
    INPUT_DIGEST = "input_digest"
    PPROF_OUT = "pprof_out"
    SEGMENT_PATH = "segment_path"
    TRACE_CALLBACK = "trace_callback"
    CHECKPOINT = "checkpoint"
    CACHE = "cache"
    PREFLIGHT = "preflight"
    COMPRESS = "compress"
    """Compressing an existing receipt."""
    OUTPUT = "output"
    """What the guest writes to its standard output and error reaches the environment's writers, each its own."""
    EXIT_CODE = "exit_code"
    """The exit code of a run that was only executed; without it Halted(0) is reported for all that ended by themselves."""


def used_by(env: ExecutorEnv) -> frozenset[Feature]:
    """Return what an environment asks for."""
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
    return frozenset(feature for feature, value in asked.items() if value)
