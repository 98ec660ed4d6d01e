"""Models that are part of a project's guests: compiled where a build finds them, as `[tool.zkhost.models]` says.

The plan of a model NAME is `models/NAME.plan` in its guest package's folder, for `zkhost_nn::plan!`. Beside it `NAME.key` has
what it was made of and its own digest; while both hold, nothing is compiled, and neither numpy nor onnx is loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zkhost._files import write_atomic
from zkhost._version import __version__
from zkhost.errors import BuildError, ConfigError
from zkhost.project.discover import GuestPackage, GuestProject
from zkhost.project.settings import ModelOptions

_EXTERNAL = b"\x0a\x08location"
"""What an ONNX file has where tensors are in files beside it: a StringStringEntryProto whose key is `location`."""


@dataclass(frozen=True)
class EmbeddedModel:
    """A model of a project, its plan's place and size, and whether the plan was written (`changed`) or there already."""

    name: str
    plan: Path
    bytes: int
    changed: bool


def build_models(project: GuestProject, *, force: bool = False) -> list[EmbeddedModel]:
    """Compile the models of a project's settings. `force`: also those whose plans are there and hold.

    Raises BuildError for a model that is not there, or of no known package, ConfigError where numpy or onnx is missing,
    and a ModelError for a model that is not taken.
    """
    settings = project.settings
    return [
        _build(project, name, options, f"{settings.file}: tool.zkhost.models.{name}", force)
        for name, options in settings.models.items()
    ]


def _build(project: GuestProject, name: str, options: ModelOptions, where: str, force: bool) -> EmbeddedModel:
    file = project.root / options.file
    if not file.is_file():
        raise BuildError(f"{where}: there is no file {options.file}", hint=f"it is sought in {project.root}")
    folder = _package(project, options, where).folder / "models"
    plan, key = folder / f"{name}.plan", folder / f"{name}.key"
    source = file.read_bytes()
    made_of = _made_of(source, options)
    if not force and key.is_file() and plan.is_file():
        data = plan.read_bytes()
        if key.read_text("utf-8") == _key(made_of, data):
            return EmbeddedModel(name, plan, len(data), False)
    data = _compile(file, options, where)
    changed = not plan.is_file() or plan.read_bytes() != data
    folder.mkdir(parents=True, exist_ok=True)
    # A plan whose tensors may be in other files has no key, so it is compiled each time.
    key.unlink(missing_ok=True)
    if changed:
        _write(plan, data)
    if _EXTERNAL not in source:
        _write(key, _key(made_of, data).encode())
    return EmbeddedModel(name, plan, len(data), changed)


def _compile(file: Path, options: ModelOptions, where: str) -> bytes:
    try:
        from zkhost.ml.loader import load
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("zkhost"):
            raise
        raise ConfigError(f"{where} needs the package {error.name}", hint="pip install 'zkhost[ml]'") from error
    try:
        return load(file, **options.options).compiled.plan
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error


def _package(project: GuestProject, options: ModelOptions, where: str) -> GuestPackage:
    if options.guest is not None:
        return project.owners(options.guest)[0]
    if len(project.packages) > 1:
        names = ", ".join(package.name for package in project.packages)
        raise BuildError(f"{where}: the project has several guest packages", hint=f"set guest to one of {names}")
    return project.packages[0]


def _made_of(source: bytes, options: ModelOptions) -> Mapping[str, object]:
    return {"zkhost": __version__, "model": hashlib.sha256(source).hexdigest(), "options": dict(options.options)}


def _key(made_of: Mapping[str, object], plan: bytes) -> str:
    return json.dumps({**made_of, "plan": hashlib.sha256(plan).hexdigest()}, indent=1, sort_keys=True) + "\n"


def _write(path: Path, data: bytes) -> None:
    write_atomic(path, data, durable=False)
    path.chmod(0o644)
