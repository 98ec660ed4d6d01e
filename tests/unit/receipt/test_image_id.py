"""Image IDs in all their forms, and computed from programs that may be none."""

from __future__ import annotations

import contextlib
import os
import random
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from zkhost import _shim
from zkhost.errors import ConfigError, InvalidProgramError
from zkhost.receipt.image_id import image_id_bytes, image_id_hex, parse_image_id

WORDS = (0x11223344, 1, 2, 3, 4, 5, 6, 0xFFFFFFFF)


def test_the_forms_agree() -> None:
    data = image_id_bytes(WORDS)
    assert data[:4] == bytes([0x44, 0x33, 0x22, 0x11])
    assert parse_image_id(data) == parse_image_id(image_id_hex(WORDS)) == parse_image_id("0x" + data.hex()) == WORDS


@pytest.mark.parametrize("bad", ["", "xyz", "00" * 31, b"short", (1, 2), [2**32] + [0] * 7, [-1] + [0] * 7])
def test_anything_else_is_refused(bad: str | bytes) -> None:
    with pytest.raises(ConfigError, match="not an image ID"):
        image_id_bytes(bad)


def test_a_plain_elf_is_told_apart(guests: Mapping[str, bytes]) -> None:
    elf = b"\x7fELF" + bytes(100)
    with pytest.raises(InvalidProgramError, match="program binary") as caught:
        _shim.call("image_id", {"program": elf})
    assert "ELF" in (caught.value.hint or "")


@pytest.mark.slow
def test_ten_thousand_damaged_programs_give_typed_errors(guests: Mapping[str, bytes]) -> None:
    """Truncated, bit-flipped and random programs and ELFs, through the loader and, some of them, the executor."""
    honest = guests["factors"]
    start = honest.index(b"\x7fELF")

    def load(round_: int) -> None:
        rng, kind = random.Random(round_), round_ % 4
        if kind == 0:
            data = honest[: rng.randrange(len(honest))]
        elif kind == 1:
            data = rng.randbytes(rng.randrange(400))
        else:
            mutated = bytearray(honest)
            low, high = (0, start + 600) if kind == 2 else (0, len(mutated))
            for _ in range(rng.randrange(1, 8)):
                mutated[rng.randrange(low, high)] ^= 1 << rng.randrange(8)
            data = bytes(mutated)
        with contextlib.suppress(_shim.errors.GuestError):
            if kind == 3 and round_ % 400 == 3:
                _shim.call("execute", {"env": {"input": bytes(16), "session_limit": 100_000}, "program": data})
            elif kind == 2 and round_ % 40 == 2:
                _shim.call("program_binary", {"elf": data[start:]})
            else:
                _shim._call("image_id", {"program": data}, None)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert sum(1 for _ in pool.map(load, range(10_000))) == 10_000


def test_a_program_cannot_ask_for_more_memory_than_its_loading_may_cost(guests: Mapping[str, bytes]) -> None:
    """A size in its header is all that an ELF needs to make risc0 fill gigabytes, word by word."""
    program = bytearray(guests["factors"])
    elf = program.index(b"\x7fELF")
    [first] = struct.unpack_from("<I", program, elf + 28)
    size, count = struct.unpack_from("<HH", program, elf + 42)
    headers = range(elf + first, elf + first + size * count, size)
    loaded = next(at for at in headers if struct.unpack_from("<I", program, at) == (1,))
    struct.pack_into("<I", program, loaded + 20, 1 << 30)
    with pytest.raises(InvalidProgramError, match="bytes of memory, more than"):
        _shim.call("image_id", {"program": bytes(program)})
