"""What import-types makes of Rust: given right, or refused with the line and the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zkhost.codec import describe
from zkhost.contract.from_rust import import_rust
from zkhost.contract.from_rust.python_module import PythonModule, python_module
from zkhost.errors import ConfigError, ContractError

SERDE = "use serde::{Serialize, Deserialize};\n"
DERIVE = "#[derive(Serialize, Deserialize)]\n"


def read(folder: Path, source: str, **options: Any) -> PythonModule:
    """What is read from one file."""
    file = folder / "types.rs"
    file.write_text(source)
    return python_module(import_rust([file], **options))


def files(folder: Path, sources: dict[str, str]) -> Path:
    for name, source in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


def shape(made: PythonModule, name: str) -> Any:
    """The descriptor of a type: what the codec puts on the wire."""
    item = next(item for item in made.imported.module.items if item.name == name)
    return describe(made.type_of(item))


def reasons(made: PythonModule) -> dict[str, str]:
    return {note.where: f"{note.line}: {note.message}" for note in made.imported.left_out}


FIELDS = {
    "Box<[u16]>": ["seq", ["u16"]],
    "Box<str>": ["str"],
    "std::sync::Arc<Vec<u8>>": ["seq", ["u8"]],
    "std::borrow::Cow<'static, str>": ["str"],
    "std::borrow::Cow<'static, [u64]>": ["seq", ["u64"]],
    "&'static str": ["str"],
    "usize": ["u64"],
    "isize": ["i64"],
    "std::num::NonZeroU32": ["u32"],
    "core::num::NonZero<i64>": ["i64"],
    "std::num::Wrapping<u8>": ["u8"],
    "(u8,)": ["tuple", [["u8"]]],
    "(u8)": ["u8"],
    "()": ["unit"],
    "core::option::Option<alloc::string::String>": ["option", ["str"]],
    "[[bool; 2]; 1 + 2 * 3]": ["array", ["array", ["bool"], 2], 7],
    "[u8; (LEN >> 2) as usize]": ["array", ["u8"], 10],
    "[u8; core::mem::size_of::<u64>()]": ["array", ["u8"], 8],
    "[u8; u16::BITS as usize]": ["array", ["u8"], 16],
    "[u8; Sized::LEN]": ["array", ["u8"], 5],
    "[u8; inner::DEEP]": ["array", ["u8"], 6],
    "[u8; 0x1_0_usize]": ["array", ["u8"], 16],
    "std::net::Ipv4Addr": ["array", ["u8"], 4],
    "std::ops::Range<u8>": ["struct", "Range", [["start", ["u8"]], ["end", ["u8"]]]],
    "std::time::Duration": ["struct", "Duration", [["secs", ["u64"]], ["nanos", ["u32"]]]],
    "std::path::PathBuf": ["str"],
    "std::cell::RefCell<i8>": ["i8"],
    "std::collections::VecDeque<u8>": ["seq", ["u8"]],
    "std::collections::hash_map::HashMap<u8, u16>": ["map", ["u8"], ["u16"]],
    "Result<u8, String>": [
        "enum",
        "Result",
        [["Ok", "newtype", ["u8"]], ["Err", "newtype", ["str"]]],
    ],
    "alloy_primitives::Address": ["bytes"],
    "alloy::primitives::B256": ["bytes"],
    "alloy_primitives::Bytes": ["bytes"],
    "alloy_primitives::U256": ["bytes"],
    "alloy_primitives::TxKind": ["option", ["bytes"]],
    "primitive_types::H256": ["str"],
    "uuid::Uuid": ["bytes"],
    "chrono::DateTime<chrono::Utc>": ["str"],
    "rust_decimal::Decimal": ["str"],
    "risc0_zkvm::Digest": ["array", ["u32"], 8],
    "risc0_zkvm::sha::Digest": ["array", ["u32"], 8],
    "risc0_zkp::core::digest::Digest": ["array", ["u32"], 8],
    "[u32; risc0_zkvm::sha::DIGEST_WORDS]": ["array", ["u32"], 8],
    "Pair<u8>": ["tuple", [["u8"], ["u8"]]],
    "r#type::r#struct": ["unit_struct", "struct"],
}


@pytest.mark.parametrize("rust", FIELDS)
def test_a_type_is_what_serde_writes(tmp_path: Path, rust: str) -> None:
    source = f"""{SERDE}extern crate alloc;
    const LEN: u32 = 0x28;
    type Pair<T> = (T, T);
    pub struct Sized; impl Sized {{ const LEN: usize = 4 + 1; }}
    mod inner {{ use super::LEN as L; pub const DEEP: usize = L as usize - 34; }}
    mod r#type {{ #[derive(serde::Serialize, serde::Deserialize)] pub struct r#struct; }}
    {DERIVE} pub struct Holder {{ pub held: {rust} }}
    """
    made = read(tmp_path, source)
    assert reasons(made) == {}
    assert shape(made, "Holder") == ["struct", "Holder", [["held", FIELDS[rust]]]]


REFUSED = {
    "risc0_zkvm::Receipt": "risc0_zkvm::Receipt is of another crate",
    "<H as Hasher>::Digest": "associated type",
    "H::Digest": "associated type",
    "Digest": "Digest is neither declared nor imported here",
    "sha2::Digest": "sha2::Digest is of another crate",
    "HashMap<u8, u8>": "HashMap is neither declared nor imported here",
    "Box<dyn Fn()>": "trait object",
    "fn(u8) -> u8": "no wire form",
    "*const u8": "no wire form",
    "[u8; N]": "the number N cannot be told",
    "[u8; f()]": "the number f() cannot be told",
    "&'static [u8]": "written as a list and read as a byte string",
    "&'static u32": "serde reads no &u32",
    "std::ffi::OsString": "of another crate",
    "serde_json::Value": "serde_json::Value is of another crate",
    "Plain": "Plain derives none of serde's traits",
    "Loop": "an alias that leads to itself",
    "Trait": "Trait is a trait",
    "Vec": "lacks a generic argument",
}


@pytest.mark.parametrize("rust", REFUSED)
def test_what_is_not_known_is_refused_by_line(tmp_path: Path, rust: str) -> None:
    source = f"""{SERDE}pub struct Plain;
type Loop = Loop2; type Loop2 = Vec<Loop>; trait Trait {{}} fn f() -> usize {{ 3 }}
{DERIVE}pub struct Receipt {{ a: u8 }}
{DERIVE}pub struct Holder<H: Hasher> {{
    held: {rust}, h: H
}}
{DERIVE}pub struct User(Holder<u8>);
"""
    made = read(tmp_path, source)
    assert set(reasons(made)) == {"Holder", "User"}
    assert REFUSED[rust] in reasons(made)["Holder"]
    expected = 3 if rust == "Loop" else 8
    assert rust == "Loop" or reasons(made)["Holder"].startswith(f"{expected}: ")
    assert shape(made, "Receipt"), "what does not use it is there"


ITEMS_REFUSED = {
    "an attribute macro": ("#[frob] #[derive(Serialize, Deserialize)] struct X { a: u8 }", "#[frob] is not known"),
    "one with a path": ("#[a::b(c)] #[derive(Serialize, Deserialize)] struct X { a: u8 }", "#[a::b] is not known"),
    "serde_as without its macro": (
        '#[derive(Serialize, Deserialize)] struct X { #[serde_as(as = "Hex")] a: Vec<u8> }',
        "without serde_with's serde_as",
    ),
    "an unknown adapter": (
        '#[serde_with::serde_as] #[derive(Serialize, Deserialize)] struct X { #[serde_as(as = "Odd")] a: Vec<u8> }',
        'as = "Odd"',
    ),
    "skip_serializing_none": (
        "#[serde_with::skip_serializing_none] #[derive(Serialize, Deserialize)] struct X { a: Option<u8> }",
        "skip_serializing_none",
    ),
    "flatten": ("#[derive(Serialize, Deserialize)] struct X { #[serde(flatten)] a: Vec<u8> }", "flatten"),
    "untagged": ("#[derive(Serialize, Deserialize)] #[serde(untagged)] enum X { A(u8) }", "untagged"),
    "a tag": ('#[derive(Serialize, Deserialize)] #[serde(tag = "t")] enum X { A { a: u8 } }', 'tag = "t"'),
    "skip_serializing_if": (
        '#[derive(Serialize, Deserialize)] struct X { #[serde(skip_serializing_if = "f")] a: u8 }',
        "skip_serializing_if",
    ),
    "skipped one way": ("#[derive(Serialize, Deserialize)] struct X { #[serde(skip_serializing)] a: u8 }", "one way"),
    "a skipped variant": ("#[derive(Serialize, Deserialize)] enum X { #[serde(skip)] A, B }", "serde skips A"),
    "a module of one's own": (
        '#[derive(Serialize, Deserialize)] struct X { #[serde(with = "my")] a: u8 } mod my {}',
        'with = "my"',
    ),
    "one that is called as a known one": (
        '#[derive(Serialize, Deserialize)] struct X { #[serde(with = "serde_bytes")] a: Vec<u8> } mod serde_bytes {}',
        "serde_bytes",
    ),
    "a conversion one way": (
        '#[derive(Serialize, Deserialize)] #[serde(into = "u8")] struct X(u16);',
        "writes it as u8 and reads it as itself",
    ),
    "an impl by hand": ("#[derive(Deserialize)] struct X { a: u8 } impl Serialize for X {}", "written by hand"),
    "an impl by hand, by path": (
        "#[derive(Deserialize)] struct X<T> { a: T } impl<T> serde::ser::Serialize for X<T> where T: Copy {}",
        "written by hand",
    ),
    "an impl by hand in a const": (
        "#[derive(Serialize)] struct X { a: u8 } const _: () = { impl<'de> Deserialize<'de> for X {} };",
        "written by hand",
    ),
    "an impl by macro": ("#[derive(Deserialize)] struct X { a: u8 } impl_hex!(X);", "impl_hex! names X"),
    "a derive of another crate": ("use other::Serialize as S; #[derive(S)] struct X;", None),
    "a field under cfg": (
        '#[derive(Serialize, Deserialize)] struct X { a: u8, #[cfg(feature = "f")] b: u8 }',
        'cfg(feature = "f")',
    ),
    "a target": (
        '#[derive(Serialize, Deserialize)] struct X { #[cfg(target_os = "zkvm")] a: u8 }',
        'cfg(target_os = "zkvm")',
    ),
    "an attribute under cfg": (
        '#[derive(Serialize, Deserialize)] struct X { #[cfg_attr(feature = "f", serde(skip))] a: u8 }',
        "depends on",
    ),
    "two under cfg": (
        '#[cfg(feature = "f")] #[derive(Serialize, Deserialize)] struct X(u8);'
        '#[cfg(not(feature = "f"))] #[derive(Serialize, Deserialize)] struct X(u16);',
        "more than once",
    ),
    "const generics unused": ("#[derive(Serialize, Deserialize)] struct X<const N: usize>([u8; N]);", "const generics"),
    "no variants": ("#[derive(Serialize, Deserialize)] enum X {}", "no values"),
    "a borrowed Cow of bytes": (
        "#[derive(Serialize, Deserialize)] struct X<'a> { #[serde(borrow)] a: std::borrow::Cow<'a, [u8]> }",
        "read as a byte string",
    ),
    "rust that cannot be read": ("#[derive(Serialize, Deserialize)] struct X { a: u8 b: }", "not Rust"),
    "serde_as under cfg": (
        "#[serde_with::serde_as] #[derive(Serialize, Deserialize)] struct X {"
        ' #[cfg_attr(feature = "f", serde_as(as = "serde_with::Bytes"))] a: Vec<u8> }',
        "depends on",
    ),
    "a derive by another macro": (
        "#[derive_where::derive_where(Serialize, Deserialize)] #[derive(Serialize)] struct X { a: u8 }",
        "derive_where] is not known",
    ),
    "what a macro declares": (
        "macro_rules! m { ($n:ident) => { #[derive(Serialize)] struct $n; } } m!(X);",
        "types that a macro declares",
    ),
    "what stands in a macro": (
        "sol! { #[derive(Serialize, Deserialize)] struct X { uint8 a; } }",
        "that a macro declares",
    ),
    "a float as a key": (
        "#[derive(Serialize, Deserialize)] struct X { a: std::collections::BTreeMap<f64, u8> }",
        "it has no codec",
    ),
}


@pytest.mark.parametrize("kind", ITEMS_REFUSED)
def test_a_declaration_that_serde_writes_in_a_way_of_its_own_is_refused(tmp_path: Path, kind: str) -> None:
    source, reason = ITEMS_REFUSED[kind]
    made = read(tmp_path, f"{SERDE}{DERIVE}pub struct Fine(pub u8);\n{source}\n{DERIVE}pub struct User {{ x: X }}\n")
    assert [item.name for item in made.imported.module.items] == ["Fine"]
    assert "User" in reasons(made)
    if reason is not None:
        assert any(reason in text and text.startswith("4: ") for text in reasons(made).values()), reasons(made)


ITEMS_GIVEN = {
    "rkyv beside serde": (
        "#[derive(rkyv::Serialize, Serialize, Deserialize)] #[rkyv(x)] struct X { a: u8 }",
        ["struct", "X", [["a", ["u8"]]]],
    ),
    "attributes of other macros": (
        "#[pyo3::pyclass] #[typeshare::typeshare] #[derive_where::derive_where(Clone; T)] #[wasm_bindgen(inspectable)]"
        '#[derive(Serialize, Deserialize, thiserror::Error, clap::Parser)] #[error("no")] #[command(x)] struct X { #[arg(long)] a: u8 }',
        ["struct", "X", [["a", ["u8"]]]],
    ),
    "serde_as": (
        "use serde_with::{serde_as, Bytes as B}; #[serde_as] #[derive(Serialize, Deserialize)] struct X {"
        ' #[serde_as(as = "Option<B>")] a: Option<Vec<u8>>, #[serde_as(as = "Vec<serde_with::DisplayFromStr>")] b: Vec<u8>,'
        ' #[serde_as(as = "serde_with::hex::Hex")] c: [u8; 4] }',
        ["struct", "X", [["a", ["option", ["bytes"]]], ["b", ["seq", ["str"]]], ["c", ["str"]]]],
    ),
    "skip_serializing_none over no option": (
        "#[serde_with::skip_serializing_none] #[derive(Serialize, Deserialize)] struct X { a: u8 }",
        ["struct", "X", [["a", ["u8"]]]],
    ),
    "names alone": (
        '#[derive(Serialize, Deserialize)] #[serde(rename_all = "camelCase", deny_unknown_fields, default)] struct X {'
        ' #[serde(rename = "z", alias = "y", default = "f", bound(serialize = "T: A"))] r#type: u8 }',
        ["struct", "X", [["type", ["u8"]]]],
    ),
    "transparent": (
        "#[derive(Serialize, Deserialize)] #[serde(transparent)] struct X { a: u8, p: std::marker::PhantomData<u8> }",
        ["newtype", "X", ["u8"]],
    ),
    "a conversion": (
        '#[derive(Serialize, Deserialize)] #[serde(try_from = "(u8, u8)", into = "(u8, u8)")] struct C(u16);'
        "#[derive(Serialize, Deserialize)] struct X(C);",
        ["newtype", "X", ["tuple", [["u8"], ["u8"]]]],
    ),
    "serde_repr": (
        "#[derive(serde_repr::Serialize_repr, serde_repr::Deserialize_repr)] #[repr(i16)] enum C { A = 5 }"
        "#[derive(Serialize, Deserialize)] struct X(C);",
        ["newtype", "X", ["i16"]],
    ),
    "skipped fields": (
        "#[derive(Serialize, Deserialize)] struct X(u8, #[serde(skip)] Unknown, u16);",
        ["tuple_struct", "X", [["u8"], ["u16"]]],
    ),
    "a skipped last variant": (
        "#[derive(Serialize, Deserialize)] enum X { A(u8), #[serde(skip)] B(Unknown) }",
        ["enum", "X", [["A", "newtype", ["u8"]]]],
    ),
    "cfg(test)": (
        "#[derive(Serialize, Deserialize)] struct X { #[cfg(test)] a: Unknown, #[cfg(not(test))] b: u8 }",
        ["struct", "X", [["b", ["u8"]]]],
    ),
    "a feature for serde itself": (
        '#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))] #[cfg_attr(feature = "serde", serde(transparent))]'
        "struct X { a: u8 }",
        ["newtype", "X", ["u8"]],
    ),
    "phantoms": (
        "struct M; #[derive(Serialize, Deserialize)] struct Id<T>(u64, std::marker::PhantomData<T>);"
        "#[derive(Serialize, Deserialize)] struct X { id: Id<M>, p: std::marker::PhantomData<M> }",
        ["struct", "X", [["id", ["tuple_struct", "Id", [["u64"], ["unit"]]]]]],
    ),
    "const generics": (
        "#[derive(Serialize, Deserialize)] struct B<T, const N: usize = 2>([T; N]);"
        "#[derive(Serialize, Deserialize)] struct X { a: B<u8>, b: B<u16, { 1 + 2 }> }",
        [
            "struct",
            "X",
            [["a", ["newtype", "B2", ["array", ["u8"], 2]]], ["b", ["newtype", "B3", ["array", ["u16"], 3]]]],
        ],
    ),
    "defaults of generics": (
        "#[derive(Serialize, Deserialize)] struct P<A, B = A>(A, B); #[derive(Serialize, Deserialize)] struct X(P<u8>);",
        ["newtype", "X", ["tuple_struct", "P", [["u8"], ["u8"]]]],
    ),
    "only written": (
        "#[derive(Serialize)] struct X<'a> { a: &'a [u8], b: &'a u32, #[serde(skip_serializing)] c: u8 }",
        ["struct", "X", [["a", ["seq", ["u8"]]], ["b", ["u32"]]]],
    ),
    "only read": (
        "#[derive(Deserialize)] struct X<'a> { a: &'a [u8], #[serde(serialize_with = \"f\", skip_serializing)] b: u8 }",
        ["struct", "X", [["a", ["bytes"]], ["b", ["u8"]]]],
    ),
    "self": (
        "#[derive(Serialize, Deserialize)] struct X { a: Option<Box<Self>> }",
        ["struct", "X", [["a", ["option", ["ref", "X"]]]]],
    ),
    "remote": (
        '#[derive(Serialize, Deserialize)] #[serde(remote = "other::R")] struct R { a: i8 }'
        '#[derive(Serialize, Deserialize)] struct X { #[serde(with = "R")] r: other::R }',
        ["struct", "X", [["r", ["struct", "R", [["a", ["i8"]]]]]]],
    ),
    "raw strings and docs": (
        'const S: &str = r#"struct X { "#; #[doc = r"one"] #[derive(Serialize, Deserialize)] struct X { a: u8 }',
        ["struct", "X", [["a", ["u8"]]]],
    ),
}


@pytest.mark.parametrize("kind", ITEMS_GIVEN)
def test_a_declaration_is_read_as_serde_writes_it(tmp_path: Path, kind: str) -> None:
    source, expected = ITEMS_GIVEN[kind]
    made = read(tmp_path, f"{SERDE}{source}")
    assert reasons(made) == {}
    assert shape(made, "X") == expected


def test_names_do_not_collide(tmp_path: Path) -> None:
    """Trials: a variant's class over a struct, a struct over the codec's U64, a variant T over the parameter T."""
    made = read(
        tmp_path,
        f"""{SERDE}
        {DERIVE} pub struct U64(pub u32);
        {DERIVE} pub struct X();
        {DERIVE} pub struct Deposit {{ a: u64, b: U64, x: X }}
        {DERIVE} pub struct MsgDeposit {{ c: Option<bool> }}
        {DERIVE} pub enum Msg {{ Deposit(MsgDeposit), MsgDeposit {{ from: u8, from_: u16 }}, None, U64 }}
        {DERIVE} pub enum Either<T> {{ T(T), Left(u8), dataclass(T) }}
        {DERIVE} pub struct T {{ t: Either<U64>, r#in: bool, list: Vec<str_>, __x: u8 }}
        {DERIVE} pub struct str_;
        {DERIVE} pub struct dict {{ a: std::collections::BTreeMap<u8, u8> }}
        {DERIVE} pub enum Plain {{ AB, Ab, mro, name }}
        mod other {{ {SERDE}{DERIVE} pub struct Deposit(pub i8); {DERIVE} pub struct Two(super::Deposit, Deposit); }}
        """,
    )
    assert reasons(made) == {}
    assert shape(made, "Deposit") == [
        "struct",
        "Deposit",
        [["a", ["u64"]], ["b", ["newtype", "U64_", ["u32"]]], ["x", ["unit_struct", "X"]]],
    ]
    deposit, msg_deposit, *_ = shape(made, "Msg")[2]
    assert deposit[1:] == ["newtype", ["struct", "MsgDeposit", [["c", ["option", ["bool"]]]]]]
    assert msg_deposit[2] == [["from_", ["u8"]], ["from__", ["u16"]]]
    assert [v[1] for v in shape(made, "Either")[2]] == ["newtype", "newtype", "newtype"]
    assert shape(made, "Two")[2][1] == ["newtype", "OtherDeposit", ["i8"]]
    assert len(shape(made, "Plain")[2]) == 4
    assert any("U64_" in note for note in made.renamed)


def test_paths_mean_what_they_mean_where_they_stand(tmp_path: Path) -> None:
    """`use` in all its forms, modules inline and in files, aliases, globs, re-exports, and another crate beside."""
    files(
        tmp_path,
        {
            "base/Cargo.toml": '[package]\nname = "my-base"\nedition = "2021"\n',
            "base/src/lib.rs": f"mod inner; pub use inner::*; {SERDE}{DERIVE}pub struct Root(pub u8);",
            "base/src/inner.rs": f"{SERDE}{DERIVE}pub struct Glob(pub u16); pub const LEN: usize = 3;",
            "app/Cargo.toml": '[package]\nname = "app"\n[dependencies]\nbase = { package = "my-base", path = "../base" }\n',
            "app/src/lib.rs": """
                pub mod a; mod b { pub mod c { pub use super::super::a::deep::Deep as Renamed; } }
                #[path = "odd name.rs"] mod odd;
                use base::{self as basis, Glob, LEN as SIZE};
                #[derive(serde::Serialize, serde::Deserialize)]
                pub struct All { glob: Glob, root: basis::Root, deep: b::c::Renamed, odd: self::odd::Odd,
                    local: crate::a::Receipt, bytes: [u8; SIZE], raw: ::base::Glob }
            """,
            "app/src/a/mod.rs": f"pub mod deep; {SERDE}{DERIVE}pub struct Receipt(pub bool);",
            "app/src/a/deep.rs": f"use super::*; {SERDE}{DERIVE}pub struct Deep(pub Receipt);",
            "app/src/odd name.rs": "#[derive(serde::Serialize, serde::Deserialize)] pub struct Odd;",
            "app/src/main.rs": "use app::All; #[derive(serde::Serialize)] struct InMain(All); fn main() {}",
            "app/tests/t.rs": "#[derive(serde::Serialize)] struct NotAsked;",
        },
    )
    made = python_module(import_rust([tmp_path / "app"]))
    assert reasons(made) == {}
    assert [item.name for item in made.imported.module.items] == [
        "All", "Receipt", "Deep", "Odd", "InMain", "Glob", "Root"
    ]  # fmt: skip
    receipt = ["newtype", "Receipt", ["bool"]]
    assert shape(made, "All")[2] == [
        ["glob", ["newtype", "Glob", ["u16"]]],
        ["root", ["newtype", "Root", ["u8"]]],
        ["deep", ["newtype", "Deep", receipt]],
        ["odd", ["unit_struct", "Odd"]],
        ["local", ["ref", "Receipt"]],
        ["bytes", ["array", ["u8"], 3]],
        ["raw", ["ref", "Glob"]],
    ]
    one = python_module(import_rust([tmp_path / "app/src/a/deep.rs"]))
    assert [item.name for item in one.imported.module.items] == ["Deep", "Receipt"], "a file, and what it is made of"
    whole = python_module(import_rust([tmp_path]))
    assert {item.name for item in whole.imported.module.items} == {item.name for item in made.imported.module.items}


def test_several_files_without_a_crate_are_modules_beside_each_other(tmp_path: Path) -> None:
    files(
        tmp_path,
        {
            "orders.rs": f"{SERDE}use crate::money::Money;{DERIVE}pub struct Order {{ price: Money, tax: super::money::Money }}",
            "money.rs": f"{SERDE}{DERIVE}pub struct Money(pub u64);",
        },
    )
    made = python_module(import_rust([tmp_path]))
    assert reasons(made) == {}
    money = ["newtype", "Money", ["u64"]]
    assert shape(made, "Order")[2] == [["price", money], ["tax", ["ref", "Money"]]]


def test_rust_elsewhere_in_the_file_does_not_matter(tmp_path: Path) -> None:
    made = read(
        tmp_path, f"{SERDE}fn odd() {{ let x = @@; }}\n{DERIVE}pub struct Fine(pub u8);\nstruct Plain {{ x: @ }}\n"
    )
    assert reasons(made) == {}
    assert shape(made, "Fine") == ["newtype", "Fine", ["u8"]]


def test_features_decide(tmp_path: Path) -> None:
    source = f'{SERDE}{DERIVE}pub struct X {{ a: u8, #[cfg(feature = "f")] b: u16 }}'
    assert "X" in reasons(read(tmp_path, source))
    assert shape(read(tmp_path, source, features=["f"]), "X")[2] == [["a", ["u8"]], ["b", ["u16"]]]
    assert shape(read(tmp_path, source, features=[]), "X")[2] == [["a", ["u8"]]]


def test_the_caller_says_what_a_foreign_type_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_types.py").write_text(
        "from dataclasses import dataclass\nfrom zkhost.codec import U8\n@dataclass\nclass Seal:\n    a: U8\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    source = f"{SERDE}{DERIVE}pub struct X {{ a: far::Away, b: other::Away<u8>, c: risc0_zkvm::Receipt, d: ByHand }} struct ByHand;"
    types = {"Away": "list[U32 | None]", "far::Away": "SerdeBytes", "Receipt": "my_own_types.Seal", "ByHand": "U64"}
    made = read(tmp_path, source, types={"far::Away": types.pop("far::Away"), **types})
    assert reasons(made) == {}
    assert shape(made, "X")[2] == [
        ["a", ["bytes"]],
        ["b", ["seq", ["option", ["u32"]]]],
        ["c", ["struct", "Seal", [["a", ["u8"]]]]],
        ["d", ["u64"]],
    ]
    assert "from my_own_types import Seal\n" in made.source
    with pytest.raises(ConfigError, match="Away=int: int"):
        read(tmp_path, source, types={"Away": "int"})
    for wrong in ("__import__('os').system('true')", "U8 +", "(lambda: U8)()", "Unheard"):
        with pytest.raises(ConfigError, match="Away="):
            read(tmp_path, source, types={"Away": wrong})


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    source = f"{SERDE}{DERIVE}pub struct A(pub B);\n{DERIVE}pub struct B;\n{DERIVE}pub struct C {{ c: Unknown }}\n"
    made = read(tmp_path, source, only=["A"])
    assert [item.name for item in made.imported.module.items] == ["A", "B"]
    assert reasons(made) == {}
    with pytest.raises(ContractError, match="no serde type is called D, E"):
        read(tmp_path, source, only=["E", "A", "D"])


def test_what_a_type_uses_has_its_traits(tmp_path: Path) -> None:
    """Where it does not, something that is not seen implements them."""
    made = read(
        tmp_path, f"{SERDE}#[derive(nanoserde::Serialize, Deserialize)] struct X(u8);\n{DERIVE}struct User(X);\n"
    )
    assert reasons(made) == {"User": "4: X has no Serialize that is seen here"}
    assert shape(made, "X") == ["newtype", "X", ["u8"]]


def test_an_alias_of_its_own_name_is_no_loop(tmp_path: Path) -> None:
    """Trials: `pub type Header = alloy_consensus::Header;` was a RecursionError."""
    made = read(tmp_path, f"{SERDE}pub type Header = alloy_consensus::Header;\n{DERIVE}pub struct X {{ h: Header }}\n")
    assert reasons(made) == {"X": "2: alloy_consensus::Header is of another crate: declare its wire form, as in "
                                  "--type Header=SerdeBytes"}  # fmt: skip


def test_a_hand_written_type_is_left_out_by_name(tmp_path: Path) -> None:
    made = read(
        tmp_path, f"{SERDE}pub struct P(u8);\nimpl Serialize for P {{}}\nimpl<'de> Deserialize<'de> for P {{}}\n"
    )
    assert reasons(made) == {"P": "2: Serialize and Deserialize of P is written by hand: what it writes is not known"}
