"""The one way zkhost proves on this machine: execute into a store of pieces, prove piece by piece, assemble, verify.

In-process and r0vm proving differ in who works on a piece (`Workbench`); progress, cancelling and checkpoints do not.
"""

from __future__ import annotations

import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zkhost import _config, _shim
from zkhost.environment import serving
from zkhost.errors import RecursionUnavailableError
from zkhost.provers.engine.meter import Meter
from zkhost.provers.interface import OnProgress, ProverOpts, require_success
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import DevModeWarning, Receipt
from zkhost.session import SessionInfo

if TYPE_CHECKING:
    from zkhost._shim import CancelToken, Host
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import Piece, SegmentStore

_COMPRESSED = (ReceiptKind.SUCCINCT, ReceiptKind.GROTH16)


class Workbench(Protocol):
    """Who executes guests and proves pieces."""

    def execute(self, env: ExecutorEnv, program: bytes, host: Host, segment_dir: Path | None) -> dict[str, Any]:
        """The reply of the shim's `execute`; pieces go to `segment_dir` or nowhere."""

    def prove_piece(self, piece: Piece, path: Path, cancel: CancelToken) -> bytes:
        """The bincode receipt of a piece."""

    def compress(self, receipt: bytes, kind: ReceiptKind, cancel: CancelToken) -> bytes:
        """The receipt in a smaller kind, in bincode."""

    def has_recursion(self) -> bool:
        """Whether it has the recursion programs, which succinct and groth16 receipts and keccak need."""


def run_guest(
    bench: Workbench,
    env: ExecutorEnv,
    program: bytes,
    *,
    on_progress: OnProgress | None = None,
    cancel: CancelToken | None = None,
) -> SessionInfo:
    """Execute without proving."""
    meter = Meter(on_progress)

    def note(event: dict[str, Any]) -> None:
        meter.executed(event["segments"], event["user_cycles"])

    folder = _made(env.segment_path)
    return SessionInfo.from_reply(
        bench.execute(env, program, serving.host(env, cancel=cancel, on_progress=note), folder)
    )


@dataclass
class Run:
    """One proof in the making. What `store` has of an earlier try is not done again."""

    bench: Workbench
    env: ExecutorEnv
    program: bytes
    opts: ProverOpts
    store: SegmentStore
    on_progress: OnProgress | None = None
    cancel: CancelToken = field(default_factory=_shim.CancelToken)
    calibrate: str | None = None
    """The prover's name, under which it is kept how long segments take here; None: it is not kept."""

    def prove(self) -> tuple[Receipt, SessionInfo]:
        """A verified receipt, and the run it proves."""
        meter = Meter(self.on_progress)
        kind, store = self.opts.receipt_kind, self.store
        fake = kind is ReceiptKind.FAKE or _config.dev_mode()
        if kind in _COMPRESSED and not fake:
            self.require_recursion(f"a {kind} receipt")

        session = self._session(meter)
        require_success(session.exit_code, self.opts)
        if fake:
            return fake_receipt(session), session
        if any(piece.kind == "keccak" for piece in store.pieces):
            self.require_recursion("a guest that uses the keccak accelerator")
        spent: dict[int, list[float]] = {}
        while missing := store.missing():
            meter.disk_bytes = store.shown_bytes()
            meter.proving(store.pieces, missing)
            self.cancel.check()
            path = store.path(missing[0])
            if path is None:
                session = self._execute(meter)
            else:
                started = time.monotonic()
                store.keep(missing[0], self.bench.prove_piece(missing[0], path, self.cancel))
                if missing[0].kind == "segment":
                    po2 = session.segments[missing[0].index].po2
                    spent.setdefault(po2, []).append(time.monotonic() - started)
        meter.proving(store.pieces, [])
        if self.calibrate is not None:
            from zkhost.provers.planning import calibration

            calibration.record(self.calibrate, spent)

        data = self._assemble(session)
        count = len(store.pieces)
        if kind in _COMPRESSED:
            meter.tell("compress", count, count)
            data = self.bench.compress(data, kind, self.cancel)
        meter.tell("verify", count, count)
        receipt = Receipt(data)
        verify_made(receipt, session)
        store.finish(data)
        return receipt, session

    def require_recursion(self, what: str) -> None:
        """Raise RecursionUnavailableError, saying how to rebuild, where `what` cannot be made."""
        if not self.bench.has_recursion():
            raise no_recursion(what)

    def _session(self, meter: Meter) -> SessionInfo:
        if self.store.execution is None:
            return self._execute(meter)
        session = SessionInfo.from_reply(self.store.execution)
        meter.ran(session)
        return session

    def _execute(self, meter: Meter) -> SessionInfo:
        lock = threading.Lock()  # the executor hands over segments and keccak batches from two threads
        keep = _made(self.env.segment_path)

        def note(event: dict[str, Any]) -> None:
            kind, index = event["piece"]
            with lock:
                if keep is not None and kind == "segment":
                    import shutil

                    shutil.copy(self.store.spool / f"{index}.bincode", keep)
                self.store.take(kind, index)
            if kind == "segment":
                meter.executed(event["segments"], event["user_cycles"])

        self.store.begin_execution()
        host = serving.host(self.env, cancel=self.cancel, on_progress=note)
        reply = self.bench.execute(self.env, self.program, host, self.store.spool)
        self.store.end_execution(reply)
        session = SessionInfo.from_reply(reply)
        meter.ran(session)
        return session

    def _assemble(self, session: SessionInfo) -> bytes:
        receipts: dict[str, list[bytes]] = {"segment": [], "keccak": []}
        for piece in self.store.pieces:
            receipt = self.store.receipt(piece)
            assert receipt is not None, "missing() found every piece proved"
            receipts[piece.kind].append(receipt)
        request = {"session": session.record, **{f"{kind}_receipts": each for kind, each in receipts.items()}}
        host = _shim.Host(cancel=self.cancel)
        assembled: bytes = _shim.call("assemble_composite", request, host)["receipt"]
        return assembled


def verify_made(receipt: Receipt, session: SessionInfo) -> None:
    """Verify what was made, for the program and journal that were run."""
    if session.exit_code.ok:
        assert session.image_id is not None, "provers that prove segments report it"
        receipt.verify(session.image_id, allow_fake=False)
    else:
        receipt.verify_integrity(allow_fake=False)


def fake_receipt(session: SessionInfo) -> Receipt:
    """What dev mode gives instead of a proof; warns."""
    receipt = Receipt(_shim.call("fake_receipt", {"session": session.record})["receipt"])
    warnings.warn("dev mode: this receipt is fake and proves nothing", DevModeWarning, stacklevel=5)
    return receipt


def no_recursion(what: str) -> RecursionUnavailableError:
    """The error for what needs the recursion programs, where they are missing."""
    return RecursionUnavailableError(
        f"{what} needs risc0's recursion programs, which this build of zkhost lacks",
        hint="rebuild zkhost without DOCS_RS set (the build then downloads them), or with RECURSION_SRC_PATH naming a "
        "copy of recursion_zkr.zip",
    )


def _made(folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder
