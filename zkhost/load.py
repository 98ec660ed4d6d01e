"""Finding a built guest: in the methods module that `zkhost build` wrote, in a project's folder, or in a file."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, overload

from zkhost.contract.declare import Contract
from zkhost.errors import GuestNotFoundError
from zkhost.guest.discover import find_project
from zkhost.program import Guest

__all__ = ["load"]

I = TypeVar("I")  # noqa: E741
J = TypeVar("J")


@overload
def load(where: str | Path | ModuleType, guest: Contract[I, J], *, check: bool = ...) -> Guest[I, J]: ...
@overload
def load(
    where: str | Path | ModuleType, guest: str | None = ..., contract: None = ..., *, check: bool = ...
) -> Guest[Any, Any]: ...
@overload
def load(
    where: str | Path | ModuleType, guest: str | None, contract: Contract[I, J], *, check: bool = ...
) -> Guest[I, J]: ...
def load(
    where: str | Path | ModuleType,
    guest: str | Contract[Any, Any] | None = None,
    contract: Contract[Any, Any] | None = None,
    *,
    check: bool = True,
) -> Guest[Any, Any]:
    """A built guest.

    `where` is a project's folder or its methods/ folder ("methods"), the module that `zkhost build` wrote there (by
    name, or the module itself), or a program binary. `guest` is the guest's name; None, or a contract alone, where
    there is only one.

    With a contract the guest is typed, and it is checked that the program was built with that very contract: if not,
    ContractDriftError names the fields that differ. `check=False` leaves that out.

    Raises GuestNotFoundError, which says what was looked for and which guests are there.
    """
    if isinstance(guest, Contract):
        name, program = _find(where, guest.guest)
        return Guest(program, guest, name=name, check=check)
    name, program = _find(where, guest)
    return Guest(program, contract, name=name, check=check)


def _find(where: str | Path | ModuleType, name: str | None) -> tuple[str, bytes]:
    if isinstance(where, ModuleType):
        return _in_module(where, name)
    path = Path(where)
    if path.is_file():
        return name or path.stem, path.read_bytes()
    if path.is_dir():
        return _in_folder(path, name)
    if isinstance(where, str) and re.fullmatch(r"[A-Za-z_][\w.]*", where):
        try:
            return _in_module(importlib.import_module(where), name)
        except ModuleNotFoundError as error:
            if error.name not in (where, where.split(".", maxsplit=1)[0]):
                raise
    raise GuestNotFoundError(
        f"{where} is neither a project's folder, nor a methods module, nor a program binary",
        hint="give the folder of the project or its methods/ folder, and run `zkhost build` there first",
    )


def _in_folder(folder: Path, name: str | None) -> tuple[str, bytes]:
    """In the folder itself, where it is a methods/ folder, else in that of the project it belongs to."""
    if not any(folder.glob("*.bin")):
        folder = find_project(folder).methods
    found = _one(
        {path.stem: path for path in sorted(folder.glob("*.bin"))}, name, f"in {folder}, as far as it was built"
    )
    return found[0], found[1].read_bytes()


def _in_module(module: ModuleType, name: str | None) -> tuple[str, bytes]:
    programs = {attribute[:-4].lower(): attribute for attribute in dir(module) if attribute.endswith("_ELF")}
    wanted = None if name is None else re.sub(r"\W", "_", name).lower()
    found = _one(programs, wanted, f"in the module {module.__name__}")
    return name or found[0], bytes(getattr(module, found[1]))


F = TypeVar("F")


def _one(found: dict[str, F], name: str | None, where: str) -> tuple[str, F]:
    if name is None and len(found) == 1:
        return next(iter(found.items()))
    if name is not None and name in found:
        return name, found[name]
    wanted = f"no guest {name}" if name is not None else "no guest" if not found else "more than one guest"
    there = f"it has {', '.join(sorted(found))}" if found else "run `zkhost build` first"
    raise GuestNotFoundError(f"there is {wanted} {where}", hint=there)
