"""A project's contract: finding `contract.py`, the guest packages it names, and writing their Rust modules."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from zkhost.contract.declare import Contract
from zkhost.contract.fingerprint import check_contract
from zkhost.contract.to_rust.contract_module import contract_module, contract_text_of
from zkhost.contract.to_rust.module_printer import module_source
from zkhost.errors import ContractError
from zkhost.project.crate import add_guest_crate
from zkhost.project.discover import GuestPackage, find_project
from zkhost.project.programs import pick

CONTRACT_FILE = "contract.py"
RUST_FILE = "contract.rs"


@dataclass(frozen=True)
class Written:
    """One Rust module: its path, its text, and whether that differs from the text before (`changed`).

    `added`: the dependencies that were added to the guest package's Cargo.toml.
    """

    path: Path
    source: str
    guests: tuple[str, ...]
    changed: bool
    added: tuple[str, ...] = ()


def find_contract(start: Path) -> Path | None:
    """Find the contract file: `start` itself, or `contract.py` in it or in the nearest folder above; None without one."""
    if start.is_file():
        return start
    folders = (start.resolve(), *start.resolve().parents)
    return next((f / CONTRACT_FILE for f in folders if (f / CONTRACT_FILE).is_file()), None)


def load_contracts(file: Path) -> tuple[ModuleType, dict[str, Contract[Any, Any]]]:
    """Run a contract file and return its module and its contracts, each by the name of its guest.

    A contract called CONTRACT belongs to the project's only guest: its name is "" here. Raises ContractError where
    there is none, or where the file cannot be run (the cause is chained).
    """
    declared = _declared(file)
    if declared is None:
        raise ContractError(
            f"{file} declares no contract",
            hint="add one for each guest, as in: multiply = zkhost.Contract(Input, Output)",
        )
    return declared


def _declared(file: Path) -> tuple[ModuleType, dict[str, Contract[Any, Any]]] | None:
    """Return what load_contracts does; None for a file that is missing or has only types."""
    if not file.is_file():
        return None
    module = _run(file.resolve())
    found: dict[str, Contract[Any, Any]] = {}
    for variable, value in vars(module).items():
        if isinstance(value, Contract) and not variable.startswith("_") and value not in found.values():
            found[value.guest or ("" if variable.upper() == "CONTRACT" else variable)] = value
    return (module, found) if found else None


def codegen(start: Path, *, check: bool = False) -> list[Written]:
    """Write the Rust module of every guest package that the contract names, where it changed.

    With `check` nothing is written. Raises ContractError where there is no contract, or a guest it names is not in the
    project; SchemaError for a type without a Rust counterpart.
    """
    file = _contract_file(start)
    return list(_codegen(file, *load_contracts(file), check))


def update_contract(root: Path, *, check: bool = False) -> list[Written]:
    """Run codegen as `zkhost build` does first: nothing for a project whose contract.py is missing or has only types.

    With `check` nothing is written, and a module that differs from the contract raises ContractError.
    """
    file = root / CONTRACT_FILE
    declared = _declared(file)
    if declared is None:
        return []
    written = list(_codegen(file, *declared, check))
    if check and (stale := [str(each.path) for each in written if each.changed]):
        raise ContractError(
            f"not what {file} says: {', '.join(stale)}", hint="run `zkhost build`, and commit what it writes"
        )
    return written


def built_contract(root: Path, guest: str, program: bytes) -> Contract[Any, Any] | None:
    """Return the contract of a project's built guest, if any. Raises ContractDriftError if it was built with another."""
    declared = _declared(root / CONTRACT_FILE)
    for name, contract in (declared[1] if declared else {}).items():
        if name == "" or _spelt(name, (guest,)) == guest:
            check_contract(program, contract_text_of(contract), guest)
            return contract
    return None


def find_guests_contract(start: Path, guest: str | None) -> Contract[Any, Any]:
    """Return a guest's contract, of a contract file or a project; `guest` may be None where there is only one.

    Raises ContractError where there is no contract, GuestNotFoundError where there is none for that guest.
    """
    file = _contract_file(start)
    contracts = load_contracts(file)[1]
    name = None if guest is None else next((name for name in contracts if _spelt(name, (guest,)) == guest), guest)
    return pick(contracts, name, f"in {file}")[1]


def _codegen(
    file: Path, module: ModuleType, contracts: dict[str, Contract[Any, Any]], check: bool
) -> Iterator[Written]:
    doc = inspect.cleandoc(module.__doc__ or "")
    for package, names in _assign(file, contracts).items():
        chosen = {guest: contracts[name] for name, guest in names}
        source = module_source(contract_module(chosen, doc), file.name)
        path = package.folder / "src" / RUST_FILE
        changed = not path.is_file() or path.read_text(encoding="utf-8") != source
        added: tuple[str, ...] = ()
        if changed and not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
            added = add_guest_crate(package)
        yield Written(path, source, tuple(chosen), changed, added)


def _assign(file: Path, contracts: dict[str, Contract[Any, Any]]) -> dict[GuestPackage, list[tuple[str, str]]]:
    """Return for each guest package the contracts of its guests: pairs of the contract's name and the guest's."""
    packages = find_project(file.resolve().parent).packages
    owners = {guest: package for package in packages for guest in package.bins}
    assigned: dict[GuestPackage, list[tuple[str, str]]] = {}
    for name in contracts:
        guest = next(iter(owners)) if name == "" and len(owners) == 1 else _spelt(name, owners)
        if guest not in owners:
            raise ContractError(
                f"{file} has a contract for the guest {name or '(unnamed)'}, which is not in the project",
                hint=f"the guests are {', '.join(sorted(owners)) or 'none'}: bind the contract to one of these names, "
                "with _ for -, or name it in Contract(..., guest=NAME)",
            )
        assigned.setdefault(owners[guest], []).append((name, guest))
    return assigned


def _contract_file(start: Path) -> Path:
    file = find_contract(start)
    if file is None:
        raise ContractError(
            f"no {CONTRACT_FILE} in {start} or above it",
            hint=f"give the file, or write a {CONTRACT_FILE} with the types of input and journal",
        )
    return file


def _spelt(name: str, guests: Iterable[str]) -> str:
    """Return the guest that a Python name means: `my_guest` is also `my-guest`."""
    return next((g for g in guests if g == name or g.replace("-", "_") == name), name)


def _run(file: Path) -> ModuleType:
    name = f"_zkhost_contract_{abs(hash(file)):x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ContractError(f"{file} is not a Python file", hint="name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module while their annotations are read
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise ContractError(f"{file} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(file.parent))
    return module
