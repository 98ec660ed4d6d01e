"""A crate's modules, read from its files: what each declares and imports, and what it leaves to macros."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.attributes import Attributes, with_attributes
from zkhost.contract.from_rust.cfg import Features, all_hold
from zkhost.contract.from_rust.declarations import Crate, Definition, Dependency, Impl, MacroCall, Module, Use
from zkhost.contract.from_rust.syntax_tree import line_of, name_of, parse, string_value, text_of
from zkhost.contract.from_rust.use_paths import imported

if TYPE_CHECKING:
    from tree_sitter import Node

_DECLARED = {
    "struct_item": "struct",
    "enum_item": "enum",
    "union_item": "union",
    "type_item": "alias",
    "const_item": "const",
    "static_item": "const",
    "trait_item": "trait",
}


class SourceCrate(Crate):
    """One crate: its module tree, dependencies and features. Files are read when it is made."""

    def __init__(
        self,
        name: str,
        root: Path | None,
        *,
        dependencies: dict[str, Dependency] | None = None,
        features: Features | None = None,
        manifest: Path | None = None,
        members: Sequence[Path] = (),
    ) -> None:
        folder = root.parent if root else members[0].parent
        super().__init__(name, root, manifest, folder, dependencies or {}, features or Features())
        if root:
            self._read_file(root, self.root)
        for file in members:
            child = Module(self, file.stem, self.root, file, file.parent / file.stem)
            self._read_file(file, child)
            assert child.body is not None
            self._declare(Definition("mod", file.stem, self.root, file, child.body, Attributes(), child))

    def _declare(self, definition: Definition) -> None:
        module = definition.module
        names = module.constants if definition.kind == "const" else module.definitions
        names.setdefault(definition.name, []).append(definition)

    def _read_file(self, file: Path, module: Module) -> None:
        self.files[file] = module
        root = parse(file.read_bytes())
        module.body = root
        self._read(root.named_children, module, file)

    def _read(self, nodes: Sequence[Node], module: Module, file: Path) -> None:
        for node, attributes in with_attributes(nodes):
            if node.type == "ERROR":
                self._unreadable(node, file)
            elif node.type in _DECLARED:
                name = name_of(node.child_by_field_name("name"))
                value = node.child_by_field_name("value")
                if name == "_" and value is not None:  # `const _: () = { impl ... };`
                    self._read([child for child in value.named_children if child.type == "impl_item"], module, file)
                    continue
                self._declare(Definition(_DECLARED[node.type], name, module, file, node, attributes))
            elif node.type == "mod_item":
                self._read_module(node, attributes, module, file)
            elif node.type == "use_declaration":
                present = all_hold(attributes.arguments("cfg"), self.features)
                argument = node.child_by_field_name("argument")
                if argument is not None and present is not False:
                    module.uses += [Use(name, path, present) for name, path in imported(argument)]
            elif node.type == "extern_crate_declaration":
                crate = name_of(node.child_by_field_name("name"))
                alias = node.child_by_field_name("alias")
                module.uses.append(Use(name_of(alias) if alias else crate, ("", crate), True))
            elif node.type == "impl_item":
                self._read_impl(node, attributes, module, file)
            elif node.type == "macro_definition":
                self.macros[name_of(node.child_by_field_name("name"))] = text_of(node)
            elif node.type in ("macro_invocation", "expression_statement"):
                self._read_macro(node, module, file)

    def _unreadable(self, node: Node, file: Path) -> None:
        if re.search(r"\b(Serialize|Deserialize)\b", text_of(node)):
            self.problems.append((file, line_of(node), "not Rust that can be read"))

    def _read_module(self, node: Node, attributes: Attributes, module: Module, file: Path) -> None:
        name = name_of(node.child_by_field_name("name"))
        present = all_hold(attributes.arguments("cfg"), self.features)
        if present is False:
            return
        body = node.child_by_field_name("body")
        paths = [meta.value for meta in attributes.named("path") if meta.value]
        if body is not None:
            child = Module(self, name, module, file, module.folder / (paths[0] if paths else name), body)
            self._declare(Definition("mod", name, module, file, node, attributes, child))
            self._read(body.named_children, child, file)
            return
        found = self._module_file(name, paths, module, file)
        if found is None:
            self.problems.append((file, line_of(node), f"mod {name}: its file is not there"))
            return
        if found in self.files:
            return
        own = found.name in ("mod.rs", "lib.rs", "main.rs") or bool(paths)
        child = Module(self, name, module, found, found.parent if own else found.parent / found.stem)
        self._declare(Definition("mod", name, module, file, node, attributes, child))
        self._read_file(found, child)

    @staticmethod
    def _module_file(name: str, paths: list[str], module: Module, file: Path) -> Path | None:
        base = file.parent if (module.file == file and module.body is None) or module.parent is None else module.folder
        if paths:
            inline = module.body is not None and module.body.type == "declaration_list"
            candidates = [(module.folder if inline else file.parent) / path for path in paths]
        else:
            folders = [module.folder, base] if module.parent is None else [module.folder]
            candidates = [f / end for f in folders for end in (f"{name}.rs", f"{name}/mod.rs")]
        return next((c.resolve() for c in candidates if c.is_file()), None)

    def _read_impl(self, node: Node, attributes: Attributes, module: Module, file: Path) -> None:
        target, trait = node.child_by_field_name("type"), node.child_by_field_name("trait")
        if target is None or all_hold(attributes.arguments("cfg"), self.features) is False:
            return
        self.impls.append(Impl(module, file, node, None if trait is None else text_of(trait), target))

    def _read_macro(self, node: Node, module: Module, file: Path) -> None:
        call = node if node.type == "macro_invocation" else node.named_children[0]
        if call.type != "macro_invocation":
            return
        macro = call.child_by_field_name("macro")
        name = "" if macro is None else text_of(macro)
        text = text_of(call)
        if name == "include" and (literal := re.search(r'\(\s*("[^"]+")\s*\)', text)):
            included = (file.parent / string_value(literal[1])).resolve()
            if included.is_file() and included not in self.files:
                self.files[included] = module
                self._read(parse(included.read_bytes()).named_children, module, included)
            return
        self.macro_calls.append(MacroCall(module, file, line_of(call), name, text))
