"""What a model's proofs disclose: modes of inputs, weights and outputs, which weights are hidden, and salts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from zkhost.errors import ConfigError, DigestMismatchError
from zkhost.ml.graph import MODES, Mode
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.tensors import SALT_BYTES, OutputMode


@dataclass(frozen=True)
class Options:
    """How a model was loaded; see `load`. `modes` are by the model's names for inputs, weights that are inputs, and outputs."""

    modes: Mapping[str, Mode]
    outputs: Mapping[str, OutputMode]
    hidden: bool
    salt: bytes | None
    salts: Mapping[str, bytes]
    accelerate: bool


def matching(names: Sequence[str], hidden: str | Sequence[str] | Callable[[str], bool]) -> tuple[str, ...]:
    """Return the initialisers that are hidden, in the file's order."""
    if callable(hidden):
        found = tuple(name for name in names if hidden(name))
        if not found:
            raise ConfigError("hidden picks no initialiser", hint=f"those of the model: {', '.join(names)}")
        return found
    patterns = [hidden] if isinstance(hidden, str) else list(hidden)
    for pattern in patterns:
        if not any(name == pattern or fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                f"hidden={pattern!r}: the model has no such initialiser", hint=f"one of {', '.join(names)}"
            )
    return tuple(name for name in names if any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns))


def modes_of(
    lowered: Lowered, input: Mode | Mapping[str, Mode], outputs: Mapping[str, OutputMode]
) -> Mapping[str, Mode]:
    """Return what the journal shows of each input, weight that is one, and output, by the model's names."""
    own, weights = [port.name for port in lowered.inputs], list(lowered.weights)
    given = dict.fromkeys(own, input) if isinstance(input, str) else dict(input)
    for name, mode in given.items():
        if name not in (*own, *weights):
            raise ConfigError(
                f"input={{{name!r}: ...}}: there is no such input", hint=f"one of {', '.join((*own, *weights))}"
            )
        if mode not in MODES:
            raise ConfigError(f"input={mode!r}", hint=f"one of {', '.join(MODES)}")
    modes: dict[str, Mode] = {name: given.get(name, "public") for name in own}
    modes |= {name: given.get(name, "hashed") for name in weights}
    return MappingProxyType(
        modes | {port.name: "hashed" if outputs.get(port.name) == "hashed" else "public" for port in lowered.outputs}
    )


def check_salts(options: Options) -> None:
    """Raise ConfigError for a salt that is not 32 bytes, or of something that is not hashed."""
    for name, salt in {"salt": options.salt, **options.salts}.items():
        if salt is not None and len(salt) != SALT_BYTES:
            raise ConfigError(f"{name} has {len(salt)} bytes", hint=f"use secrets.token_bytes({SALT_BYTES})")
    hashed = [name for name, mode in options.modes.items() if mode == "hashed"]
    for name in options.salts:
        if name not in hashed:
            raise ConfigError(
                f"salts has {name!r}, which is not hashed", hint=f"hashed: {', '.join(hashed) or 'nothing'}"
            )


def require_digest(what: str, expected: bytes | None, found: bytes | None, hint: str) -> None:
    """Raise DigestMismatchError where the digest in a journal is not the expected one."""
    if expected == found:
        return
    texts = ["none" if digest is None else digest.hex() for digest in (expected, found)]
    raise DigestMismatchError(
        f"the journal has another digest than that of {what}: expected {texts[0]} but got {texts[1]}",
        hint=hint, what=what, expected=texts[0], found=texts[1],
    )  # fmt: skip
