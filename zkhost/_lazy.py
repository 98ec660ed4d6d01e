"""Names of a package that are imported when they are first used, so that importing it costs almost nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def exports(
    package: str, modules: Mapping[str, str], *, packages: str = "", extra: str = ""
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a package.

    `modules` has for each module the public names that it defines, `packages` the names of subpackages that are imported
    when they are used as attributes. `extra` is what to install where a module needs another package that is missing:
    ConfigError then names both. Type checkers read the imports under TYPE_CHECKING instead, and so report missing names.
    """
    where = {name: module for module, names in modules.items() for name in names.split()}
    below = frozenset(packages.split())

    def getattribute(name: str) -> Any:
        if name in below:
            return importlib.import_module(f"{package}.{name}")
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(importlib.import_module(where[name]), name)
        except ModuleNotFoundError as error:
            if not extra or (error.name or "").startswith("zkhost"):
                raise
            from zkhost.errors import ConfigError

            raise ConfigError(
                f"{package} needs the package {error.name}", hint=f"pip install 'zkhost[{extra}]'"
            ) from error
        setattr(sys.modules[package], name, value)
        return value

    def directory() -> list[str]:
        return sorted({*vars(sys.modules[package]), *where, *below})

    return sorted(where), getattribute, directory
