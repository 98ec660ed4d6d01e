"""Names on both sides: Rust's reserved words, and how a Python name is spelt in Rust."""

from __future__ import annotations

import keyword
import re

KEYWORDS = frozenset(
    """as async await break const continue dyn else enum extern false fn for gen if impl in let loop match mod move mut
    pub ref return static struct trait true type unsafe use where while abstract become box do final macro override
    priv try typeof unsized virtual yield""".split()
)
"""Words of Rust that need `r#` in front to be a name."""

NEVER_NAMES = frozenset({"self", "Self", "super", "crate", "_"})
"""Words that are no names in Rust even with `r#`."""

TAKEN_TYPES = frozenset(
    """bool char str u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 String Vec Option Box Some None Ok Err
    BTreeMap BTreeSet HashMap HashSet ByteBuf BigArray Serialize Deserialize""".split()
)
"""Types the generated module uses itself, which a type of the contract must not hide."""

BUILT_AT_ONCE = {"BTreeMap": "zkhost_guest::sorted_map", "BTreeSet": "zkhost_guest::sorted_set"}
"""The guest crate's functions that read such a collection and build it at once, not by insertions."""


def rust_identifier(name: str) -> str:
    """Return the name as written in Rust source: `type` is `r#type`."""
    return f"r#{name}" if name in KEYWORDS else name


def snake_case(name: str) -> str:
    """Return a field's name in Rust: `unitPrice` and `UnitPrice` are `unit_price`; names already in snake case stay."""
    if keyword.iskeyword(name.rstrip("_")):
        name = name.rstrip("_")  # `from_` is how Python spells a field called `from`
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return parted.lower() + ("_" if parted in NEVER_NAMES else "")


def camel_case(name: str) -> str:
    """Return a type's or variant's name in Rust: `HTTP_ERROR` and `http_error` are `HttpError`; camel case stays."""
    if "_" in name.strip("_") or name.isupper() or name[:1].islower():
        words = [word for word in name.split("_") if word]
        camel = "".join(word[:1].upper() + (word[1:].lower() if word.isupper() else word[1:]) for word in words)
    else:
        camel = name.strip("_")
    return camel + ("_" if camel in NEVER_NAMES else "")
