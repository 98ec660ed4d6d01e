"""The forms in which a prover accepts a guest and its input."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

from zkhost.environment.executor_env import ExecutorEnv


@runtime_checkable
class HasProgram(Protocol):
    """A built guest: what `zkhost build` and the methods module produce."""

    @property
    def program(self) -> bytes:
        """The program binary."""


@runtime_checkable
class HasTypedInput(HasProgram, Protocol):
    """A built guest that encodes its own input, as one from `zkhost.load` does."""

    def env(self, input: Any) -> ExecutorEnv:
        """Return the environment with that input."""


Program: TypeAlias = "bytes | HasProgram"


def program_bytes(program: Program) -> bytes:
    """Return the program binary of anything accepted as a program. Raises TypeError for anything else."""
    if isinstance(program, bytes | bytearray | memoryview):
        return bytes(program)
    if isinstance(program, HasProgram):
        return program.program
    raise TypeError(f"Expected a program binary (bytes) or a built guest but got program={program!r}")


def environment(input: Any, program: Program) -> ExecutorEnv:
    """Return the environment for an input of `program` in any accepted form.

    An ExecutorEnv is used unchanged, bytes are the guest's standard input; any other value is encoded as the guest's
    contract declares, or else as its own class does. Raises EncodeError, naming the field.
    """
    if isinstance(input, ExecutorEnv):
        return input
    if isinstance(input, bytes | bytearray | memoryview):
        return ExecutorEnv.builder().write_slice(bytes(input)).build()
    if isinstance(program, HasTypedInput):
        return program.env(input)
    if input is None:
        return ExecutorEnv()
    return ExecutorEnv.builder().write(input).build()
