"""The guest toolchain: which is installed, and installing one: rzup's where it can be reached, else Debian's packages."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost import _config, _shim
from zkhost._cancel import CancelToken
from zkhost.errors import ToolchainError

RZUP_INSTALLER = "https://risczero.com/install"
_REACH_S = 5.0
DEBIAN_PACKAGES = ("rustc-web", "cargo-web", "rust-web-src", "lld")
_OLDEST_RUSTC = (1, 88)

Say = Callable[[str], object]


@dataclass(frozen=True)
class ToolchainInfo:
    """A toolchain that can build guests: where it comes from (named, rzup, zkhost, debian), its folder and versions.

    `git_cargo` fetches git dependencies: its own cargo, or another where its own is Debian's, which cannot; None where
    none installed can.
    """

    origin: str
    root: Path
    rustc: str
    linker: str
    build_std: bool
    flags: tuple[str, ...]
    cargo: Path
    git_cargo: Path | None


def toolchain_info() -> ToolchainInfo:
    """Return the toolchain that a build would use now. Raises ToolchainError where there is none."""
    reply = _shim.call("toolchain_info", {})
    found, versions = reply["toolchain"], reply["versions"]
    return ToolchainInfo(
        origin=found["origin"],
        root=Path(found["root"]),
        rustc=versions["rustc"],
        linker=versions["linker"],
        build_std=found["build_std"],
        flags=tuple(reply["flags"]),
        cargo=Path(found["cargo"]),
        git_cargo=None if reply["git_cargo"] is None else Path(reply["git_cargo"]),
    )


def build_toolchain(output: Callable[[bytes], object], cancel: CancelToken | None = None) -> Path:
    """Build std for guests once, into a sysroot of rzup's layout in zkhost's cache, and return its folder."""
    reply = _shim.call("build_toolchain", {}, _shim.Host(writers={2: output}, cancel=cancel))
    return Path(reply["root"])


@dataclass(frozen=True)
class Step:
    """One thing `zkhost install` would do: why, and the command."""

    why: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.command)


def plan_install(*, only: str | None = None) -> list[Step]:
    """Return the steps that would install a guest toolchain; `only`: "rzup" or "debian".

    Raises ToolchainError, naming what is missing, where no installation is possible.
    """
    tried = []
    if only != "debian":
        steps = _rzup_steps()
        if steps:
            return steps
        tried.append(f"rzup's installer at {RZUP_INSTALLER} does not answer")
    if only != "rzup":
        try:
            return _debian_steps()
        except ToolchainError as exc:
            if not tried:
                raise
            raise ToolchainError(f"{tried[0]}, and {exc.message}", hint=exc.hint) from exc
    raise ToolchainError(tried[0], hint="try again where it can be reached, or run `zkhost install --from debian`")


def run_steps(steps: Sequence[Step], say: Say) -> None:
    """Run the steps, reporting each before it starts. Raises ToolchainError, skipping the rest, where one fails."""
    for step in steps:
        say(f"{step.why}: {step}")
        done = subprocess.run(step.command, check=False)
        if done.returncode != 0:
            raise ToolchainError(
                f"`{step}` failed with exit status {done.returncode}", hint="the reason is in its own output, above"
            )


def _rzup_steps() -> list[Step]:
    risc0_home = Path(_config.get("RISC0_HOME") or Path.home() / ".risc0")
    rzup = shutil.which("rzup") or shutil.which("rzup", path=risc0_home / "bin")
    install = "install rzup's Rust toolchain for guests"
    if rzup is not None:
        return [Step(install, (rzup, "install", "rust"))] if _reachable() is not None else []
    script = _reachable()
    if script is None:
        return []
    with tempfile.NamedTemporaryFile("wb", prefix="zkhost-rzup-", suffix=".sh", delete=False) as file:
        file.write(script)
    return [
        Step("install rzup, RISC Zero's installer", ("bash", file.name)),
        Step(install, (str(risc0_home / "bin" / "rzup"), "install", "rust")),
    ]


def _reachable() -> bytes | None:
    """Return rzup's installer script, if its host answers in time."""
    import httpx

    try:
        answer = httpx.get(RZUP_INSTALLER, timeout=_REACH_S, follow_redirects=True)
    except httpx.HTTPError:
        return None
    return answer.content if answer.is_success and answer.content.startswith(b"#!") else None


def _debian_steps() -> list[Step]:
    apt = shutil.which("apt-get")
    if apt is None:
        raise ToolchainError(
            "there is no apt-get here to install Debian's packages with",
            hint="install rzup's toolchain by hand (https://dev.risczero.com/api/zkvm/install), "
            "or name a toolchain in ZKHOST_GUEST_TOOLCHAIN",
        )
    missing = [name for name in DEBIAN_PACKAGES if not _installed(name)]
    command = (
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "--yes",
        "--no-remove",
        *(missing or DEBIAN_PACKAGES),
    )
    prefix = _as_root()
    if prefix is None:
        raise ToolchainError(
            f"these packages are missing, and there are no rights to install them: {' '.join(missing)}",
            hint=f"have an administrator run: {shlex.join(('sudo', *command))}",
        )
    _refuse_old_packages()
    return [
        Step("look up Debian's newest packages", (*prefix, "apt-get", "update", "--quiet=2")),
        Step("install Debian's Rust, which builds guests", (*prefix, *command)),
    ]


def _installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == "installed"


def _as_root() -> tuple[str, ...] | None:
    """Return the prefix that runs a command as root without a password prompt; None where that is impossible."""
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return (sudo, "-n")
    return None


def _refuse_old_packages() -> None:
    """Refuse rustc-web before 1.88, which cannot build risc0: Debian's security archive has a newer one."""
    done = subprocess.run(["apt-cache", "policy", "rustc-web"], capture_output=True, text=True, check=False)
    candidates: list[Any] = [line.split()[-1] for line in done.stdout.splitlines() if "Candidate:" in line]
    numbers = candidates[0].split("+")[0].split(".")[:2] if candidates else []
    if len(numbers) == 2 and all(n.isdigit() for n in numbers) and tuple(map(int, numbers)) < _OLDEST_RUSTC:
        raise ToolchainError(
            f"Debian's rustc-web is {candidates[0]} here, and risc0 needs 1.88 or later",
            hint="enable Debian's security archive (bookworm-security), run apt-get update, and try again",
        )
