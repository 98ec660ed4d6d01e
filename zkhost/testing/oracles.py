"""Other implementations of the wire formats, to compare this codec with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from zkhost.errors import GuestError
from zkhost.testing.mismatch import MismatchError, align

if TYPE_CHECKING:
    from zkhost.provers.arguments import Program
    from zkhost.provers.interface import Executor

__all__ = ["Case", "EchoGuest", "Oracle", "Refused", "RustOracle", "SerdeOracle", "TypedGuest"]

#: What an oracle reports for a value that is too deep or has too many parts to judge (rust-shim/serde-oracle).
LIMIT = "beyond the oracle's limits"


@dataclass(frozen=True)
class Case:
    """A value and this codec's words for it; descriptor and plain form as in `zkhost.codec.describe`."""

    type: Any
    value: Any
    format: str
    words: bytes
    descriptor: list[Any]
    plain: Any

    def differs(self, oracle: str, what: str, theirs: bytes | None = None) -> NoReturn:
        """Raise MismatchError, with both streams aligned where there are two."""
        streams = "" if theirs is None else "\n" + align(self.words, theirs, ("zkhost", oracle))
        raise MismatchError(
            f"{what}\n  type:   {self.type!r}\n  value:  {self.value!r}\n  format: {self.format}{streams}",
            path="", value=self.value, format=self.format, oracle=oracle, ours=self.words, theirs=theirs,
        )  # fmt: skip


class Refused(str):
    """An oracle's reason to refuse a value or words."""

    __slots__ = ()

    @property
    def undecided(self) -> bool:
        """Whether the oracle reached its own limits, and did not judge the value."""
        return LIMIT in self


class Oracle(Protocol):
    """Another implementation of the wire formats."""

    @property
    def name(self) -> str: ...

    @property
    def formats(self) -> Sequence[str]:
        """The formats that it supports."""

    def compare(self, case: Case) -> None:
        """Raise MismatchError where it does not agree with the case."""


class SerdeOracle:
    """An oracle that encodes plain values and decodes words, many at a time."""

    name: str
    formats: tuple[str, ...]

    def encode(self, descriptor: list[Any], plains: Sequence[Any], format: str) -> list[Any]:
        """Return the words of each value, or a Refused."""
        raise NotImplementedError

    def decode(self, descriptor: list[Any], streams: Sequence[bytes], format: str) -> list[Any]:
        """Return the first value of each stream, in plain form, or a Refused. Words after it are ignored."""
        raise NotImplementedError

    def compare(self, case: Case) -> None:
        """Check that its words are the case's, and that it decodes the case's words to the value."""
        [theirs] = self.encode(case.descriptor, [case.plain], case.format)
        if isinstance(theirs, Refused):
            if not theirs.undecided:
                case.differs(self.name, f"{self.name} does not encode what zkhost encodes: {theirs}")
            return
        if theirs != case.words:
            case.differs(self.name, f"zkhost and {self.name} encode a value differently", theirs)
        [decoded] = self.decode(case.descriptor, [case.words], case.format)
        if isinstance(decoded, Refused):
            case.differs(self.name, f"{self.name} does not decode what zkhost encodes: {decoded}")
        if decoded != case.plain:
            case.differs(self.name, f"{self.name} decodes another value: {decoded!r} instead of {case.plain!r}")


class RustOracle(SerdeOracle):
    """`risc0_zkvm::serde` itself, in the native library: the standard format."""

    name = "rust"
    formats = ("standard",)

    def encode(self, descriptor: list[Any], plains: Sequence[Any], format: str = "standard") -> list[Any]:
        return self._call("serde_encode", {"schema": descriptor, "values": list(plains)})

    def decode(self, descriptor: list[Any], streams: Sequence[bytes], format: str = "standard") -> list[Any]:
        return self._call("serde_decode", {"schema": descriptor, "streams": list(streams)})

    def _call(self, operation: str, request: dict[str, Any]) -> list[Any]:
        from zkhost import _shim

        outcomes = _shim.call(operation, request)["outcomes"]
        return [Refused(outcome["error"]) if "error" in outcome else outcome.get("value") for outcome in outcomes]


class EchoGuest:
    """A guest in the zkVM that commits what it reads, as the bundled `echo` does: words must go through unchanged."""

    name = "guest"
    formats = ("standard", "packed")

    def __init__(self, program: Program, executor: Executor | None = None) -> None:
        self.program = program
        self._executor = executor

    def input(self, case: Case) -> bytes:
        """Return the guest's input."""
        return case.words

    def compare(self, case: Case) -> None:
        """Check that the journal has the case's words."""
        from zkhost.environment.executor_env import ExecutorEnv
        from zkhost.provers.select import default_executor

        executor = self._executor or default_executor()
        env = ExecutorEnv.builder().write_slice(self.input(case)).build()
        try:
            journal = executor.execute(env, self.program).journal
        except GuestError as error:
            case.differs(self.name, f"the guest rejects what zkhost encodes: {error.message}")
        theirs = bytes(journal)
        if theirs != case.words:
            case.differs(self.name, "the guest committed other words than it received", theirs)


class TypedGuest(EchoGuest):
    """A guest that decodes each value with zkhost-guest and commits it encoded again, as `typed_echo` of the tests."""

    def input(self, case: Case) -> bytes:
        from zkhost._shim import pack

        frame = pack([case.format == "packed", case.descriptor])
        return len(frame).to_bytes(4, "little") + frame + case.words
