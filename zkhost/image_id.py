"""Image IDs: the digest that names a guest program, and what it is computed from."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NoReturn, TypeAlias, final

from zkhost.errors import ConfigError

ImageIDLike: TypeAlias = "ImageID | str | bytes | Sequence[int]"
"""An ImageID, or what one is made of: 64 hex digits, 32 bytes, or eight u32 words."""

_WORDS, _BYTES = 8, 32
_ELF = b"\x7fELF"


@final
class ImageID:
    """The image ID of a program: a digest of its memory at the start, so of its code, its constants and its entry point.

    Made from 64 hex digits (with or without 0x), 32 bytes, eight u32 words as risc0's Digest has them, or another one.
    Its text is the 64 hex digits; `bytes(image_id)` are the 32 bytes.

    >>> image_id = ImageID([0x11223344, 0, 0, 0, 0, 0, 0, 1])
    >>> print(image_id)
    4433221100000000000000000000000000000000000000000000000001000000
    >>> image_id == ImageID(str(image_id)) == ImageID(bytes(image_id)) == ImageID(image_id.words)
    True

    Raises ConfigError for anything else.
    """

    __slots__ = ("_data",)
    _data: bytes

    def __init__(self, image_id: ImageIDLike) -> None:
        data = image_id._data if isinstance(image_id, ImageID) else digest_bytes(image_id, "image ID")
        object.__setattr__(self, "_data", data)

    def hex(self) -> str:
        """Return the 64 hex digits."""
        return self._data.hex()

    @property
    def words(self) -> tuple[int, ...]:
        """Eight u32 words, as a Rust host's methods crate has them."""
        return tuple(int.from_bytes(self._data[at : at + 4], "little") for at in range(0, _BYTES, 4))

    def __bytes__(self) -> bytes:
        return self._data

    def __str__(self) -> str:
        return self._data.hex()

    def __repr__(self) -> str:
        return f"ImageID('{self._data.hex()}')"

    def __eq__(self, other: object) -> bool:
        return self._data == other._data if isinstance(other, ImageID) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._data)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an ImageID does not change: {name} cannot be set")

    def __reduce__(self) -> tuple[type[ImageID], tuple[bytes]]:
        return ImageID, (self._data,)


def compute_image_id(program: bytes) -> ImageID:
    """Return the image ID of a program binary; an ELF is combined with risc0's kernel first, as `program_binary` does.

    Raises InvalidProgramError for anything else.
    """
    from zkhost import _shim

    binary = program_binary(program) if bytes(program[:4]) == _ELF else program
    return ImageID(_shim.call("image_id", {"program": binary})["image_id"])


def program_binary(elf: bytes) -> bytes:
    """Return the program binary of a guest's ELF: the ELF together with risc0's kernel, which is what provers run.

    Raises InvalidProgramError for what is not the ELF of a guest.
    """
    from zkhost import _shim

    binary: bytes = _shim.call("program_binary", {"elf": elf})["program"]
    return binary


def digest_bytes(digest: str | bytes | Sequence[int], what: str) -> bytes:
    """Return the 32 bytes of a digest in any of its forms. Raises ConfigError, calling it `what`, for anything else."""
    if isinstance(digest, str):
        text = digest.removeprefix("0x").removeprefix("0X")
        try:
            data = bytes.fromhex(text)
        except ValueError:
            raise _bad(what, f"{digest!r} is not hexadecimal") from None
        if len(text) != 2 * _BYTES:
            raise _bad(what, f"{digest!r} has {len(text)} hex digits, not 64")
        return data
    if isinstance(digest, bytes | bytearray | memoryview):
        if len(digest) != _BYTES:
            raise _bad(what, f"it has {len(digest)} bytes, not 32")
        return bytes(digest)
    try:
        words = [operator.index(word) for word in digest]
    except TypeError:
        raise _bad(what, f"{digest!r} (type={type(digest).__name__})") from None
    if len(words) != _WORDS:
        raise _bad(what, f"it has {len(words)} words, not 8")
    if not all(0 <= word < 2**32 for word in words):
        raise _bad(what, f"{words} are not eight u32 words")
    return b"".join(word.to_bytes(4, "little") for word in words)


def _bad(what: str, why: str) -> ConfigError:
    return ConfigError(f"not an {what}: {why}", hint="give 64 hex digits, 32 bytes, or eight u32 words")
