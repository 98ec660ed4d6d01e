//! Values of types that are known only at run time, driven through serde as derived code would drive them.
//!
//! A [`Schema`] is made from a descriptor and a [`Typed`] value serialized, or a [`Seed`] deserialized, against it;
//! `zkhost.codec.plain` has the grammar of descriptors and of plain values, which both are [`Term`]s here.
//! The shim uses this with `risc0_zkvm::serde`, the test workspace with `l2r0-small-serde`, and a test guest with
//! `zkhost-guest`: what each of them does with a type is then compared with what the codec does.
#![no_std]

extern crate alloc;

mod de;
mod schema;
mod ser;
mod term;

pub use de::Seed;
pub use schema::{Node, Payload, Schema};
pub use ser::Typed;
pub use term::Term;

/// How deep values may nest. Each level uses stack, and whoever drives this must have enough for all.
pub const MAX_DEPTH: usize = 1500;

/// How many terms one decoded value may have; a count of zero-sized elements is bounded by nothing else.
pub const MAX_TERMS: usize = 1 << 21;

/// What the error of a value says that is too deep or has too many terms: no judgement of its words.
pub const LIMIT: &str = "beyond the oracle's limits";
