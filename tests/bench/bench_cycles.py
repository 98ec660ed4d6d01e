"""What reading input and committing a journal cost a guest, in user cycles: env's own functions and zkhost-guest's.

    python tests/bench/bench_cycles.py [--program cycles.bin] [--only NAME] [--write]

The test guest `cycles` counts the cycles around one call in the executor. Each count is exact and the same on every
machine; it includes the system calls, but not reading the counter. PROGRAM is that guest's program binary; without it the guest is built. --write
puts the tables into docs/cycles.md.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Annotated, Any

from zkhost.codec import F32, I32, U32, U64, Len, SerdeBytes, WireFormat, encode
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.provers.local import LocalProver

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "cycles.md"
Key = Annotated[bytes, Len(32)]
STANDARD, PACKED = WireFormat.STANDARD, WireFormat.PACKED


@dataclass
class Record:
    """153 bytes: two keys, two numbers, a short text and five tags."""

    sender: Key
    receiver: Key
    amount: U64
    nonce: U64
    note: str
    tags: list[U32]


@dataclass
class Point:
    """Four words of plain fields."""

    x: U32
    y: I32
    z: U32
    weight: F32


@dataclass(frozen=True)
class Case:
    """A value; `number` is how the guest knows its type. `size` is in bytes of what the value is about."""

    name: str
    number: int
    type: Any
    value: Any
    size: int


def cases() -> list[Case]:
    rng = random.Random(1)
    sizes = {"1 KiB": 1 << 10, "64 KiB": 64 << 10, "1 MiB": 1 << 20}
    data = {name: rng.randbytes(size) for name, size in sizes.items()}
    found = [Case(f"Vec<u8>, {name}", 0, bytes, value, len(value)) for name, value in data.items()]
    found += [Case(f"serde_bytes, {name}", 1, SerdeBytes, value, len(value)) for name, value in data.items()]
    middle = data["64 KiB"]
    keys = [middle[i : i + 32] for i in range(0, len(middle), 32)]
    words = [int.from_bytes(middle[i : i + 4], "little") for i in range(0, len(middle), 4)]
    points = [Point(a, b - (1 << 31), c, 0.5) for a, b, c, _ in zip(*[iter(words)] * 4, strict=True)]
    records = [Record(keys[i], keys[i + 1], i, i, f"note {i:03}", [1, 2, 3, 4, 5]) for i in range(1000)]
    found += [
        Case("Vec<[u8; 32]>, 64 KiB", 2, list[Key], keys, len(middle)),
        Case("Vec<u32>, 64 KiB", 5, list[U32], words, len(middle)),
        Case("Vec of structs of 4 words, 64 KiB", 6, list[Point], points, len(middle)),
        Case("Vec of newtypes of u8, 64 KiB", 7, bytes, middle, len(middle)),
        Case("1,000 records", 3, list[Record], records, 1000 * (64 + 16 + 8 + 20)),
        Case("BTreeMap<String, u64>, 1,000", 4, dict[str, U64], {f"key {i:04}": i for i in range(1000)}, 16_000),
    ]
    return found


CHEAPER = {
    1: [(9, "&[u8], read_borrowed")],
    3: [(10, "records with a &str, read_borrowed")],
    4: [(11, "sorted_map"), (12, "sorted_map of &str, read_borrowed")],
}
"""Other types and functions that read the same values."""


def cheaper(cases: list[Case]) -> list[Case]:
    ways = [(case, *way) for case in cases for way in CHEAPER.get(case.number, [])]
    return [replace(case, number=number, name=f"{case.name}: {name}") for case, number, name in ways]


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


CALLS = Case("a u32, each a call", 8, Annotated[list[U32], Len(1000)], list(range(1000)), 4000)
"""For the functions that take a value: many small reads and commits."""

READS = {"env::read": 0, "read_buffered": 1, "read_slice": 7, "zkhost read": 2, "zkhost packed::read": 3}
COMMITS = {"env::commit": 4, "commit_slice": 8, "zkhost commit": 5, "zkhost packed::commit": 6}
FRAMED, PACKED_INPUT, RAW = (1, 7), (3,), (7, 8)


def measure(program: bytes, case: Case, means: int) -> tuple[int, int]:
    """(user cycles of the one call, words of the value in the format that it reads or writes)."""
    standard, packed = (encode(case.value, case.type, format=format) for format in (STANDARD, PACKED))
    data = packed if means in (*PACKED_INPUT, *RAW) else standard
    counted = packed if means in (*PACKED_INPUT, *RAW, 6) else standard
    stdout = io.BytesIO()
    builder = ExecutorEnv.builder().write_slice(case.number.to_bytes(4, "little") + means.to_bytes(4, "little"))
    builder.write_slice(frame(data) if means in FRAMED else data).stdout(stdout)
    LocalProver().execute(builder.session_limit(None).build(), program)
    return int.from_bytes(stdout.getvalue()[:8], "little"), len(counted) // 4


def table(program: bytes, chosen: Sequence[Case], means: dict[str, int]) -> str:
    lines = ["| value | " + " | ".join(means) + " |", "|---|" + "--:|" * len(means)]
    for case in chosen:
        cells = []
        for number in means.values():
            cycles, words = measure(program, case, number)
            per = (
                f"{cycles / case.size:.2f} / byte"
                if case.type in (bytes, SerdeBytes) and case.number != 7
                else f"{cycles / words:.1f} / word"
            )
            cells.append(f"{cycles:,}<br>{per}")
        print(case.name, *cells, sep=" | ", file=sys.stderr, flush=True)
        lines.append(f"| {escape(case.name, quote=False)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def build() -> bytes:
    from zkhost import _shim

    request = {"package": str(ROOT / "guest-methods" / "test-guests")}
    report = _shim.call("build_guests", request, _shim.Host(writers={2: lambda _: None}))
    [guest] = [guest for guest in report["guests"] if guest["name"] == "cycles"]
    return Path(guest["program"]).read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    program = options.program.read_bytes() if options.program else build()
    chosen = [case for case in cases() if options.only in case.name]
    text = DOCUMENT.read_text("utf-8") if options.write else ""
    for name, means in (("read", READS), ("commit", COMMITS)):
        valued = {column: number for column, number in means.items() if number not in (*FRAMED, *RAW)}
        made = table(program, chosen, means) + "\n\n" + table(program, [CALLS], valued)
        if name == "read":
            own = {column: number for column, number in means.items() if "zkhost" in column}
            made += "\n\n" + table(program, cheaper(chosen), own)
        print(f"\n{made}\n")
        found = re.search(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", text, flags=re.S)
        if found:
            text = text[: found.start()] + made + "\n" + text[found.end() :]
    if options.write:
        DOCUMENT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
