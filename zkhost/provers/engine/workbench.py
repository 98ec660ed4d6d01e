"""Who works on pieces in a process: the native library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkhost import _shim
from zkhost.environment import serving
from zkhost.receipt.claim import ReceiptKind

if TYPE_CHECKING:
    from zkhost._shim import CancelToken, Host
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import Piece


class LocalBench:
    """Works on pieces with the native library."""

    def execute(self, env: ExecutorEnv, program: bytes, host: Host, segment_dir: Path | None) -> dict[str, Any]:
        request: dict[str, Any] = {"env": serving.request(env), "program": program, "segments": "discard"}
        if segment_dir is not None:
            request |= {"segments": "dir", "segment_dir": str(segment_dir)}
        return _shim.call("execute", request, host)

    def prove_piece(self, piece: Piece, path: Path, cancel: CancelToken) -> bytes:
        host = _shim.Host(cancel=cancel)
        if piece.kind == "keccak":
            reply = _shim.call("prove_keccak", {"request": path.read_bytes()}, host)
        else:
            reply = _shim.call("prove_segment", {"path": str(path)}, host)
        receipt: bytes = reply["receipt"]
        return receipt

    def compress(self, receipt: bytes, kind: ReceiptKind, cancel: CancelToken) -> bytes:
        host = _shim.Host(cancel=cancel)
        smaller: bytes = _shim.call("compress", {"receipt": receipt, "kind": str(kind)}, host)["receipt"]
        return smaller

    def has_recursion(self) -> bool:
        return bool(_shim.build_info()["recursion"])
