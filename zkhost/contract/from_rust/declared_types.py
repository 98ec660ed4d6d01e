"""Types that the caller declares: `--type NAME=ANNOTATION`, and `[tool.zkhost.types]` of a pyproject.toml."""

from __future__ import annotations

import ast
import builtins
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zkhost import codec as vocabulary
from zkhost.contract.item_model import Named, RustType
from zkhost.contract.to_rust.schema_items import Items
from zkhost.errors import ConfigError, ContractError, SchemaError

_ALLOWED = (ast.Expression, ast.Name, ast.Load, ast.Subscript, ast.Tuple, ast.Constant, ast.BinOp, ast.BitOr, ast.Call)
_PLAIN = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple")


@dataclass(frozen=True)
class _Declared:
    path: tuple[str, ...]
    type: RustType


class DeclaredTypes:
    """Annotations by the path of their Rust type; `imports` are the modules of the caller's own classes.

    A path is matched from its end: `Address` is every type of that name, `alloy::Address` those of that crate.
    Raises ConfigError for what is neither an annotation of zkhost.codec nor the dotted name of a class.
    """

    def __init__(self, annotations: Mapping[str, str]) -> None:
        self.imports: dict[str, str] = {}
        found = [_Declared(tuple(name.split("::")), self._read(name, text)) for name, text in annotations.items()]
        self._types = sorted(found, key=lambda declared: -len(declared.path))  # the most specific path first

    def type_of(self, segments: Sequence[str]) -> RustType | None:
        """Return the type declared for a path."""
        for declared in self._types:
            *folders, name = declared.path
            if segments[-1] == name and (not folders or _within(folders, segments[:-1])):
                return declared.type
        return None

    @staticmethod
    def found(only: frozenset[str], names: set[str]) -> None:
        """Raise ContractError where a requested type is missing."""
        if missing := sorted(only - names):
            raise ContractError(
                f"no serde type is called {', '.join(missing)}",
                hint="names are those of the Rust source, without paths",
            )

    def _read(self, name: str, text: str) -> RustType:
        module, _, last = text.strip().replace(":", ".").rpartition(".")
        if module and all(part.isidentifier() for part in (*module.split("."), last)):
            self.imports[last] = module
            return Named(last)
        try:
            tree = ast.parse(text.strip(), mode="eval")
            wrong = next((node for node in ast.walk(tree) if not isinstance(node, _ALLOWED)), None)
            if wrong is not None or any(_name(c.func) != "Len" for c in ast.walk(tree) if isinstance(c, ast.Call)):
                raise SyntaxError("not an annotation")
            return Items().rust_type(eval(compile(tree, "<annotation>", "eval"), _namespace()))
        except (SyntaxError, NameError, TypeError, ValueError, SchemaError) as error:
            why = error.message if isinstance(error, SchemaError) else str(error)
            raise ConfigError(
                f"{name}={text}: {why}",
                hint="write an annotation of zkhost.codec, such as SerdeBytes or list[U32], or the name of a class "
                "with its module, such as my_types.Receipt",
            ) from error


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _namespace() -> dict[str, Any]:
    names: Iterable[str] = vocabulary.__all__
    return {
        **{name: getattr(builtins, name) for name in _PLAIN},
        "Annotated": typing.Annotated,
        "__builtins__": {},
        **{n: getattr(vocabulary, n) for n in names},
    }


def _within(folders: Sequence[str], segments: Sequence[str]) -> bool:
    """Return whether the folders occur in the path, in order."""
    rest = iter(segments)
    return all(folder.replace("-", "_") in rest for folder in folders)
