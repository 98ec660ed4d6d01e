"""Image IDs in all their forms, and computed from programs that may be none."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
import pickle
import random
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy
import pytest

from zkhost import _shim
from zkhost.errors import ConfigError, GuestError, InvalidProgramError
from zkhost.guest.guest import Guest
from zkhost.guest.program_file import read_program_file
from zkhost.image_id import ImageID, compute_image_id, program_binary

WORDS = (0x11223344, 1, 2, 3, 4, 5, 6, 0xFFFFFFFF)


def test_every_form_is_the_same_image_id() -> None:
    image_id = ImageID(WORDS)
    assert bytes(image_id)[:4] == bytes([0x44, 0x33, 0x22, 0x11])
    digits = "44332211" + "".join(f"{n:02x}000000" for n in range(1, 7)) + "ffffffff"
    assert (image_id.hex(), str(image_id), f"{image_id}", repr(image_id)) == (digits,) * 3 + (f"ImageID('{digits}')",)
    assert image_id.words == WORDS
    forms: list[Any] = [
        image_id,
        digits,
        "0x" + digits.upper(),
        bytes(image_id),
        bytearray(bytes(image_id)),
        list(WORDS),
    ]
    assert {ImageID(form) for form in [*forms, memoryview(bytes(image_id)), numpy.array(WORDS, dtype="u4")]} == {
        image_id
    }
    assert image_id != ImageID(bytes(32))
    assert image_id != cast(Any, digits), "an image ID is equal to image IDs only"


def test_it_is_immutable_and_survives_pickling() -> None:
    image_id = ImageID(WORDS)
    with pytest.raises(AttributeError, match="does not change"):
        image_id._data = bytes(32)
    assert pickle.loads(pickle.dumps(image_id)) == copy.deepcopy(image_id) == image_id
    assert dataclasses.asdict(Holder(image_id)) == {"image_id": image_id}, "it is one value, not a record of parts"


@dataclasses.dataclass
class Holder:
    image_id: ImageID


@pytest.mark.parametrize(
    "bad", ["", "xyz", "00" * 31, b"short", (1, 2), [2**32] + [0] * 7, [-1] + [0] * 7, None, 7, ["1"] * 8]
)
def test_anything_else_is_refused(bad: Any) -> None:
    with pytest.raises(ConfigError, match="not an image ID") as caught:
        ImageID(bad)
    assert "64 hex digits" in (caught.value.hint or "")


def test_it_is_computed_from_a_program_binary_or_an_elf(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    """A program binary holds the guest's ELF as it is, with its length in front."""
    program = guests["factors"]
    start = program.index(b"\x7fELF")
    elf = program[start : start + int.from_bytes(program[start - 4 : start], "little")]
    assert program_binary(elf) == program
    assert compute_image_id(elf) == compute_image_id(program) == Guest(program).image_id
    (tmp_path / "factors").write_bytes(elf)
    assert read_program_file(tmp_path / "factors") == program


@pytest.mark.parametrize("nothing", [b"", b"R0BF", b"#!/bin/sh", b"\x7fELF" + bytes(100)])
def test_what_is_no_program_has_no_image_id(nothing: bytes) -> None:
    with pytest.raises(InvalidProgramError):
        compute_image_id(nothing)


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
        with contextlib.suppress(GuestError):
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
