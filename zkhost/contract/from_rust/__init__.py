"""The Python side of serde types that Rust code already has: `zkhost import-types`.

files -> syntax_tree, attributes, cfg -> source_crate (modules, what they declare and import)
      -> name_resolution (each path to its declaration) -> type_reader, item_reader (the wire form, by serde's rules)
      -> rust_import (all of it, and the notes) -> python_printer -> import_guard (imported, made into codecs)
check/: the printed annotations against the real serde, compiled by cargo
"""

from __future__ import annotations

from zkhost.contract.from_rust.rust_import import Imported, Note, import_rust

__all__ = ["Imported", "Note", "import_rust"]
