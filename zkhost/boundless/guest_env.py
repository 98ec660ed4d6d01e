"""The input of a guest as Boundless carries it (`GuestEnv` of boundless-market): a version byte, then MessagePack.

Version 1 is the map `{"stdin": bin}`; older clients wrote the bytes as an array of numbers. Version 0 is the bytes as
they are. zkhost reads all three and writes version 1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zkhost.errors import MarketFormatError, UnsupportedError

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv

_RAW, _MESSAGEPACK = 0, 1
_MAP_OF_STDIN = b"\x81\xa5stdin"
"""A map of one entry and its key."""
_BIN = ((0xC4, 1), (0xC5, 2), (0xC6, 4))
"""MessagePack's kinds of bytes: the first byte, then how many bytes its length takes."""
_ARRAY = ((0xDC, 2), (0xDD, 4))
_FIXARRAY, _UINT8 = range(0x90, 0xA0), 0xCC

_NOT_OF_BOUNDLESS = {
    "args": "arguments",
    "env_vars": "environment variables",
    "readers": "streams to read",
    "slice_io": "slice_io handlers",
    "assumptions": "assumptions",
    "input_digest": "an input digest",
}


@dataclass(frozen=True)
class GuestEnv:
    """What a guest on Boundless reads: its standard input and nothing else."""

    stdin: bytes = field(repr=False)

    @classmethod
    def of(cls, env: ExecutorEnv) -> GuestEnv:
        """Return the standard input of an environment. Limits, traces and what becomes of output are the prover's affair.

        Raises UnsupportedError for an environment that holds anything else for the guest, as arguments.
        """
        for name, what in _NOT_OF_BOUNDLESS.items():
            if getattr(env, name):
                raise UnsupportedError(
                    f"a guest on Boundless is given its standard input only; this environment has {what}",
                    hint="write everything that the guest needs into its input",
                    asked=name,
                )
        return cls(env.input)

    @property
    def env(self) -> ExecutorEnv:
        """The environment to execute or prove the guest in here."""
        from zkhost.environment.executor_env import ExecutorEnv

        return ExecutorEnv(input=self.stdin)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the encoded file, 32 bytes, to compare after an upload or a download."""
        return hashlib.sha256(self.encode()).digest()

    def encode(self) -> bytes:
        """Return the file's bytes, the same that boundless-market writes. Raises MarketFormatError beyond 4 GiB."""
        size = len(self.stdin)
        for kind, width in _BIN:
            if size < 1 << 8 * width:
                return bytes([_MESSAGEPACK]) + _MAP_OF_STDIN + bytes([kind]) + size.to_bytes(width, "big") + self.stdin
        raise MarketFormatError(f"an input of {size} bytes is too long: MessagePack holds 4 GiB", path=".stdin")

    @classmethod
    def decode(cls, data: bytes) -> GuestEnv:
        """Read the file. Raises MarketFormatError for one that is damaged, of another version or with other fields."""
        if not data:
            raise MarketFormatError("an input file is never empty: its first byte is the version")
        version, body = data[0], bytes(data[1:])
        if version == _RAW:
            return cls(body)
        if version != _MESSAGEPACK:
            raise MarketFormatError(f"version {version} of the input file is not known: there are 0 and 1")
        if not body.startswith(_MAP_OF_STDIN):
            raise MarketFormatError("not the input of a guest: expected a MessagePack map with stdin and nothing else")
        return cls(_bytes(body, len(_MAP_OF_STDIN)))


def _bytes(body: bytes, at: int) -> bytes:
    """Decode the rest of a MessagePack document: bytes, or an array of numbers below 256."""
    kind = body[at] if at < len(body) else None
    for first, width in _BIN:
        if kind == first:
            size, start = _length(body, at + 1, width)
            return _whole(body, start, size)
    for first, width in _ARRAY:
        if kind == first:
            return _numbers(body, *_length(body, at + 1, width))
    if kind is not None and kind in _FIXARRAY:
        return _numbers(body, kind - _FIXARRAY.start, at + 1)
    raise MarketFormatError("stdin is missing, or neither bytes nor an array of bytes", path=".stdin")


def _length(body: bytes, at: int, width: int) -> tuple[int, int]:
    """Return the length that stands there, and where what it counts begins."""
    if at + width > len(body):
        raise MarketFormatError("the input file ends within a length", path=".stdin")
    return int.from_bytes(body[at : at + width], "big"), at + width


def _whole(body: bytes, start: int, size: int) -> bytes:
    if len(body) - start != size:
        raise MarketFormatError(f"stdin has {size} bytes; {len(body) - start} follow", path=".stdin")
    return body[start:]


def _numbers(body: bytes, count: int, at: int) -> bytes:
    if count > len(body) - at:
        raise MarketFormatError(f"stdin has {count} numbers; {len(body) - at} bytes follow", path=".stdin")
    found = bytearray()
    for index in range(count):
        if at < len(body) and body[at] < 0x80:
            found.append(body[at])
            at += 1
        elif body[at : at + 1] == bytes([_UINT8]) and at + 1 < len(body):
            found.append(body[at + 1])
            at += 2
        else:
            raise MarketFormatError("not a number below 256", path=f".stdin[{index}]")
    return bytes(found) if at == len(body) else _whole(body, at, 0)
