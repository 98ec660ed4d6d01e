"""The order and options in which the guests of a project are built.

A guest that verifies others (`verifies` of its settings) knows their image IDs, so they are built before it. Guests of one
package with the same options are built by one run of cargo.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from zkhost.errors import BuildError, GuestNotFoundError
from zkhost.project.discover import GuestPackage, GuestProject
from zkhost.project.image_ids import IMAGE_IDS_FILE
from zkhost.project.settings import GuestOptions, ProjectSettings


@dataclass(frozen=True)
class Job:
    """One run of cargo: a package, those of its bins (none: all that its features allow), and their options."""

    package: GuestPackage
    bins: tuple[str, ...]
    options: GuestOptions
    excluded: tuple[Path, ...] = ()


def guest_options(settings: ProjectSettings, package: GuestPackage, guest: str | None = None) -> GuestOptions:
    """Return a guest's options: its own, else its package's. Without `guest`, the package's, or its only guest's."""
    if guest is None:
        guest = package.bins[0] if len(package.bins) == 1 else package.name
    names = (guest, package.name)
    return next((settings.guests[name] for name in names if name in settings.guests), GuestOptions())


def plan_build(project: GuestProject, guest: str | None = None, features: tuple[str, ...] = ()) -> list[Job]:
    """Return the jobs that build a project, or one of its guests and those whose image IDs it needs.

    `features` are added to those of the settings, and apply to one package only. Raises GuestNotFoundError for a
    missing guest, BuildError for settings that cannot be met.
    """
    settings = project.settings
    _refuse_unknown(project, settings)
    packages = project.packages if guest is None else project.owners(guest)
    if features and len(packages) > 1:
        raise BuildError(
            f"--features {','.join(features)} may mean any of {', '.join(package.name for package in packages)}",
            hint="name one with --guest, or set `features` in [tool.zkhost.guests.NAME] of pyproject.toml",
        )
    owners = {name: package for package in project.packages for name in package.bins}
    options = {name: guest_options(settings, package, name) for name, package in owners.items()}
    for name, package in owners.items():
        if package in packages:
            options[name] = replace(options[name], features=tuple(dict.fromkeys((*options[name].features, *features))))
    _refuse_chains(owners, options)
    order = _in_order(settings, options)
    wanted = set(_with_verified(options, [guest] if guest in owners else [n for p in packages for n in p.bins]))
    buildable = [
        name for name in order if name in wanted and (name == guest or _is_enabled(owners[name], name, options[name]))
    ]
    return list(_jobs(buildable, owners, options))


def _jobs(order: list[str], owners: dict[str, GuestPackage], options: dict[str, GuestOptions]) -> Iterator[Job]:
    together: dict[tuple[GuestPackage, GuestOptions], list[str]] = {}
    for name in order:
        if not options[name].verifies:
            together.setdefault((owners[name], options[name]), []).append(name)
    for (package, chosen), names in together.items():
        verifying = any(options[name].verifies for name in package.bins)
        excluded = (package.folder / IMAGE_IDS_FILE,) if verifying else ()
        yield Job(package, () if set(names) == set(package.bins) else tuple(names), chosen, excluded)
    for name in order:
        if options[name].verifies:
            package = owners[name]
            yield Job(package, () if package.bins == (name,) else (name,), options[name])


def _is_enabled(package: GuestPackage, name: str, options: GuestOptions) -> bool:
    required = dict(package.required_features).get(name, ())
    return set(required) <= set(options.features)


def _with_verified(options: dict[str, GuestOptions], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield name
        yield from _with_verified(options, options[name].verifies)


def _in_order(settings: ProjectSettings, options: dict[str, GuestOptions]) -> list[str]:
    for name, each in options.items():
        for inner in each.verifies:
            if inner not in options:
                raise GuestNotFoundError(
                    f"{settings.file}: {name} verifies {inner!r}, which is no guest of the project",
                    hint=f"its guests: {', '.join(sorted(options))}",
                )
    try:
        return list(TopologicalSorter({name: each.verifies for name, each in options.items()}).static_order())
    except CycleError as exc:
        raise BuildError(
            f"{settings.file}: guests verify each other in a circle: {' -> '.join(exc.args[1])}",
            hint="an image ID cannot be part of the program that it is the ID of: pass it as input, and commit it",
        ) from exc


def _refuse_chains(owners: dict[str, GuestPackage], options: dict[str, GuestOptions]) -> None:
    """Refuse chains: one file holds the IDs for all guests of a package, so none can wait for one that itself waits."""
    for name, each in options.items():
        for inner in each.verifies:
            if inner in owners and owners[inner] == owners[name] and options[inner].verifies:
                raise BuildError(
                    f"{name} verifies {inner}, which verifies guests itself and is in the same package, {owners[name].name}",
                    hint="put one of them into a package of its own",
                )


def _refuse_unknown(project: GuestProject, settings: ProjectSettings) -> None:
    known = {package.name for package in project.packages} | {name for p in project.packages for name in p.bins}
    for name in settings.guests:
        if name not in known:
            raise GuestNotFoundError(
                f"{settings.file} has settings for the guest {name!r}, which is not in the project",
                hint=f"its guests: {', '.join(sorted(name for p in project.packages for name in p.bins))}",
            )
