"""Types of the standard library, as serde's own impls write them: paths below `std`, also by `core` and `alloc`."""

from __future__ import annotations

from zkhost.contract.from_rust.wire_forms import (
    Constrained,
    Form,
    always,
    as_inner,
    as_list,
    between,
    enum_form,
    generic,
    nonzero,
    nonzero_form,
    struct_form,
)
from zkhost.contract.item_model import Array, Named, Tuple

_T = Named("T")
_IPV4, _IPV6 = Array(Named("u8"), 4), Array(Named("u8"), 16)
NANOSECONDS = between("u32", 0, 999_999_999)
_SECONDS = between("u64", 0, 1 << 40)
_INTEGERS = [f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64, 128)]

STD_TYPES: dict[str, Form] = {
    "vec::Vec": as_list,
    "collections::VecDeque": as_list,
    "collections::vec_deque::VecDeque": as_list,
    "collections::LinkedList": as_list,
    "collections::linked_list::LinkedList": as_list,
    "string::String": always(Named("String")),
    "option::Option": generic("Option", 1),
    "result::Result": enum_form("Result", ("Ok", _T), ("Err", Named("E")), params=("T", "E")),
    "collections::BTreeMap": generic("BTreeMap", 2),
    "collections::btree_map::BTreeMap": generic("BTreeMap", 2),
    "collections::BTreeSet": generic("BTreeSet", 1),
    "collections::btree_set::BTreeSet": generic("BTreeSet", 1),
    "collections::HashMap": generic("HashMap", 2),
    "collections::hash_map::HashMap": generic("HashMap", 2),
    "collections::HashSet": generic("HashSet", 1),
    "collections::hash_set::HashSet": generic("HashSet", 1),
    "cmp::Reverse": as_inner,
    "num::Wrapping": as_inner,
    "num::Saturating": as_inner,
    "cell::Cell": as_inner,
    "cell::RefCell": as_inner,
    "sync::Mutex": as_inner,
    "sync::RwLock": as_inner,
    "marker::PhantomData": always(Tuple()),
    "num::NonZero": nonzero_form,
    "time::Duration": struct_form("Duration", ("secs", _SECONDS), ("nanos", NANOSECONDS)),
    "time::SystemTime": struct_form("SystemTime", ("secs_since_epoch", _SECONDS), ("nanos_since_epoch", NANOSECONDS)),
    "ops::Range": struct_form("Range", ("start", _T), ("end", _T), params=("T",)),
    "ops::RangeInclusive": struct_form("RangeInclusive", ("start", _T), ("end", _T), params=("T",)),
    "ops::RangeFrom": struct_form("RangeFrom", ("start", _T), params=("T",)),
    "ops::RangeTo": struct_form("RangeTo", ("end", _T), params=("T",)),
    "ops::Bound": enum_form("Bound", ("Unbounded", None), ("Included", _T), ("Excluded", _T), params=("T",)),
    "net::Ipv4Addr": always(_IPV4),
    "net::Ipv6Addr": always(_IPV6),
    "net::IpAddr": enum_form("IpAddr", ("V4", _IPV4), ("V6", _IPV6)),
    "net::SocketAddrV4": always(Tuple((_IPV4, Named("u16")))),
    "net::SocketAddrV6": always(Tuple((_IPV6, Named("u16")))),
    "net::SocketAddr": enum_form(
        "SocketAddr", ("V4", Tuple((_IPV4, Named("u16")))), ("V6", Tuple((_IPV6, Named("u16"))))
    ),
    "path::PathBuf": always(Named("String")),
    "ffi::CString": always(Constrained("ByteBuf", (), lambda rng: b"text"[: rng.randint(0, 4)], "no zero byte")),
}
STD_TYPES |= {f"num::NonZero{n.upper()}": always(nonzero(n)) for n in _INTEGERS}
STD_TYPES |= {f"sync::atomic::Atomic{n.upper()}": always(Named(n)) for n in _INTEGERS if not n.endswith("128")}
STD_TYPES |= {f"primitive::{n}": always(Named(n)) for n in [*_INTEGERS, "bool", "char", "f32", "f64"]}
STD_TYPES |= {
    "sync::atomic::AtomicBool": always(Named("bool")),
    "sync::atomic::AtomicUsize": always(Named("u64")),
    "sync::atomic::AtomicIsize": always(Named("i64")),
    "num::NonZeroUsize": always(nonzero("u64")),
    "num::NonZeroIsize": always(nonzero("i64")),
}

TRANSPARENT = frozenset({"boxed::Box", "rc::Rc", "sync::Arc", "borrow::Cow"})
"""Pointers: on the wire, what they point to."""
