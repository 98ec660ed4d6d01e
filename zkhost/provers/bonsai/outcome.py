"""zkhost's errors for sessions that did not succeed."""

from __future__ import annotations

import re
from typing import TypeVar

from zkhost.errors import (
    GuestError,
    GuestPanicError,
    RemoteError,
    RemoteSessionError,
    SessionLimitError,
    ZkhostError,
)
from zkhost.provers.bonsai.wire import Status

E = TypeVar("E", bound=RemoteError)

# Messages of risc0's executor (risc0-zkvm syscall/panic.rs, risc0-circuit-rv32im execute/executor.rs).
_PANIC = re.compile(r"Guest panicked: (.*)", re.DOTALL)
_LIMIT = re.compile(r"session limit", re.IGNORECASE)
_NO_RECURSION = re.compile(r"invalid Zip archive|zkr", re.IGNORECASE)


def failure(session_id: str, status: Status, error_msg: str | None) -> ZkhostError:
    """Return the error for a session or snark that failed: a GuestError where the server blames the guest."""
    said = error_msg or "the server gave no reason"
    if panic := _PANIC.search(said):
        return GuestPanicError(
            f"the guest panicked on the remote prover: {panic[1]}",
            panic=panic[1],
            stderr="",
            input_read=None,
            input_left=None,
            session_id=session_id,
            hint="execute locally with the same input to see the guest's output and how far it read",
        )
    if status is Status.FAILED and _LIMIT.search(said):
        return over_limit(session_id, said)
    hints = {
        Status.TIMED_OUT: "the server's own time limit ran out; ask for less, or raise it there",
        Status.ABORTED: "a client or the server stopped it",
    }
    hint = hints.get(status)
    if _NO_RECURSION.search(said):
        hint = "the server was built without risc0's recursion programs, so it can execute but not prove"
    message = f"remote session {session_id} ended with {status}: {said}"
    return RemoteSessionError(message, session_id=session_id, status=str(status), hint=hint)


def over_limit(session_id: str, said: str) -> GuestError:
    """Return the error for a guest that needed more cycles than allowed."""
    return SessionLimitError(f"session {session_id}: {said}", session_id=session_id, hint="raise session_limit")


def about(session_id: str, error: E) -> E:
    """Return the error with its session's id: only the wait has ended, and `attach` resumes it."""
    if error.session_id is None:
        error.session_id = session_id
        error.hint = "; ".join(
            filter(None, [error.hint, f"the session may still run: attach({session_id!r}) waits for it"])
        )
    return error
