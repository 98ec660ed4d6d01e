"""Profiles to test with: a pprof writer, and one profile made by hand."""

from __future__ import annotations

from zkhost.profile import Cycles, Node, Profile, RunFigures, SegmentCost, Source
from zkhost.profile.pprof import Frame, Sample


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def write_pprof(samples: list[Sample], types: tuple[tuple[str, str], ...] = (("cycles", "count"),)) -> bytes:
    """The samples as profile.proto: inlined frames share the location of the function they are in."""
    strings: dict[str, int] = {"": 0}
    functions: dict[tuple[str, str], int] = {}
    locations: dict[tuple[Frame, ...], int] = {}
    out = b""
    for kind, unit in types:
        indexes = [strings.setdefault(text, len(strings)) for text in (kind, unit)]
        out += message(1, number(1, indexes[0]) + number(2, indexes[1]))
    for sample in samples:
        groups: list[list[Frame]] = []
        for frame in sample.stack:
            if frame.inlined:
                groups[-1].append(frame)
            else:
                groups.append([frame])
        ids = [locations.setdefault(tuple(group), len(locations) + 1) for group in reversed(groups)]
        packed = b"".join(varint(value) for value in sample.values)
        out += message(2, message(1, b"".join(map(varint, ids))) + message(2, packed))
    for group, index in locations.items():
        lines = b""
        for frame in reversed(group):
            function = functions.setdefault((frame.name, frame.file), len(functions) + 1)
            lines += message(4, number(1, function) + number(2, frame.line))
        out += message(4, number(1, index) + lines)
    for (name, file), index in functions.items():
        indexes = [strings.setdefault(text, len(strings)) for text in (name, file)]
        out += message(5, number(1, index) + number(2, indexes[0]) + number(4, indexes[1]))
    return out + b"".join(message(6, text.encode()) for text in strings)


def sample_profile(hashing: int = 60_000) -> Profile:
    """main calls hash (with an inlined round), sort (which calls itself), and once something very cheap."""
    root = Node("all")
    main = root.child("_start").child("main").child("demo::main")
    main.own = Cycles(1_000, 300, 100)
    hash_ = main.child("sha2::compress256")
    hash_.own = Cycles(10_000, 2_000, 500)
    hash_.child("<u32>::rotate_right", inlined=True).own = Cycles(hashing)
    sort = main.child("demo::sort")
    sort.own = Cycles(8_000)
    inner = sort.child("demo::sort")
    inner.own = Cycles(6_000, 100)
    inner.child("memcpy").own = Cycles(4_000)
    main.child("<script>alert('demo')</script>").own = Cycles(500)
    sources = {
        "sha2::compress256": Source("/r/sha2-0.10.9/src/sha256.rs", 12, {12: Cycles(4_000, 2_000), 15: Cycles(6_000)}),
        "<u32>::rotate_right": Source("/rust/library/core/src/num/uint_macros.rs", 300, {300: Cycles(hashing)}),
    }
    total = root.total
    segments = (SegmentCost(0, 16, total.user - 20_000, 2_000), SegmentCost(1, 15, 20_000, 1_500))
    proved = sum(segment.total for segment in segments)
    run = RunFigures("demo", "ab" * 32, total.user, 3_500, proved - total.user - 3_500, proved, segments)
    return Profile(root, run, sources)
