"""What a request needs to know of a run before anybody is paid for proving it: cycles, journal and claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zkhost.boundless.guest_env import GuestEnv
from zkhost.boundless.predicate import ClaimDigestMatch, DigestMatch, PrefixMatch
from zkhost.errors import ConfigError
from zkhost.image_id import ImageID
from zkhost.session import Journal, SessionInfo

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.guest.guest import Guest
    from zkhost.provers.interface import Executor


@dataclass(frozen=True)
class Preflight:
    """A run of the guest in this machine's executor, on the very input that provers are given."""

    image_id: ImageID
    input: GuestEnv = field(repr=False)
    session: SessionInfo = field(repr=False)

    @property
    def cycles(self) -> int:
        """The cycles that the market counts: the guest's own, without paging and padding."""
        return self.session.user_cycles

    @property
    def journal(self) -> Journal:
        """What the guest committed here, unproved."""
        return self.session.journal

    @property
    def digest_match(self) -> DigestMatch:
        """The predicate that requires this journal."""
        return DigestMatch(self.image_id, self.journal.digest)

    @property
    def claim_match(self) -> ClaimDigestMatch:
        """The predicate that requires this claim, for which provers may deliver the seal alone."""
        return ClaimDigestMatch.of(self.image_id, self.journal.bytes)

    def prefix_match(self, prefix: bytes = b"") -> PrefixMatch:
        """Return the predicate that requires a journal with this prefix. Raises ConfigError if this run's has it not."""
        if not self.journal.bytes.startswith(prefix):
            raise ConfigError(
                f"this run's journal does not begin with {prefix.hex()}: no proof would fulfil the request"
            )
        return PrefixMatch(self.image_id, prefix)


def preflight(guest: Guest[Any, Any], input: Any = None, *, executor: Executor | None = None) -> Preflight:
    """Execute the guest as provers will. `input` is what `Guest.execute` takes: a value, or an ExecutorEnv.

    Raises UnsupportedError for an environment that Boundless cannot carry, a GuestError where the guest fails, and
    ConfigError where it ends otherwise than with Halted(0): such a run fulfils no request.
    """
    env: ExecutorEnv = guest.env(input)
    carried = GuestEnv.of(env)
    session = guest.execute(env, executor=executor).session
    if not session.exit_code.ok:
        raise ConfigError(
            f"the run ended with {session.exit_code}: a request is only fulfilled by Halted(0)",
            hint="have the guest return from main, or exit with 0",
        )
    return Preflight(guest.image_id, carried, session)
