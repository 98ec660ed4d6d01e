"""Guests whose runs are computed natively before the guest executes: what they read has advice for the accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from zkhost.guest.guest import Guest

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
    from zkhost.ml._native import Computed

I = TypeVar("I")  # noqa: E741
J = TypeVar("J")


class ComputedGuest(Guest[I, J]):
    """A guest that runs a plan; a subclass computes the run of an input in `_prepared`."""

    def builder(self, input: Any = None, builder: ExecutorEnvBuilder | None = None) -> ExecutorEnvBuilder:
        """Return the builder with that input and the accelerator's advice, computed here; see `Guest.builder`.

        Raises ModelInputError, naming the input, and InferenceError where the model has no result.
        """
        from zkhost.environment.executor_env import ExecutorEnv

        return (builder or ExecutorEnv.builder()).write_slice(self._prepared(input).stdin)

    def _prepared(self, input: Any) -> Computed:
        """Compute the run of an input: outputs, journal, and all that the guest reads."""
        raise NotImplementedError

    def _to_prove(self, input: Any, segment_limit_po2: int | None, cancel: CancelToken | None) -> ExecutorEnv:
        from zkhost.environment.executor_env import ExecutorEnv
        from zkhost.ml._native import checked_env

        if isinstance(input, ExecutorEnv):
            return self._limited(input, segment_limit_po2)
        return checked_env(self.name, self.program, self._prepared(input), segment_limit_po2, cancel)
