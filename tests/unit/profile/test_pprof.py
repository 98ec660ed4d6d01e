"""The pprof reader against a writer of the same format, and against bytes that are no profile."""

from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.profile.samples import message, number, write_pprof
from zkhost.errors import ProfileError
from zkhost.profile import read_pprof
from zkhost.profile.pprof import Frame, Sample

_names = st.text(st.characters(codec="utf-8"), max_size=20)
_frames = st.builds(Frame, _names, _names, st.integers(0, 2**40), st.just(False))
_inlined = st.builds(Frame, _names, _names, st.integers(0, 2**40), st.just(True))
_stacks = st.lists(st.tuples(_frames, st.lists(_inlined, max_size=3)), min_size=1, max_size=4).map(
    lambda groups: tuple(frame for outer, inner in groups for frame in (outer, *inner))
)
_samples = st.lists(st.builds(Sample, _stacks, st.tuples(st.integers(-(2**63), 2**63 - 1))), max_size=8)


@given(_samples)
def test_what_is_written_is_read(samples: list[Sample]) -> None:
    data = write_pprof(samples)
    found = read_pprof(data)
    assert found.sample_types == (("cycles", "count"),)
    assert list(found.samples) == samples
    assert read_pprof(gzip.compress(data)) == found


def test_a_profile_byte_by_byte() -> None:
    data = bytes.fromhex(
        "0a04 0801 1002"  # sample_type: strings 1 and 2
        "1207 0a01 01 1202 ac02"  # sample: location 1, value 300
        "220b 0801 18 8010 2204 0801 1007"  # location 1 at 0x800: function 1, line 7
        "2a06 0801 1003 2004"  # function 1: name 3, file 4
        "3200 3206 6379636c6573 3205 636f756e74 3204 6d61696e 3204 6d2e7273"
    )
    found = read_pprof(data)
    assert found.samples == (Sample((Frame("main", "m.rs", 7),), (300,)),)


def test_fields_not_needed_are_passed_over() -> None:
    other = message(3, b"\x08\x01") + number(9, 5) + b"\x79" + bytes(8) + b"\x7d" + bytes(4)
    sample = Sample((Frame("f"),), (1,))
    assert read_pprof(other + write_pprof([sample])).samples == (sample,)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProfileError):
        read_pprof(data)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_truncated_file_is_refused(cut: int) -> None:
    data = write_pprof([Sample((Frame("main", "m.rs", 7),), (300,))])
    with pytest.raises(ProfileError, match="not a pprof file"):
        read_pprof(data[:-cut])


def test_a_missing_location_is_refused() -> None:
    with pytest.raises(ProfileError):
        read_pprof(message(1, b"") + message(2, b"\x0a\x01\x09") + message(6, b""))
