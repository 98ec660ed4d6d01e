"""Finds the r0vm that fits, and reports where it looked.

Looked for in this order; the first of a fitting version (same major and minor as this build's risc0) is used:

    1. RISC0_SERVER_PATH   if set, it alone counts
    2. rzup's              $RISC0_HOME or ~/.risc0, extensions/v<version>-r0vm-* and v<version>-cargo-risczero-*
    3. zkhost's own        user cache folder, zkhost/bin/r0vm-<version>, where `make` puts it
    4. PATH                r0vm
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zkhost import _config, _shim
from zkhost.errors import ProverUnavailableError, ServerError, ServerVersionError

_HANDSHAKE_S = 10.0
_VERSION = re.compile(r"^\S+ (\d+\.\d+\.\d+\S*)\s*$")


@dataclass(frozen=True)
class R0vm:
    """An r0vm to use: where it is, its version, and which rule found it."""

    path: Path
    version: str
    found_by: str


def candidates() -> Iterator[tuple[str, Path]]:
    """Yield (rule, path) of every place to look, in order; the files need not exist."""
    explicit = _config.get("RISC0_SERVER_PATH")
    if explicit is not None:
        yield "RISC0_SERVER_PATH", Path(explicit)
        return
    version = risc0_version()
    major, minor, _ = version.split(".", 2)
    home = Path(_config.get("RISC0_HOME") or Path.home() / ".risc0")
    for wanted in dict.fromkeys([version, f"{major}.{minor}.0"]):
        for component in ("r0vm", "cargo-risczero"):
            found = sorted((home / "extensions").glob(f"v{wanted}-{component}-*/r0vm"))
            yield from (("rzup", path) for path in found or [home / f"extensions/v{wanted}-{component}-*/r0vm"])
    yield "zkhost's own", own_path()
    on_path = shutil.which("r0vm")
    yield "PATH", Path(on_path) if on_path else Path("r0vm")


def own_path() -> Path:
    """Return where `make` puts the r0vm that it builds."""
    from platformdirs import user_cache_path

    return user_cache_path("zkhost") / "bin" / f"r0vm-{risc0_version()}"


def risc0_version() -> str:
    """Return the version of risc0 that this build of zkhost has."""
    version: str = _shim.build_info()["risc0_version"]
    return version


def find() -> R0vm:
    """Return the r0vm to use.

    Raises ProverUnavailableError where there is none, ServerVersionError where there are only ones of other versions,
    ServerError where RISC0_SERVER_PATH is not an r0vm. All say what was tried and what to do.
    """
    tried: list[str] = []
    wrong: list[str] = []
    for rule, path in candidates():
        if not path.is_file():
            tried.append(f"{rule}: {path} (no such file)")
            continue
        try:
            version = version_of(path)
        except ServerError as exc:
            if rule == "RISC0_SERVER_PATH":
                raise
            tried.append(f"{rule}: {path} ({exc.message})")
            continue
        if _fits(version):
            return R0vm(path, version, rule)
        wrong.append(version)
        tried.append(f"{rule}: {path} (version {version}, needed is {_needed()}.x)")
    raise _not_found(tried, wrong)


def version_of(path: Path) -> str:
    """Return what `r0vm --version` prints. Raises ServerError where it is no r0vm, or does not answer within 10 s."""
    try:
        stat = path.stat()
    except OSError as exc:
        raise ServerError(f"{path}: {exc.strerror}", hint="install r0vm: `rzup install r0vm`", path=str(path)) from exc
    return _version_of(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=32)
def _version_of(path: Path, mtime_ns: int, size: int) -> str:
    del mtime_ns, size  # part of the cache's key: another file under the same name is queried again
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, timeout=_HANDSHAKE_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise _no_r0vm(path, f"it did not report its version within {_HANDSHAKE_S:.0f} s") from exc
    except OSError as exc:
        raise _no_r0vm(path, f"it cannot be run: {exc.strerror}") from exc
    match = _VERSION.match(done.stdout.decode(errors="replace"))
    if match is None:
        said = (done.stdout or done.stderr).decode(errors="replace").strip()[:200]
        raise _no_r0vm(path, f"`--version` ended with {done.returncode} and said {said!r}")
    return match[1]


def _no_r0vm(path: Path, why: str) -> ServerError:
    return ServerError(f"{path} is not an r0vm: {why}", hint="name an r0vm in RISC0_SERVER_PATH", path=str(path))


def _needed() -> str:
    return ".".join(risc0_version().split(".")[:2])


def _fits(version: str) -> bool:
    return version.split(".")[:2] == _needed().split(".")


def _not_found(tried: list[str], wrong: list[str]) -> ProverUnavailableError | ServerVersionError:
    places = "".join(f"\n    {line}" for line in tried)
    fix = f"install it: `rzup install r0vm {risc0_version()}` or, in a checkout, `make r0vm`; or set RISC0_SERVER_PATH"
    if wrong:
        return ServerVersionError(
            f"no r0vm of version {_needed()}.x; tried:{places}", hint=fix, expected=risc0_version(), got=wrong[0]
        )
    if "prove" not in _shim.build_info()["features"]:
        fix = f"to execute and prove without r0vm, install zkhost in place of zkhost-verify; or {fix}"
    return ProverUnavailableError(f"no r0vm found; tried:{places}", hint=fix, tried=tried)
