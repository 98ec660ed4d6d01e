"""Readable function names, and the crate each belongs to."""

from __future__ import annotations

import re

# rustc's legacy mangling ends in a hash that is of no use to a reader.
_HASH = re.compile(r"::h[0-9a-f]{16}$")
# `<alloc::vec::Vec<T,A> as core::ops::Drop>::drop` is alloc's; `&mut dyn core::fmt::Write` is core's.
_LEADING = re.compile(r"^(?:[<&*(\[]|mut |const |dyn |impl )+")
_CRATE = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)::")
_REGISTRY = re.compile(r"/(?:registry/src/[^/]+|vendor)/([A-Za-z0-9_-]+?)-\d+\.\d[^/]*/")
_LIBRARY = re.compile(r"/library/([a-z_]+)/")
_ESCAPES = (("$LT$", "<"), ("$GT$", ">"), ("$u20$", " "), ("$RF$", "&"), ("$C$", ","), ("..", "::"))

MACHINE = "zkvm"
"""The crate shown for what is no function of the guest: system calls, start-up."""

RUNTIME = "runtime"
"""The crate shown for functions that name none: start-up, memcpy and the other compiler built-ins, system calls."""


def tidy(name: str) -> str:
    """Return a demangled name without the compiler's hash and escapes."""
    name = _HASH.sub("", name)
    if "$" in name:
        for escape, character in _ESCAPES:
            name = name.replace(escape, character)
    return name or "?"


def crate_of(name: str, file: str = "") -> str:
    """Return the crate of a function, from its name, else from its source's path; `RUNTIME` where neither names one."""
    if name.startswith("[") and name.endswith("]"):
        return MACHINE
    path = _LEADING.sub("", name)
    if found := _CRATE.match(path):
        return RUNTIME if found[1] == "__rustc" else found[1]
    if " as " in path and (found := _CRATE.match(_LEADING.sub("", path.split(" as ", 1)[1]))):
        # `<T as alloc::string::ToString>::to_string`: the type names no crate, the trait does.
        return found[1]
    if found := _REGISTRY.search(file) or _LIBRARY.search(file):
        return found[1].replace("-", "_")
    return RUNTIME
