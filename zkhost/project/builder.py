"""Builds a project's guests through the shim and writes what comes of it: programs, methods module, zkhost.lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost import _shim
from zkhost.project.discover import GuestPackage, GuestProject
from zkhost.project.lock import LockedGuest, check_lock, read_lock, write_lock
from zkhost.project.methods_module import write_methods


@dataclass(frozen=True)
class BuiltGuest:
    """A guest that was built, or was found up to date.

    `path` is the program binary next to the methods module, `elf` what cargo made, `bytes` the program binary's size,
    `image_id` 64 hex digits, `fresh` whether cargo had nothing to do.
    """

    name: str
    package: str
    path: Path
    elf: Path
    bytes: int
    image_id: str
    fresh: bool


@dataclass(frozen=True)
class BuildOptions:
    """`guest`: only that guest. `locked`: refuse to change Cargo.lock. `force`: ask cargo even if nothing has changed.
    `check`: compare with zkhost.lock rather than write it, and refuse to change Cargo.lock. `progress_width`: the
    columns of a terminal for cargo's progress bar, None for plain lines."""

    guest: str | None = None
    features: tuple[str, ...] = ()
    locked: bool = False
    force: bool = False
    check: bool = False
    progress_width: int | None = None


def build_project(
    project: GuestProject,
    options: BuildOptions = BuildOptions(),
    *,
    output: Callable[[bytes], object] | None = None,
    cancel: _shim.CancelToken | None = None,
) -> list[BuiltGuest]:
    """Builds the guests, and writes the program binaries, the methods module and zkhost.lock.

    `output` takes what cargo prints, as it comes. Raises ToolchainError, GuestNotFoundError, CargoError, DriftError
    (`check`), CancelledError.
    """
    packages = project.packages if options.guest is None else project.owners(options.guest)
    reports = [(package, build_package(package, options, output=output, cancel=cancel)) for package in packages]
    locked = {guest["name"]: _locked(report, guest) for _, report in reports for guest in report["guests"]}
    if options.check:
        check_lock(project.lock, locked, complete=options.guest is None)
    kept = _kept(project) if options.guest is not None else {}
    programs = {guest["name"]: Path(guest["program"]) for _, report in reports for guest in report["guests"]}
    everything = kept | locked
    copies = write_methods(project.methods, programs, {name: entry.image_id for name, entry in everything.items()})
    if not options.check:
        write_lock(project.lock, everything)
    return [
        BuiltGuest(
            name=guest["name"],
            package=report["package"],
            path=copies[guest["name"]],
            elf=Path(guest["elf"]),
            bytes=guest["bytes"],
            image_id=guest["image_id"],
            fresh=report["fresh"],
        )
        for _, report in reports
        for guest in report["guests"]
    ]


def build_package(
    package: GuestPackage,
    options: BuildOptions = BuildOptions(),
    *,
    output: Callable[[bytes], object] | None = None,
    cancel: _shim.CancelToken | None = None,
) -> dict[str, Any]:
    """Builds one package; the shim's reply: `package`, `guests`, `versions`, `flags`, `source`, `fresh` and more."""
    bins = [options.guest] if options.guest in package.bins else []
    request = {
        "package": str(package.folder),
        "bins": bins,
        "features": list(options.features),
        "locked": options.locked or options.check,
        "force": options.force,
        "progress_width": options.progress_width,
    }
    host = _shim.Host(writers={2: output or _nowhere}, cancel=cancel)
    return _shim.call("build_guests", request, host)


def _locked(report: dict[str, Any], guest: dict[str, Any]) -> LockedGuest:
    versions, toolchain = report["versions"], report["toolchain"]
    std = "std from source" if toolchain["build_std"] else "std prebuilt"
    return LockedGuest(
        package=report["package"],
        toolchain=f"rustc {versions['rustc']} ({versions['commit'][:9]}), {versions['linker']}, {std}",
        flags=list(report["flags"]),
        features=list(report["features"]),
        source=report["source"],
        image_id=guest["image_id"],
    )


def _kept(project: GuestProject) -> dict[str, LockedGuest]:
    """The guests on record whose programs are still there: a build of one guest leaves the others as they are."""
    names = {name for package in project.packages for name in package.bins}
    recorded = read_lock(project.lock)
    return {
        name: entry for name, entry in recorded.items() if name in names and (project.methods / f"{name}.bin").is_file()
    }


def _nowhere(data: bytes) -> None:
    """Cargo's output, where nobody asked for it: a CargoError has its tail all the same, as `output`."""
