//! Decoding of bytes nobody vouches for: bounded in length and in depth, whatever the bytes say.
//!
//! Receipts are recursive (a composite holds its assumptions' receipts), and neither bincode nor borsh limits depth. Both
//! read through `io::Read` here, and each read looks at how much stack the recursion has used: deep input is an error
//! long before the call's thread runs out. Lengths are bounded by what is left of the input (bincode's limit; borsh
//! grows its vectors as bytes arrive).

use std::io::{self, Read};

use bincode::Options;
use borsh::BorshDeserialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::fail;

/// The stack that decoding may use: some hundred levels, where honest receipts have a handful.
/// Dropping and verifying what was decoded uses less than the rest of the call's stack.
const STACK_LIMIT: usize = 1 << 20;
/// How many levels of CBOR, whose items each take one.
const CBOR_DEPTH: usize = 256;

struct Bounded<'a> {
    rest: &'a [u8],
    base: usize,
}

impl<'a> Bounded<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            rest: data,
            base: stack_address(),
        }
    }
}

/// Roughly where the stack is now.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0u8;
    std::ptr::from_ref(&here) as usize
}

impl Read for Bounded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.base.abs_diff(stack_address()) > STACK_LIMIT {
            return Err(io::Error::other("nested too deeply"));
        }
        self.rest.read(out)
    }
}

/// Decodes bincode (as `bincode::serialize` writes it), all of it.
pub fn bincode<T: DeserializeOwned>(what: &str, data: &[u8]) -> Result<T> {
    let mut reader = Bounded::new(data);
    let options = bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .allow_trailing_bytes()
        .with_limit(data.len() as u64);
    let value = options
        .deserialize_from(&mut reader)
        .map_err(|error| fail!(ReceiptFormat, "not a {what} in bincode: {error}"))?;
    all_read(what, "bincode", &reader).map(|()| value)
}

/// Decodes borsh, all of it.
pub fn borsh<T: BorshDeserialize>(what: &str, data: &[u8]) -> Result<T> {
    let mut reader = Bounded::new(data);
    let value = T::deserialize_reader(&mut reader)
        .map_err(|error| fail!(ReceiptFormat, "not a {what} in borsh: {error}"))?;
    all_read(what, "borsh", &reader).map(|()| value)
}

/// Decodes JSON, all of it; serde_json itself stops at 128 levels.
pub fn json<T: DeserializeOwned>(what: &str, data: &[u8]) -> Result<T> {
    serde_json::from_slice(data)
        .map_err(|error| fail!(ReceiptFormat, "not a {what} in JSON: {error}"))
}

/// Decodes CBOR, all of it; strings and sequences grow as their bytes arrive.
pub fn cbor<T: DeserializeOwned>(what: &str, data: &[u8]) -> Result<T> {
    let mut reader = Bounded::new(data);
    let value = ciborium::de::from_reader_with_recursion_limit(&mut reader, CBOR_DEPTH)
        .map_err(|error| fail!(ReceiptFormat, "not a {what} in CBOR: {error}"))?;
    all_read(what, "CBOR", &reader).map(|()| value)
}

fn all_read(what: &str, format: &str, reader: &Bounded<'_>) -> Result<()> {
    match reader.rest.len() {
        0 => Ok(()),
        left => Err(fail!(
            ReceiptFormat,
            "{left} bytes left over after a {what} in {format}"
        )),
    }
}
