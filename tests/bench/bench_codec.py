"""Ratios of the codec's time to that of msgpack's C extension, on the same values: python tests/bench/bench_codec.py

Each figure is the median of paired rounds: in every round all contestants run the same values, in turn, so that what
slows the machine slows them alike; the ratio is taken within the round. msgpack packs the fields as a list; the codec
takes and gives dataclasses. Targets: record encode 2.5, decode 3; 100,000 records 1.3; a million u32 1.0; 1 MiB of
bytes at 1 GB/s packed and 500 MB/s as words; a numpy array like a copy of its memory.

msgspec, and borsh-construct where it is installed (pip install borsh-construct), run the same values. BCS is not among
them: the package that PyPI has under the name pybcs is something else.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgpack
import msgspec
import numpy as np
from numpy.typing import NDArray

from zkhost.codec import U32, U64, Len, SerdeBytes, codec

Key = Annotated[bytes, Len(32)]


@dataclass
class Record:
    """Two 32-byte keys, two u64, a short str and a list of 5 u32."""

    owner: Key
    asset: Key
    amount: U64
    nonce: U64
    memo: str
    slots: list[U32]


@dataclass
class SerdeRecord:
    """The same with serde byte strings as keys."""

    owner: SerdeBytes
    asset: SerdeBytes
    amount: U64
    nonce: U64
    memo: str
    slots: list[U32]


@dataclass
class Account:
    """One with a map."""

    id: U64
    balances: dict[str, U64]


@dataclass
class Access:
    """One with a set."""

    id: U64
    roles: set[U32]


@dataclass
class Folder:
    """One that holds others of itself."""

    size: U32
    name: str
    folders: list[Folder]


@dataclass
class Sensor:
    """One with a numpy array."""

    id: U64
    samples: NDArray[np.uint32]


Run = Callable[[], Any]


def fields(record: Any) -> list[Any]:
    """What msgpack is given."""
    return [getattr(record, f.name) for f in dataclasses.fields(record)]


def records(count: int) -> list[Record]:
    """Records with lengths that vary."""
    return [
        Record(os.urandom(32), os.urandom(32), i * 7919, i, f"memo {i % 1000}", [i, 2 * i, 3, 70_000 + i, 5])
        for i in range(count)
    ]


def folders(depth: int) -> Folder:
    """A tree of them: 364 at depth 5."""
    return Folder(depth, f"folder {depth}", [folders(depth - 1) for _ in range(3)] if depth else [])


def plain(value: Any) -> Any:
    """A value as msgpack takes it: a dataclass as the list of its fields, a set as a list, an array as its bytes."""
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, list | set):
        return [plain(item) for item in value]
    return value.tobytes() if isinstance(value, np.ndarray) else value


def other_types() -> list[tuple[str, dict[str, Run], int, int]]:
    """Rows of the kinds of types that a codec may be slow with; msgpack is given plain data, and returns it."""
    values: list[tuple[str, Any, int]] = [
        ("a map of 20", Account(1, {f"account {i}": i * 7919 for i in range(20)}), 50),
        ("a set of 20", Access(1, set(range(0, 2000, 100))), 50),
        ("a tree of 364", folders(5), 3),
        ("1,000 u32 of numpy", Sensor(1, np.arange(1000, dtype=np.uint32)), 100),
    ]
    rows: list[tuple[str, dict[str, Run], int, int]] = []
    for name, value, inner in values:
        made, data = codec(type(value)), plain(value)
        words, raw = made.encode(value), msgpack.packb(data)
        rows += [
            (f"{name}, encode", {"msgpack": partial(msgpack.packb, data),
                                 "zkhost": partial(made.encode, value)}, inner, 100),
            (f"{name}, decode", {"msgpack": partial(msgpack.unpackb, raw),
                                 "zkhost": partial(made.decode, words)}, inner, 100),
        ]  # fmt: skip
    return rows


def time_of(run: Run, inner: int) -> float:
    """Nanoseconds of one run."""
    start = time.perf_counter_ns()
    for _ in range(inner):
        run()
    return (time.perf_counter_ns() - start) / inner


def compare(runs: dict[str, Run], inner: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Median time in ns, and median ratio to the first, of each contestant."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(time_of(run, inner))
    base = times[next(iter(runs))]
    return {
        name: (statistics.median(t), statistics.median(a / b for a, b in zip(t, base, strict=True)))
        for name, t in times.items()
    }


def others(record: Record) -> tuple[dict[str, Run], dict[str, Run]]:
    """msgspec and borsh-construct on the record, as encoders and decoders, where they are installed."""
    enc, dec = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Record)
    packed = enc.encode(record)
    encoders: dict[str, Run] = {"msgspec": lambda: enc.encode(record)}
    decoders: dict[str, Run] = {"msgspec": lambda: dec.decode(packed)}
    try:
        import borsh_construct as b
        from construct import Bytes

        keys, numbers = ("owner" / Bytes(32), "asset" / Bytes(32)), ("amount" / b.U64, "nonce" / b.U64)
        layout = b.CStruct(*keys, *numbers, "memo" / b.String, "slots" / b.Vec(b.U32))
        plain = dict(zip([f.name for f in dataclasses.fields(record)], fields(record), strict=True))
        raw = layout.build(plain)
        encoders["borsh-construct"] = lambda: layout.build(plain)
        decoders["borsh-construct"] = lambda: layout.parse(raw)
    except ImportError:
        pass
    return encoders, decoders


def cases(big: int) -> list[tuple[str, dict[str, Run], int, int]]:
    """(name, contestants, runs a round, rounds); the first contestant is msgpack or what stands for it."""
    record = records(7)[-1]
    serde = SerdeRecord(*fields(record))
    data = fields(record)
    raw = msgpack.packb(data)
    standard, packed, thin = codec(Record), codec(Record, "packed"), codec(SerdeRecord)
    words = [standard.encode(record), packed.encode(record), thin.encode(serde)]
    encoders, decoders = others(record)
    encode: dict[str, Run] = {
        "msgpack": lambda: msgpack.packb(data),
        "zkhost packed": lambda: packed.encode(record),
        "zkhost standard": lambda: standard.encode(record),
        "zkhost standard, serde bytes": lambda: thin.encode(serde),
    }
    decode: dict[str, Run] = {
        "msgpack": lambda: msgpack.unpackb(raw),
        "zkhost packed": lambda: packed.decode(words[1]),
        "zkhost standard": lambda: standard.decode(words[0]),
        "zkhost standard, serde bytes": lambda: thin.decode(words[2]),
    }
    result = [("record, encode", encode | encoders, 200, 100), ("record, decode", decode | decoders, 200, 100)]

    many = records(big)
    rows = [fields(r) for r in many]
    many_raw = msgpack.packb(rows)
    std, pck = codec(list[Record]), codec(list[Record], "packed")
    std_raw, pck_raw = std.encode(many), pck.encode(many)
    mdec, spec_raw = msgspec.msgpack.Decoder(list[Record]), msgspec.msgpack.encode(many)
    result += [
        (f"{big:,} records, encode", {
            "msgpack": lambda: msgpack.packb(rows), "zkhost packed": lambda: pck.encode(many),
            "zkhost standard": lambda: std.encode(many), "msgspec": lambda: msgspec.msgpack.encode(many)}, 1, 7),
        (f"{big:,} records, decode", {
            "msgpack": lambda: msgpack.unpackb(many_raw), "zkhost packed": lambda: pck.decode(pck_raw),
            "zkhost standard": lambda: std.decode(std_raw),
            "msgspec": lambda: mdec.decode(spec_raw)}, 1, 7),
    ]  # fmt: skip

    numbers = [(i * 2654435761) & 0xFFFFFFFF for i in range(1_000_000)]
    list_codec, list_raw, packed_numbers = codec(list[U32]), codec(list[U32]).encode(numbers), msgpack.packb(numbers)
    array = np.array(numbers, dtype=np.uint32)
    numpy_codec = codec(NDArray[np.uint32])
    numpy_raw = numpy_codec.encode(array)
    blob = os.urandom(1 << 20)
    byte_std, byte_packed = codec(bytes), codec(bytes, "packed")
    blob_std, blob_packed = byte_std.encode(blob), byte_packed.encode(blob)
    return [
        *result,
        *other_types(),
        ("1,000,000 u32, encode", {"msgpack": lambda: msgpack.packb(numbers),
                                   "zkhost": lambda: list_codec.encode(numbers)}, 1, 7),
        ("1,000,000 u32, decode", {"msgpack": lambda: msgpack.unpackb(packed_numbers),
                                   "zkhost": lambda: list_codec.decode(list_raw)}, 1, 7),
        ("numpy u32, 4 MB", {"copy": array.copy, "zkhost encode": lambda: numpy_codec.encode(array),
                             "zkhost decode": lambda: numpy_codec.decode(numpy_raw)}, 5, 20),
        ("1 MiB of bytes", {"copy": lambda: bytearray(blob), "packed encode": lambda: byte_packed.encode(blob),
                            "packed decode": lambda: byte_packed.decode(blob_packed),
                            "standard encode": lambda: byte_std.encode(blob),
                            "standard decode": lambda: byte_std.decode(blob_std)}, 5, 40),
    ]  # fmt: skip


def main() -> None:
    """Prints the table, or with --json the same as data."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--json", action="store_true")
    args = options.parse_args()
    rows: list[dict[str, Any]] = [
        {"case": case, "who": who, "ns": round(ns), "ratio": round(ratio, 2)}
        for case, runs, inner, rounds in cases(args.records)
        for who, (ns, ratio) in compare(runs, inner, rounds).items()
    ]
    if args.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"CPython {platform.python_version()}, msgpack {'.'.join(map(str, msgpack.version))}, medians of paired rounds\n"
    )
    print("| case | who | time | ratio | |\n|---|---|---:|---:|---:|")
    for row in rows:
        ns = row["ns"]
        rate = f"{(1 << 20) / ns * 1e3:,.0f} MB/s" if row["case"] == "1 MiB of bytes" else ""
        shown = f"{ns:,} ns" if ns < 100_000 else f"{ns / 1e6:,.2f} ms"
        print(f"| {row['case']} | {row['who']} | {shown} | {row['ratio']:.2f} | {rate} |")


if __name__ == "__main__":
    main()
