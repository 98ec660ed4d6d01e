"""A build of a project's guests, and the files it writes: programs, methods module, image IDs, zkhost.lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zkhost import _config, _shim
from zkhost._cancel import CancelToken
from zkhost.image_id import ImageID
from zkhost.project.discover import GuestPackage, GuestProject
from zkhost.project.docker import Container
from zkhost.project.image_ids import write_image_ids
from zkhost.project.lock import LockedGuest, check_lock, read_lock, write_lock
from zkhost.project.methods_module import write_methods
from zkhost.project.plan import Job, guest_options, plan_build
from zkhost.project.shipped import guest_crates_folder

Output = Callable[[bytes], object]

_WITHOUT_EFFECT = {
    "RISC0_BUILD_DEBUG": "guests are built in release mode; `zkhost profile` builds them with debug information",
    "RISC0_GUEST_LOGFILE": "cargo's output goes to standard error",
    "RISC0_RUST_SRC": "std comes with the toolchain, and ZKHOST_GUEST_TOOLCHAIN names another one",
    "RISC0_SKIP_BUILD": "`zkhost build` builds what has changed",
}


@dataclass(frozen=True)
class BuiltGuest:
    """A guest that was built, or was found up to date.

    `path` is the program binary next to the methods module, `elf` what cargo built, `bytes` the program binary's size,
    `fresh` whether cargo had nothing to do.
    """

    name: str
    package: str
    path: Path
    elf: Path
    bytes: int
    image_id: ImageID
    fresh: bool


@dataclass(frozen=True)
class BuildOptions:
    """`guest`: only that guest, and those whose image IDs it needs. `features`: besides those of the settings.
    `locked`: refuse to change Cargo.lock. `force`: run cargo even if nothing has changed. `check`: compare with
    zkhost.lock rather than write it, and refuse to change Cargo.lock. `docker`: in RISC Zero's container.
    `progress_width`: the columns of a terminal for cargo's progress bar, None for plain lines."""

    guest: str | None = None
    features: tuple[str, ...] = ()
    locked: bool = False
    force: bool = False
    check: bool = False
    docker: bool = False
    progress_width: int | None = None


def options_of_risc0(options: BuildOptions, say: Callable[[str], object]) -> BuildOptions:
    """Return the options with what risc0's own variables for builds add: RISC0_BUILD_LOCKED and RISC0_USE_DOCKER.

    `say` receives a line for each variable that is set and has no effect here.
    """
    for name, why in _WITHOUT_EFFECT.items():
        if _config.get(name):
            say(f"{name} has no effect: {why}")
    return replace(
        options,
        locked=options.locked or _config.get("RISC0_BUILD_LOCKED") is not None,
        docker=options.docker or _config.get("RISC0_USE_DOCKER") is not None,
    )


def build_project(
    project: GuestProject,
    options: BuildOptions = BuildOptions(),
    *,
    output: Output | None = None,
    cancel: CancelToken | None = None,
) -> list[BuiltGuest]:
    """Build the guests, and write the program binaries, the methods module and zkhost.lock.

    `output` receives what cargo prints, as it comes. Raises ToolchainError, GuestNotFoundError, CargoError, DriftError
    (`check`), CancelledError, and BuildError for a project that cannot be built.
    """
    output = output or _nowhere
    jobs = plan_build(project, options.guest, options.features)
    container = None
    if options.docker:
        locked = options.locked or options.check
        container = Container(project, jobs, locked=locked, force=options.force, output=output)
    reports: list[tuple[Job, dict[str, Any]]] = []
    ids: dict[str, str] = {}
    for job in jobs:
        if job.options.verifies:
            known = {name for other in jobs if other.package == job.package for name in other.options.verifies}
            write_image_ids(job.package, {name: ids[name] for name in known}, check=options.check)
        built = container.build(job) if container is not None else _build(job, options, output, cancel)
        reports.append((job, built))
        ids |= {guest["name"]: guest["image_id"] for guest in built["guests"]}
    return _write(project, options, reports, ids)


def build_for_profile(project: GuestProject, guest: str, output: Output) -> Path:
    """Build a guest with debug information, by the project's settings, and return the path of its program binary.

    Only the package's target folder is written to.
    """
    package = project.owners(guest)[0]
    settings = guest_options(project.settings, package, guest)
    job = Job(package, (guest,), settings)
    report = _build(job, BuildOptions(), output, None, debug=True)
    return Path(report["guests"][0]["program"])


def package_request(package: GuestPackage | Path, features: tuple[str, ...], env: Mapping[str, str]) -> dict[str, Any]:
    """Return what all requests about a package have in common."""
    folder = package if isinstance(package, Path) else package.folder
    request: dict[str, Any] = {"package": str(folder), "features": list(features), "env": dict(env)}
    return request | {"crates": str(guest_crates_folder())}


def _build(
    job: Job, options: BuildOptions, output: Output, cancel: CancelToken | None, *, debug: bool = False
) -> dict[str, Any]:
    """Return the shim's reply: `package`, `guests`, `toolchain`, `flags`, `source`, `fresh` and more."""
    request = package_request(job.package, job.options.features, dict(job.options.env)) | {
        "bins": list(job.bins),
        "excluded": [str(path) for path in job.excluded],
        "locked": options.locked or options.check,
        "force": options.force,
        "debug": debug,
        "progress_width": options.progress_width,
    }
    report: dict[str, Any] = _shim.call("build_guests", request, _shim.Host(writers={2: output}, cancel=cancel))
    versions = report["versions"]
    std = "std from source" if report["toolchain"]["build_std"] else "std prebuilt"
    toolchain = f"rustc {versions['rustc']} ({versions['commit'][:9]}), {versions['linker']}, {std}"
    return report | {"toolchain": toolchain}


def _write(
    project: GuestProject, options: BuildOptions, reports: list[tuple[Job, dict[str, Any]]], ids: dict[str, str]
) -> list[BuiltGuest]:
    locked = {guest["name"]: _locked(job, report, guest) for job, report in reports for guest in report["guests"]}
    if options.check:
        check_lock(project.lock, locked, complete=options.guest is None)
    kept = _kept(project) if options.guest is not None else {}
    everything = kept | locked
    programs = {guest["name"]: Path(guest["program"]) for _, report in reports for guest in report["guests"]}
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
            image_id=ImageID(ids[guest["name"]]),
            fresh=report["fresh"],
        )
        for _, report in reports
        for guest in report["guests"]
    ]


def _locked(job: Job, report: dict[str, Any], guest: dict[str, Any]) -> LockedGuest:
    return LockedGuest(
        package=report["package"],
        toolchain=report["toolchain"],
        flags=list(report["flags"]),
        features=list(job.options.features),
        env=[f"{name}={value}" for name, value in report.get("env", job.options.env)],
        source=report["source"],
        image_id=guest["image_id"],
    )


def _kept(project: GuestProject) -> dict[str, LockedGuest]:
    """Return the recorded guests whose programs still exist: a build of one guest leaves the others as they are."""
    names = {name for package in project.packages for name in package.bins}
    recorded = read_lock(project.lock)
    return {
        name: entry for name, entry in recorded.items() if name in names and (project.methods / f"{name}.bin").is_file()
    }


def _nowhere(data: bytes) -> None:
    """Discard cargo's output: a CargoError still has its last lines as `output`."""
