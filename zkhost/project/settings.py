"""A project's settings for zkhost: `[tool.zkhost]` of its pyproject.toml.

```toml
[tool.zkhost]
packages = ["crates/guest"]      # the guest packages, where the layout does not show them
exclude = ["crates/bench"]       # packages that are not guests

[tool.zkhost.guests.NAME]        # NAME: a guest, or a package with all its guests
features = ["precompile"]        # features of the package
env = { RUST_LOG = "info" }      # variables for cargo, the compiler and build scripts
verifies = ["inner"]             # guests whose image IDs it knows, by src/image_ids.rs; they are built before it
docker-env = { KEY = "value" }   # further variables in the container, with --docker
root = "../.."                   # the folder that the container sees, with --docker; by default the project's

[tool.zkhost.models.NAME]        # a model that is part of a guest, as models/NAME.plan in the guest package's folder
file = "host/digits.onnx"        # the model file, as the options below in `zkhost.ml.load`'s terms
guest = "reader"                 # the guest, or its package, where there are several packages
dims = { batch = 1 }             # sizes of dynamic axes
outputs = ["logits"]             # tensors to compute in place of the model's outputs
output = "argmax"                # what is left of each output; or a table with that of single outputs
k = 5                            # of `output = "topk"`
threshold = 0.5                  # of `output = "threshold"`
accelerate = true                # on the bigint accelerator
max-float-cycles = 1_000_000     # refuse a model whose f32 layers take more
```
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from zkhost.errors import BuildError

_KEYS = ("packages", "exclude", "guests", "models")


@dataclass(frozen=True)
class GuestOptions:
    """How a guest is built. `root` is a folder as it was written, relative to the project's."""

    features: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    verifies: tuple[str, ...] = ()
    docker_env: tuple[tuple[str, str], ...] = ()
    root: str | None = None


@dataclass(frozen=True)
class ModelOptions:
    """A model that is part of a guest. `file` is a path as it was written, relative to the project's folder; `guest` None:
    the project's only package; `options` are those of `zkhost.ml.load` that are set."""

    file: str
    guest: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProjectSettings:
    """The part of `[tool.zkhost]` for building guests; `file` is its source, for messages."""

    file: Path
    packages: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    guests: Mapping[str, GuestOptions] = field(default_factory=dict)
    models: Mapping[str, ModelOptions] = field(default_factory=dict)


def read_settings(folder: Path) -> ProjectSettings:
    """Return the settings of the project in `folder`; defaults where there are none.

    Raises BuildError for a file that is not TOML, and for a setting that does not exist or has another type.
    """
    file = folder / "pyproject.toml"
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ProjectSettings(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BuildError(f"{file} is not TOML: {exc}", hint="correct the file") from exc
    tool = data.get("tool", {})
    table: Any = tool.get("zkhost", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise _wrong(file, "tool.zkhost", "a table", table)
    for key, value in table.items():
        # Other tables are for other parts of zkhost.
        if key not in _KEYS and (not isinstance(value, dict) or key in ("guest", "model")):
            raise _unknown(file, f"tool.zkhost.{key}", _KEYS)
    guests, models = table.get("guests", {}), table.get("models", {})
    for name, value in (("guests", guests), ("models", models)):
        if not isinstance(value, dict):
            raise _wrong(file, f"tool.zkhost.{name}", "a table", value)
    return ProjectSettings(
        file,
        packages=_texts(file, "tool.zkhost.packages", table.get("packages", [])),
        exclude=_texts(file, "tool.zkhost.exclude", table.get("exclude", [])),
        guests={name: _options(file, f"tool.zkhost.guests.{name}", value) for name, value in guests.items()},
        models={name: _model(file, f"tool.zkhost.models.{name}", value) for name, value in models.items()},
    )


def _options(file: Path, where: str, table: Any) -> GuestOptions:
    if not isinstance(table, dict):
        raise _wrong(file, where, "a table", table)
    known = tuple(each.name.replace("_", "-") for each in fields(GuestOptions))
    for key in table:
        if key not in known:
            raise _unknown(file, f"{where}.{key}", known)
    root = table.get("root")
    if root is not None and not isinstance(root, str):
        raise _wrong(file, f"{where}.root", "a folder", root)
    return GuestOptions(
        features=_texts(file, f"{where}.features", table.get("features", [])),
        env=_variables(file, f"{where}.env", table.get("env", {})),
        verifies=_texts(file, f"{where}.verifies", table.get("verifies", [])),
        docker_env=_variables(file, f"{where}.docker-env", table.get("docker-env", {})),
        root=root,
    )


def _model(file: Path, where: str, table: Any) -> ModelOptions:
    if not isinstance(table, dict):
        raise _wrong(file, where, "a table", table)
    known: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "file": ("a file", _is_text),
        "guest": ("a guest", _is_text),
        "dims": ("a table of integers", lambda value: _is_table(value, _is_integer)),
        "outputs": ("a list of strings", lambda value: isinstance(value, list) and all(map(_is_text, value))),
        "output": ("a string, or a table of strings", lambda value: _is_text(value) or _is_table(value, _is_text)),
        "k": ("an integer", _is_integer),
        "threshold": ("a number", lambda value: _is_integer(value) or isinstance(value, float)),
        "accelerate": ("true or false", lambda value: isinstance(value, bool)),
        "max-float-cycles": ("an integer", _is_integer),
    }
    for key, value in table.items():
        if key not in known:
            raise _unknown(file, f"{where}.{key}", tuple(known))
        expected, fits = known[key]
        if not fits(value):
            raise _wrong(file, f"{where}.{key}", expected, value)
    if "file" not in table:
        raise BuildError(f"{file}: {where} has no file", hint='name the model, as in: file = "host/digits.onnx"')
    options = {key.replace("-", "_"): value for key, value in table.items() if key not in ("file", "guest")}
    return ModelOptions(table["file"], table.get("guest"), options)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_table(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(fits, value.values()))


def _texts(file: Path, where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(file, where, "a list of strings", value)
    return tuple(value)


def _variables(file: Path, where: str, value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise _wrong(file, where, "a table of strings", value)
    return tuple(sorted(value.items()))


def _wrong(file: Path, where: str, expected: str, value: Any) -> BuildError:
    return BuildError(f"{file}: {where} must be {expected}, and is {value!r}", hint="correct the file")


def _unknown(file: Path, where: str, known: tuple[str, ...]) -> BuildError:
    return BuildError(f"{file}: there is no setting {where}", hint=f"the settings there are {', '.join(known)}")
