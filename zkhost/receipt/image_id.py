"""Image IDs: the digest that names a guest program. Eight u32 words, shown as 64 hex digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from zkhost.errors import ConfigError

ImageID: TypeAlias = tuple[int, ...]
"""Eight u32 words, as in a methods module (`MULTIPLY_ID`)."""

ImageIDLike: TypeAlias = "str | bytes | Sequence[int]"
"""64 hex digits, 32 bytes, or eight u32 words."""

WORDS, BYTES = 8, 32


def image_id_bytes(image_id: ImageIDLike) -> bytes:
    """The 32 bytes of an image ID in any of its forms. Words are little-endian, as risc0's Digest has them.

    >>> image_id_bytes([1, 0, 0, 0, 0, 0, 0, 0]).hex()[:8]
    '01000000'

    Raises ConfigError for anything else.
    """
    if isinstance(image_id, str):
        text = image_id.removeprefix("0x").removeprefix("0X")
        try:
            data = bytes.fromhex(text)
        except ValueError:
            raise _bad(f"{image_id!r} is not hexadecimal") from None
        if len(text) != 2 * BYTES:
            raise _bad(f"{image_id!r} has {len(text)} hex digits, not 64")
        return data
    if isinstance(image_id, bytes | bytearray | memoryview):
        if len(image_id) != BYTES:
            raise _bad(f"it has {len(image_id)} bytes, not 32")
        return bytes(image_id)
    words = list(image_id)
    if len(words) != WORDS:
        raise _bad(f"it has {len(words)} words, not 8")
    if not all(isinstance(word, int) and 0 <= word < 2**32 for word in words):
        raise _bad(f"{words} are not eight u32 words")
    return b"".join(word.to_bytes(4, "little") for word in words)


def image_id_hex(image_id: ImageIDLike) -> str:
    """64 hex digits."""
    return image_id_bytes(image_id).hex()


def parse_image_id(image_id: ImageIDLike) -> ImageID:
    """Eight u32 words."""
    data = image_id_bytes(image_id)
    return tuple(int.from_bytes(data[at : at + 4], "little") for at in range(0, BYTES, 4))


def _bad(why: str) -> ConfigError:
    return ConfigError(f"not an image ID: {why}", hint="give 64 hex digits, 32 bytes, or eight u32 words")
