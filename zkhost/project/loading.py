"""Finding a built guest: in the methods module that `zkhost build` wrote, in a project's folder, or in a file."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, overload

from zkhost.contract.declare import Contract
from zkhost.errors import GuestNotFoundError
from zkhost.guest.guest import Guest
from zkhost.guest.program_file import read_program_file
from zkhost.project.programs import find_program, pick

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
    """Load a built guest.

    `where` is a project's folder or its methods/ folder ("methods"), the module that `zkhost build` wrote there (by
    name, or the module itself), a folder of program binaries, or one such file (or a guest's ELF, which is combined with
    risc0's kernel). `guest` is the guest's name; None, or a contract alone, where there is only one.

    With a contract the guest is typed, and the program is checked to be built with that very contract: if not,
    ContractDriftError names the fields that differ. `check=False` skips that.

    Raises GuestNotFoundError, with what was searched for and which guests exist.
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
        return name or path.stem, read_program_file(path)
    if path.is_dir():
        found, program, _ = find_program(path, name)
        return found, program.read_bytes()
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


def _in_module(module: ModuleType, name: str | None) -> tuple[str, bytes]:
    programs = {attribute[:-4].lower(): attribute for attribute in dir(module) if attribute.endswith("_ELF")}
    wanted = None if name is None else re.sub(r"\W", "_", name).lower()
    found = pick(programs, wanted, f"in the module {module.__name__}")
    return name or found[0], bytes(getattr(module, found[1]))
