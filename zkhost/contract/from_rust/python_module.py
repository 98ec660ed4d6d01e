"""The Python module of what was read: printed, imported, and every type in it made into a codec."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from zkhost.codec import U8, SchemaError, codec
from zkhost.contract.from_rust.pruning import lose
from zkhost.contract.from_rust.python_printer import PythonSource
from zkhost.contract.from_rust.rust_import import Imported, Note
from zkhost.contract.item_model import Item, Module
from zkhost.errors import ContractError

_NAME = "zkhost_imported_types"


@dataclass(frozen=True)
class PythonModule:
    """The source, the module as Python imports it, and the name of each item of the result there."""

    source: str
    module: ModuleType
    names: dict[str, str]
    renamed: tuple[str, ...]
    imported: Imported

    def type_of(self, item: Item) -> Any:
        """Return the annotation of an item; a generic one has U8 for all its arguments."""
        cls = getattr(self.module, self.names[item.name])
        return cls[(U8,) * len(item.params)] if item.params else cls


def python_module(imported: Imported) -> PythonModule:
    """Print what was read, import it and make its codecs; what has none is left out, with a note.

    Raises ContractError where what was printed cannot be imported.
    """
    while True:
        printer = PythonSource(imported.module, imported.imports)
        source = printer.text()
        made = PythonModule(source, _run(source), printer.names, tuple(printer.notes), imported)
        refused = [(item, why) for item in imported.module.items if (why := _refused(made, item))]
        if not refused:
            return made
        imported = _without(imported, refused[0][0], refused[0][1])


def _run(source: str) -> ModuleType:
    module = ModuleType(_NAME)
    sys.modules[_NAME] = module  # where dataclasses and get_type_hints look names up
    try:
        exec(compile(source, "<imported types>", "exec"), vars(module))
    except Exception as error:
        raise ContractError(
            f"what was read cannot be imported as Python: {type(error).__name__}: {error}",
            hint="check the modules named by --type; where there is none, report this with the Rust file",
        ) from error
    return module


def _refused(made: PythonModule, item: Item) -> str | None:
    try:
        for wire_format in ("standard", "packed"):
            codec(made.type_of(item), wire_format)
    except SchemaError as error:
        return error.message
    return None


def _without(imported: Imported, item: Item, why: str) -> Imported:
    kept = {each.name: each for each in imported.module.items}
    lost = [(item.name, 0, f"it has no codec: {why}"), *lose(kept, item.name)]
    notes = list(imported.notes)
    for name, _, message in lost:
        if origin := imported.origins.get(name):
            definition = origin.definition
            notes.append(Note(definition.file, definition.line, definition.name, message, left_out=True))
    notes.sort(key=lambda note: (str(note.file), note.line))
    return replace(imported, module=Module(tuple(kept.values())), notes=notes)
