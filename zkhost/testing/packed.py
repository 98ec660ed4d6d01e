"""The reference of the packed format, l2r0-small-serde, and zkhost-guest, each in a process of its own.

They come from tests/oracle in zkhost's source tree: a workspace of its own, which is not part of the installed package.
ZKHOST_ORACLES names its folder.
"""

from __future__ import annotations

import shutil
import subprocess
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import platformdirs

from zkhost import _config
from zkhost._shim import pack, unpack
from zkhost.errors import ConfigError
from zkhost.testing.oracles import Refused, SerdeOracle

__all__ = ["PackedOracle", "find_server"]

HINT = "set ZKHOST_ORACLES to tests/oracle of zkhost's source tree, or to a folder with the binaries built from it"


def find_server(implementation: str) -> Path:
    """Find the server's binary in the folder ZKHOST_ORACLES, or build it from the workspace there. Raises ConfigError."""
    binary, named = f"zkhost-oracle-{implementation}", _config.get("ZKHOST_ORACLES")
    if named is None:
        raise ConfigError(
            "the packed oracle is no part of the installed package, and ZKHOST_ORACLES is not set", hint=HINT
        )
    folder = Path(named)
    if (folder / "Cargo.toml").is_file():
        return _built(folder) / binary
    if not (folder / binary).is_file():
        raise ConfigError(f"ZKHOST_ORACLES is {named!r}, which has neither Cargo.toml nor {binary}", hint=HINT)
    return folder / binary


def _built(workspace: Path) -> Path:
    """Return the folder of the binaries that cargo builds from the workspace."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise ConfigError(f"the packed oracle is built from {workspace} with cargo, which is not installed", hint=HINT)
    target = platformdirs.user_cache_path("zkhost") / "build" / "oracle"
    command = [cargo, "build", "--release", "--locked", "--quiet", "--target-dir", str(target)]
    built = subprocess.run(command, cwd=workspace, stderr=subprocess.PIPE, text=True, check=False)
    if built.returncode != 0:
        raise ConfigError(f"cargo could not build the packed oracle:\n{built.stderr[-2000:]}", hint=HINT)
    return target / "release"


class PackedOracle(SerdeOracle):
    """`l2r0_small_serde`: the packed format.

    With `implementation="guest"` it is the crate zkhost-guest, compiled for this machine: both formats.
    The server starts with the first request and ends with this object.
    """

    def __init__(self, implementation: str = "packed") -> None:
        self.name = implementation
        self.formats = ("packed",) if implementation == "packed" else ("standard", "packed")
        self._process: subprocess.Popen[bytes] | None = None

    def encode(self, descriptor: list[Any], plains: Sequence[Any], format: str = "packed") -> list[Any]:
        return self._ask("encode", format, descriptor, list(plains))

    def decode(self, descriptor: list[Any], streams: Sequence[bytes], format: str = "packed") -> list[Any]:
        return self._ask("decode", format, descriptor, list(streams))

    def close(self) -> None:
        """End the server."""
        if self._process is not None:
            _stop(self._process)
            self._process = None

    def _ask(self, operation: str, format: str, descriptor: list[Any], items: list[Any]) -> list[Any]:
        if self._process is None:
            self._process = subprocess.Popen([find_server(self.name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            weakref.finalize(self, _stop, self._process)
        request = pack([operation, format, descriptor, items])
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(len(request).to_bytes(4, "little") + request)
        stdin.flush()
        reply = unpack(_exactly(stdout, int.from_bytes(_exactly(stdout, 4), "little")))
        if isinstance(reply, dict):
            raise ConfigError(f"The packed oracle does not understand: {reply['failure']}")
        return [value if error is None else Refused(error) for error, value in reply]


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ConfigError("The packed oracle ended without an answer")
    return data


def _stop(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()
