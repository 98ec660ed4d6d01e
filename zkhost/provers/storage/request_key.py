"""What a proof depends on, as one key: two requests with the same key have interchangeable receipts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zkhost import _shim
from zkhost.environment import serving
from zkhost.errors import UnsupportedError
from zkhost.image_id import ImageID, ImageIDLike, compute_image_id

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.options import ProverOpts

_SHOWN_CHARACTERS = 12
# Fields of the environment that change neither the run nor its proof: where output, traces and profiles go.
_OUTPUT_ONLY = frozenset({"write_fds", "trace", "pprof_out"})
# Fields whose content is only known once the guest has requested it.
_LIVE = frozenset({"read_fds", "slice_io"})
_PLAIN = frozenset({"segment_limit_po2", "session_limit", "keccak_max_po2", "input_digest"})


@dataclass(frozen=True)
class RequestKey:
    """Every part of a request that its receipt depends on.

    `parts` maps a part's name to its digest or short text; `digest` (64 hex digits) is over all of them. Inputs,
    arguments, variables and assumptions enter as SHA-256 digests, so a key shows none of their content. `live` names
    the parts a key cannot cover: what readers and slice_io handlers answer while the guest runs.
    """

    parts: Mapping[str, str]
    live: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        env: Mapping[str, Any],
        *,
        image_id: ImageIDLike,
        receipt_kind: str,
        risc0_version: str,
        options: Mapping[str, Any] | None = None,
    ) -> RequestKey:
        """Return the key of a request: `env` as it goes to the shim, the program's image ID, the options of the prover.

        A field of `env` that is not known here is hashed unchanged: no new field can be left out by mistake.
        """
        parts = {
            "image ID": str(ImageID(image_id)),
            "risc0 version": risc0_version,
            "receipt kind": receipt_kind,
        }
        for name, value in sorted((options or {}).items()):
            parts[f"option {name}"] = _text(value)
        for name, value in sorted(env.items()):
            if name in _OUTPUT_ONLY or name in _LIVE or value is None:
                continue
            parts[name] = _text(value) if name in _PLAIN else _digest(value)
        live = tuple(sorted(name for name in _LIVE if env.get(name)))
        return cls(parts, live)

    @property
    def digest(self) -> str:
        """The digest over all parts, 64 hex digits."""
        canonical = json.dumps([dict(sorted(self.parts.items())), list(self.live)], separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def is_complete(self) -> bool:
        """Whether the key covers everything, so that an earlier run or receipt can stand for this one."""
        return not self.live

    def require_complete(self, what: str) -> None:
        """Raise UnsupportedError where part of the input is only known while the guest runs."""
        if self.live:
            raise UnsupportedError(
                f"{what} cannot be used here: the guest's input comes from {' and '.join(self.live)} while it runs",
                asked=what,
                hint="read the input first and give it with write, write_slice or write_frame",
            )

    def differences(self, other: RequestKey) -> list[str]:
        """Return what changed from `other` to this key, one line per part."""
        names = sorted(set(self.parts) | set(other.parts))
        return [
            f"{name}: {_shown(other.parts.get(name))} -> {_shown(self.parts.get(name))}"
            for name in names
            if self.parts.get(name) != other.parts.get(name)
        ] + ([f"live input: {list(other.live)} -> {list(self.live)}"] if self.live != other.live else [])

    def to_json(self) -> str:
        """Return JSON, for people and for `from_json`."""
        return json.dumps({"key": self.digest, "parts": dict(self.parts), "live": list(self.live)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> RequestKey:
        """Parse what `to_json` wrote. Raises ValueError for anything else, or what was modified since."""
        data = json.loads(text)
        try:
            key = cls({str(k): str(v) for k, v in data["parts"].items()}, tuple(data["live"]))
            written = data["key"]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a request key: {error!r}") from error
        if key.digest != written:
            raise ValueError("the request key does not match its digest")
        return key


def request_key(env: ExecutorEnv, program: bytes, opts: ProverOpts) -> RequestKey:
    """Return the key of a request to prove."""
    return RequestKey.of(
        serving.request(env),
        image_id=compute_image_id(program),
        receipt_kind=opts.receipt_kind,
        risc0_version=_shim.build_info()["risc0_version"],
        options={"prove_guest_errors": opts.prove_guest_errors},
    )


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _digest(value: Any) -> str:
    sha = hashlib.sha256()
    _feed(sha, value)
    return sha.hexdigest()


def _feed(sha: Any, value: Any) -> None:
    """Feed a value so that different values never feed the same bytes: type, length, content."""
    if isinstance(value, bytes | bytearray | memoryview):
        view = memoryview(value)
        sha.update(b"b%d:" % view.nbytes)
        sha.update(view)
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        sha.update(b"s%d:" % len(data) + data)
    elif isinstance(value, Mapping):
        sha.update(b"m%d:" % len(value))
        for name in sorted(value):
            _feed(sha, name)
            _feed(sha, value[name])
    elif isinstance(value, Sequence):
        sha.update(b"l%d:" % len(value))
        for item in value:
            _feed(sha, item)
    elif value is None or isinstance(value, bool | int):
        sha.update(b"v" + repr(value).encode() + b";")
    else:
        raise TypeError(f"cannot make a key of a {type(value).__name__}")


def _shown(value: str | None) -> str:
    if value is None:
        return "none"
    return value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "..."
