"""The contract's model -> the Python dataclasses and enums that stand for it."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence

from zkhost.contract.derives import Derives
from zkhost.contract.item_model import Array, Enum, Field, Fields, Item, Module, Named, RustType, Struct, Tuple, Variant
from zkhost.contract.naming import camel_case

_PLAIN = {"bool": "bool", "String": "str", "ByteBuf": "SerdeBytes", "char": "Char"}
_NUMBERS = frozenset("u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64".split())
_LINE = 120
_FROM_CODEC = frozenset("Char HashMap HashSet Len SerdeBytes Some enum newtype tuple_struct".split())
_RESERVED = frozenset(
    """Annotated Generic TypeVar annotations bool bytes dataclass dict float frozenset int list object py_enum set str
    tuple type""".split()
) | _FROM_CODEC | {name.upper() for name in _NUMBERS} | frozenset(keyword.kwlist)  # fmt: skip
"""Names that the printed module uses itself."""


class PythonSource:
    """Prints one module. `imports` are the modules of Python that declare types it names.

    `notes` lists the names that differ between both sides, `names` maps each item to its name here.
    """

    def __init__(self, module: Module, imports: Mapping[str, str] | None = None) -> None:
        self._module = module
        self._imported = dict(imports or {})
        self._derives = Derives(module)
        self._used: set[str] = set()
        self._taken = {*_RESERVED, *self._imported}
        self._params: tuple[str, ...] = ()
        self.notes: list[str] = []
        self._variables = {p: self._free(p) for p in sorted({p for item in module.items for p in item.params})}
        self.names = {item.name: self._free(item.name) for item in module.items}
        self.notes += [
            f"{rust} is called {name} here: its own name is taken" for rust, name in self.names.items() if name != rust
        ]

    def text(self) -> str:
        """Return the whole file."""
        parts = [part for item in self._module.items for part in self._item(item)]
        doc = self._module.doc.strip() or "The types that host and guest exchange."
        variables = "\n".join(f'{p} = TypeVar("{p}")' for p in self._variables.values())
        head = "\n\n".join([_docstring(doc), self._imports(), *([variables] if variables else [])])
        return "\n\n\n".join([head, *parts]) + "\n"

    def _free(self, *names: str) -> str:
        """Reserve and return the first of the names that is free, else the last one with underscores."""
        name = next((n for n in names if n not in self._taken), names[-1])
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _may_be_none(self, rust_type: RustType) -> bool:
        """Return whether None may be a value of the type itself, so that an Option around it must be written out."""
        match rust_type:
            case Named(name):
                return name == "Option" or name in self._params
        return rust_type == Tuple()

    def _imports(self) -> str:
        used = self._used
        codec = sorted(used & _FROM_CODEC | {u for u in used if u.lower() in _NUMBERS}, key=_import_order)
        typing = sorted(used & {"Annotated", "Generic"} | ({"TypeVar"} if self._variables else set()))
        lines = ["from __future__ import annotations", ""]
        lines += ["import enum as py_enum"] if "py_enum" in used else []
        lines += ["from dataclasses import dataclass"] if "dataclass" in used else []
        lines += [f"from typing import {', '.join(typing)}"] if typing else []
        own = {module: sorted(n for n, m in self._imported.items() if m == module and n in used)
               for module in self._imported.values()}  # fmt: skip
        other = {**({"zkhost.codec": codec} if codec else {}), **{m: names for m, names in own.items() if names}}
        lines += [""] if other else []
        lines += [_import(module, names) for module, names in sorted(other.items())]
        return "\n".join(lines)

    def _item(self, item: Item) -> list[str]:
        self._params = item.params
        if isinstance(item, Struct):
            bases = self._bases(item)
            return [self._dataclass(self.names[item.name], bases, item.fields, item.doc, key=self._is_key(item))]
        if item.variants and all(v.fields.kind == "unit" for v in item.variants):
            return [self._plain_enum(item)]
        self._used.add("enum")
        body = f"\n{_docstring(item.doc, '    ')}" if item.doc.strip() else " ..."
        name = self.names[item.name]
        base = f"{name}[{', '.join(self._variables[p] for p in item.params)}]" if item.params else name
        classes = [self._variant(item, v, base) for v in item.variants]
        return [f"@enum\nclass {name}{self._bases(item)}:{body}", *classes]

    def _variant(self, item: Enum, variant: Variant, base: str) -> str:
        own = variant.name + "_" * keyword.iskeyword(variant.name)
        name = self._free(own, f"{item.name}{variant.name}")
        if name != own:
            self.notes.append(f"{item.name}::{variant.name} is called {name} here: its own name is taken")
        return self._dataclass(name, f"({base})", variant.fields, variant.doc, key=self._is_key(item))

    def _plain_enum(self, item: Enum) -> str:
        self._used.add("py_enum")
        lines = [f"class {self.names[item.name]}(py_enum.Enum):"]
        lines += [_docstring(item.doc, "    "), ""] if item.doc.strip() else []
        taken = {"mro"}
        for place, variant in enumerate(item.variants):
            lines.append(f"    {_member_name(variant.name, taken)} = {place}")
            lines += [_docstring(variant.doc, "    ")] if variant.doc.strip() else []
        return "\n".join(lines)

    def _bases(self, item: Item) -> str:
        if not item.params:
            return ""
        self._used.add("Generic")
        return f"(Generic[{', '.join(self._variables[p] for p in item.params)}])"

    def _is_key(self, item: Item) -> bool:
        return bool({"Ord", "Hash"} & set(self._derives.of(item)))

    def _dataclass(self, name: str, bases: str, fields: Fields, doc: str, *, key: bool) -> str:
        self._used.add("dataclass")
        kind = (
            ""
            if fields.kind != "tuple" or not fields.items
            else "newtype"
            if len(fields.items) == 1
            else "tuple_struct"
        )
        if kind:
            self._used.add(kind)
        lines = [f"@{kind}"] if kind else []
        lines += ["@dataclass(frozen=True)", f"class {name}{bases}:"]
        lines += [_docstring(doc, "    ")] if doc.strip() else []
        lines += [""] if doc.strip() and fields.items else []
        taken: set[str] = set()
        for f in fields.items:
            lines.append(f"    {self._field_name(fields, f, taken)}: {self.annotation(f.type, key=key)}")
            lines += [_docstring(f.doc, "    ")] if f.doc.strip() else []
        if not fields.items and not doc.strip():
            lines.append("    pass")
        return "\n".join(lines)

    @staticmethod
    def _field_name(fields: Fields, f: Field, taken: set[str]) -> str:
        if fields.kind == "tuple":
            return "value" if len(fields.items) == 1 else f"item_{f.name}"
        name = f.name + "_" * keyword.iskeyword(f.name)
        name = name.lstrip("_") if name.startswith("__") and name.strip("_") else name  # no name mangling
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    def annotation(self, rust_type: RustType, *, key: bool = False) -> str:
        """Return the annotation of a type; inside the key of a map or set (`key`) only what Python can hash."""
        match rust_type:
            case Tuple(()):
                return "None"
            case Tuple(items):
                return f"tuple[{', '.join(self.annotation(i, key=key) for i in items)}]"
            case Array(Named("u8"), length):
                return self._annotated("bytes", length)
            case Array(item, length):
                return self._annotated(self._list(item, key), length)
            case Named("Vec", (Named("u8"),)):
                return "bytes"
            case Named("Vec", (item,)):
                return self._list(item, key)
            case Named("Option", (item,)) if self._may_be_none(item):
                return f"{self._use('Some')}[{self.annotation(item, key=key)}] | None"
            case Named("Option", (item,)):
                return f"{self.annotation(item, key=key)} | None"
            case Named("BTreeMap" | "HashMap" as name, (k, v)):
                outer = "dict" if name == "BTreeMap" else self._use("HashMap")
                return f"{outer}[{self.annotation(k, key=True)}, {self.annotation(v, key=key)}]"
            case Named("BTreeSet" | "HashSet" as name, (item,)):
                ordered = "frozenset" if key else "set"
                outer = ordered if name == "BTreeSet" else self._use("HashSet")
                return f"{outer}[{self.annotation(item, key=True)}]"
            case Named(name) if name in self._params:
                return self._variables[name]
            case Named(name, args) if args and name in self.names:
                return f"{self.names[name]}[{', '.join(self.annotation(a, key=key) for a in args)}]"
            case Named(name) if name in self.names:
                return self.names[name]
            case Named(name) if name in _PLAIN:
                return self._use(_PLAIN[name])
            case Named(name) if name in _NUMBERS:
                return self._use(name.upper())
            case Named(name):
                return self._use(name)

    def _list(self, item: RustType, key: bool) -> str:
        inner = self.annotation(item, key=key)
        return f"tuple[{inner}, ...]" if key else f"list[{inner}]"

    def _annotated(self, inner: str, length: int) -> str:
        return f"{self._use('Annotated')}[{inner}, {self._use('Len')}({length})]"

    def _use(self, name: str) -> str:
        self._used.add(name)
        return name


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= _LINE else f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"


def _import_order(name: str) -> tuple[int, str, int]:
    """Return the order of isort: constants, classes, functions; numbers in names count as numbers."""
    kind = 0 if name.isupper() else 2 if name.islower() or "_" in name else 1
    digits = name.lstrip("UIF") if kind == 0 else ""
    return kind, name.rstrip("0123456789"), int(digits or 0)


def _member_name(variant: str, taken: set[str]) -> str:
    """Return a member's name in Python, from which codegen returns the variant's."""
    upper = "".join(f"_{c}" if c.isupper() and i and not variant[i - 1].isupper() else c for i, c in enumerate(variant))
    fits = camel_case(upper.upper()) == variant and upper.upper() not in taken
    name = upper.upper() if fits else variant
    name = name.lstrip("_") if name.startswith("_") and name.strip("_") else name
    name += "_" * keyword.iskeyword(name)
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _docstring(text: str, indent: str = "") -> str:
    lines: Sequence[str] = text.strip().replace("\\", "\\\\").replace('"""', "'''").splitlines()
    body = "\n".join(indent + line if line else "" for line in lines)
    end = f'\n{indent}"""' if len(lines) > 1 or body.endswith('"') else '"""'
    return f'{indent}"""{body.lstrip()}{end}'
