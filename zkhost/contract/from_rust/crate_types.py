"""Types of well-known crates, as their own serde code writes them in a format that is not human-readable.

A type is identified by the crate that its path leads to, never by its last name alone. Most of the crates' code is
compiled and checked by the corpus of tests/unit/contract.
"""

from __future__ import annotations

from zkhost.contract.from_rust.std_types import NANOSECONDS
from zkhost.contract.from_rust.wire_forms import (
    Form,
    always,
    as_inner,
    as_list,
    between,
    big_array,
    bits_as_bytes,
    bytes_of,
    enum_form,
    exactly,
    fixed_bytes,
    generic,
    nonzero,
    small_vec,
    text_form,
)
from zkhost.contract.item_model import Array, Named, Tuple

_DATE = (between("i32", -9999, 9999), between("u16", 1, 365))
_CLOCK = (between("u8", 0, 23), between("u8", 0, 59), between("u8", 0, 59), NANOSECONDS)
_OFFSET = (between("i8", 0, 23), between("i8", 0, 59), between("i8", 0, 59))
_ELAPSED = always(Tuple((between("i64", 0, 1 << 40), between("i32", 0, 999_999_999))))

_HASHES = {"Address": 20, "B64": 8, "B128": 16, "B160": 20, "B256": 32, "B512": 64, "Bloom": 256, "BlockHash": 32,
           "TxHash": 32, "StorageKey": 32, "Selector": 4, "Function": 24}  # fmt: skip
_ETHEREUM_BYTES = {name: bytes_of(length) for name, length in _HASHES.items()}
_ALLOY: dict[str, Form] = {
    **_ETHEREUM_BYTES,
    **{f"U{bits}": bytes_of((bits + 7) // 8) for bits in (1, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 384, 512)},
    **{f"I{bits}": bytes_of((bits + 7) // 8) for bits in (8, 16, 24, 32, 64, 96, 128, 160, 192, 256, 512)},
    "StorageValue": bytes_of(32),
    "FixedBytes": fixed_bytes,
    "Uint": bits_as_bytes,
    "Signed": bits_as_bytes,
    "Bytes": always(Named("ByteBuf")),
    "TxKind": always(Named("Option", (exactly(20),))),
    **{
        name: always(Named("u64"))
        for name in ("BlockNumber", "BlockTimestamp", "TxNonce", "ChainId", "TxNumber", "TxIndex")
    },
}
_HEX_NUMBER = ("0x1", "0x2a")
_PRIMITIVE_TYPES: dict[str, Form] = {
    **{f"H{bits}": text_form(f"0x and {bits // 4} hex digits", "0x" + "5a" * (bits // 8)) for bits in
       (32, 64, 128, 160, 256, 264, 512, 520)},
    **{f"U{bits}": text_form("0x and hex digits", *_HEX_NUMBER) for bits in (64, 128, 256, 512)},
    "Address": text_form("0x and 40 hex digits", "0x" + "5a" * 20),
    "Bloom": text_form("0x and 512 hex digits", "0x" + "5a" * 256),
}  # fmt: skip
_TIME: dict[str, Form] = {
    "OffsetDateTime": always(Tuple((*_DATE, *_CLOCK, *_OFFSET))),
    "PrimitiveDateTime": always(Tuple((*_DATE, *_CLOCK))),
    "Date": always(Tuple(_DATE)),
    "Time": always(Tuple(_CLOCK)),
    "Duration": _ELAPSED,
    "UtcOffset": always(Tuple(_OFFSET)),
    "Weekday": always(between("u8", 1, 7)),
    "Month": always(between("u8", 1, 12)),
}
_CHRONO: dict[str, Form] = {
    "DateTime": text_form("a date and time of RFC 3339", "2024-02-29T12:30:00Z", "1970-01-01T00:00:00Z"),
    "NaiveDate": text_form("YYYY-MM-DD", "2024-02-29", "1970-01-01"),
    "NaiveTime": text_form("HH:MM:SS", "12:30:00", "23:59:59"),
    "NaiveDateTime": text_form("YYYY-MM-DDTHH:MM:SS", "2024-02-29T12:30:00"),
    "Weekday": text_form("Mon to Sun", "Mon", "Sun"),
    "TimeDelta": _ELAPSED,
    "Duration": _ELAPSED,
}
_DECIMAL = text_form("a decimal number; a guest reads it where rust_decimal has its feature serde-str", "1", "-2.50")
_BIG_DECIMAL = text_form("a decimal number, which a guest cannot read: bigdecimal needs a self-describing format")
_DIGEST = always(Array(Named("u32"), 8))  # risc0-zkp core/digest.rs

CRATES: dict[str, dict[str, Form]] = {
    "alloy_primitives": _ALLOY,
    "ruint": {"Uint": bits_as_bytes, "Bits": bits_as_bytes, **{n: f for n, f in _ALLOY.items() if n[0] == "U" and n[1:].isdigit()}},
    "primitive_types": _PRIMITIVE_TYPES,
    "ethereum_types": _PRIMITIVE_TYPES,
    "risc0_zkvm": {"Digest": _DIGEST},
    "risc0_zkp": {"Digest": _DIGEST},
    "serde_bytes": {"ByteBuf": always(Named("ByteBuf")), "Bytes": always(Named("ByteBuf")), "ByteArray": fixed_bytes},
    "zkhost_guest": {"BigArray": big_array},
    "bytes": {"Bytes": always(Named("ByteBuf")), "BytesMut": always(Named("ByteBuf"))},
    "indexmap": {"IndexMap": generic("HashMap", 2), "IndexSet": generic("HashSet", 1)},
    "hashbrown": {"HashMap": generic("HashMap", 2), "HashSet": generic("HashSet", 1)},
    "ahash": {"AHashMap": generic("HashMap", 2), "AHashSet": generic("HashSet", 1)},
    "rustc_hash": {"FxHashMap": generic("HashMap", 2), "FxHashSet": generic("HashSet", 1)},
    "fnv": {"FnvHashMap": generic("HashMap", 2), "FnvHashSet": generic("HashSet", 1)},
    "smallvec": {"SmallVec": small_vec},
    "arrayvec": {"ArrayVec": as_list, "ArrayString": always(Named("String"))},
    "heapless": {"Vec": as_list, "String": always(Named("String"))},
    "either": {"Either": enum_form("Either", ("Left", Named("L")), ("Right", Named("R")), params=("L", "R"))},
    "ordered_float": {"OrderedFloat": as_inner, "NotNan": as_inner},
    "uuid": {"Uuid": bytes_of(16)},
    "chrono": _CHRONO,
    "time": _TIME,
    "rust_decimal": {"Decimal": _DECIMAL},
    "bigdecimal": {"BigDecimal": _BIG_DECIMAL},
    "num_bigint": {"BigUint": always(Named("Vec", (nonzero("u32"),)))},
    "url": {"Url": text_form("a URL", "https://example.org/", "https://example.org/a")},
    "semver": {"Version": text_form("a version", "1.2.3", "0.1.0-rc.1"), "VersionReq": text_form("a requirement", "^1.2.3")},
    "smol_str": {"SmolStr": always(Named("String"))},
    "compact_str": {"CompactString": always(Named("String"))},
    "solana_pubkey": {"Pubkey": always(Array(Named("u8"), 32))},
    "solana_program": {"Pubkey": always(Array(Named("u8"), 32))},
    "solana_sdk": {"Pubkey": always(Array(Named("u8"), 32))},
}  # fmt: skip

CHANGED_BY = {"rust_decimal": frozenset({"serde-float", "serde-with-float", "serde-arbitrary-precision"})}
"""Features of a crate with which its types are written in another way."""

SHOWN_BY = {
    ("alloy", "primitives"): "alloy_primitives",
    ("alloy_sol_types", "private"): "alloy_primitives",
    ("revm", "primitives"): "alloy_primitives",
    ("revm_primitives",): "alloy_primitives",
    ("reth_primitives",): "alloy_primitives",
    ("risc0_zkvm", "serde_bytes"): "serde_bytes",
}
"""Crates that show another's types under their own path."""

CONSTANTS = {
    ("risc0_zkvm", "DIGEST_WORDS"): 8,
    ("risc0_zkvm", "DIGEST_BYTES"): 32,
    ("risc0_zkp", "DIGEST_WORDS"): 8,
    ("risc0_zkp", "DIGEST_BYTES"): 32,
}
