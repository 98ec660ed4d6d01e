//! Input and journal for RISC Zero guests.
//!
//! `risc0_zkvm::guest::env::read` makes a system call for every word it reads, about 147 cycles each, and
//! `env::commit` one for every word it writes. The functions here have the same names and read and write the same
//! words, but take input up to 4 KiB at a time and decode it in memory, and hand output over likewise. Sequences of plain
//! numbers are moved whole.
//!
//! ```ignore
//! let order: Order = zkhost_guest::read();            // as env::read()
//! zkhost_guest::commit(&order.total());               // as env::commit()
//!
//! let image: Vec<u8> = zkhost_guest::packed::read();  // four bytes a word
//! zkhost_guest::packed::commit(&digest);
//! ```
//!
//! Reads come in order whatever their kind: `read`, `packed::read`, `read_bytes` and `read_frame` share one buffer.
//! What that buffer holds, `env::read` does not see: use these functions or those for standard input, not both.
//!
//! Input that ends too early, or is not what was asked for, is a panic that names the type and the byte.
#![no_std]
#![deny(missing_docs)]

extern crate alloc;

mod big_array;
mod bulk;
mod copy;
mod de;
mod error;
mod input;
mod output;
mod ser;
mod sorted;
mod stdio;

use alloc::vec::Vec;
use core::marker::PhantomData;

use serde::{
    de::{DeserializeOwned, DeserializeSeed},
    Deserialize, Serialize,
};

pub use big_array::BigArray;
pub use error::{Error, ErrorKind, Result};
pub use input::{Input, Source};
pub use sorted::{sorted_map, sorted_set};
pub use stdio::{commit_bytes, commit_frame, read_bytes, read_frame, read_slice, read_some, read_to_end, Fd};

/// The next value of standard input, in the standard format, as `env::read` gives it.
///
/// # Panics
/// If the words are not a `T`, or end before it does; the message names the type and the byte.
#[inline]
pub fn read<T: DeserializeOwned>() -> T {
    stdio::read::<T, false>()
}

/// As [`read`], of a value that may borrow from the input: `&str`, `&[u8]` from a byte string, and what has fields of
/// these. Such strings are not copied; the memory they lie in is never used again.
///
/// ```ignore
/// #[derive(serde::Deserialize)]
/// struct Message<'a> {
///     subject: &'a str,
///     body: &'a [u8], // as the host's byte string: SerdeBytes in Python, serde_bytes in Rust
/// }
/// let message: Message = zkhost_guest::read_borrowed();
/// ```
///
/// # Panics
/// As [`read`] does.
#[inline]
pub fn read_borrowed<T: Deserialize<'static>>() -> T {
    stdio::read_borrowed::<T, false>()
}

/// Appends a value to the journal, in the standard format, as `env::commit` does.
///
/// # Panics
/// If the value's own `Serialize` fails, or a sequence does not know its length.
#[inline]
pub fn commit<T: Serialize + ?Sized>(value: &T) {
    stdio::commit::<T, false>(value);
}

/// Writes a value to standard output, in the standard format, as `env::write` does. Panics as [`commit`] does.
#[inline]
pub fn write<T: Serialize + ?Sized>(value: &T) {
    stdio::write::<T, false>(value);
}

/// Decodes a value in the standard format, as `risc0_zkvm::serde::from_slice` does: words after it are left alone.
pub fn from_words<T: DeserializeOwned>(words: &[u32]) -> Result<T> {
    decode_words::<PhantomData<T>, false>(words, PhantomData)
}

/// As [`from_words`], for a value that takes more than its type to decode.
pub fn from_words_with<'de, S: DeserializeSeed<'de>>(words: &[u32], seed: S) -> Result<S::Value> {
    decode_words::<S, false>(words, seed)
}

/// Encodes a value in the standard format, as `risc0_zkvm::serde::to_vec` does.
pub fn to_words<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u32>> {
    encode_words::<T, false>(value)
}

/// The packed format: bytes and bools inside sequences, tuples and structs take a quarter of a word.
pub mod packed {
    use super::{
        decode_words, encode_words, stdio, Deserialize, DeserializeOwned, DeserializeSeed, PhantomData, Result,
        Serialize, Vec,
    };

    /// The next value of standard input, in the packed format. Panics as [`read`](crate::read) does.
    #[inline]
    pub fn read<T: DeserializeOwned>() -> T {
        stdio::read::<T, true>()
    }

    /// As [`read`], of a value that may borrow from the input: see [`read_borrowed`](crate::read_borrowed).
    #[inline]
    pub fn read_borrowed<T: Deserialize<'static>>() -> T {
        stdio::read_borrowed::<T, true>()
    }

    /// Appends a value to the journal, in the packed format. Panics as [`commit`](crate::commit) does.
    #[inline]
    pub fn commit<T: Serialize + ?Sized>(value: &T) {
        stdio::commit::<T, true>(value);
    }

    /// Writes a value to standard output, in the packed format. Panics as [`commit`](crate::commit) does.
    #[inline]
    pub fn write<T: Serialize + ?Sized>(value: &T) {
        stdio::write::<T, true>(value);
    }

    /// Decodes a value in the packed format, as `l2r0_small_serde::from_slice_compact` does: what follows is left alone.
    pub fn from_words<T: DeserializeOwned>(words: &[u32]) -> Result<T> {
        decode_words::<PhantomData<T>, true>(words, PhantomData)
    }

    /// As [`from_words`], for a value that takes more than its type to decode.
    pub fn from_words_with<'de, S: DeserializeSeed<'de>>(words: &[u32], seed: S) -> Result<S::Value> {
        decode_words::<S, true>(words, seed)
    }

    /// Encodes a value in the packed format, as `l2r0_small_serde::to_vec_compact` does.
    pub fn to_words<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u32>> {
        encode_words::<T, true>(value)
    }
}

impl<S: Source> Input<S> {
    /// The next value, in the standard format.
    #[inline]
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.decode::<PhantomData<T>, false>(PhantomData)
    }

    /// The next value, in the packed format; the bytes that fill its last word up must be zero.
    #[inline]
    pub fn read_packed<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.decode::<PhantomData<T>, true>(PhantomData)
    }

    /// The next value, in the standard format; it may borrow from the input, as with [`read_borrowed`].
    pub fn read_borrowed<T: Deserialize<'static>>(&mut self) -> Result<T> {
        self.lending(|input| input.decode::<PhantomData<T>, false>(PhantomData))
    }

    /// The next value, in the packed format; it may borrow from the input, as with [`read_borrowed`].
    pub fn read_packed_borrowed<T: Deserialize<'static>>(&mut self) -> Result<T> {
        self.lending(|input| input.decode::<PhantomData<T>, true>(PhantomData))
    }

    /// The next value, in the standard format, that takes more than its type to decode.
    pub fn read_with<'de, D: DeserializeSeed<'de>>(&mut self, seed: D) -> Result<D::Value> {
        self.decode::<D, false>(seed)
    }

    /// The next value, in the packed format, that takes more than its type to decode.
    pub fn read_packed_with<'de, D: DeserializeSeed<'de>>(&mut self, seed: D) -> Result<D::Value> {
        self.decode::<D, true>(seed)
    }

    #[inline]
    pub(crate) fn decode<'de, D: DeserializeSeed<'de>, const PACKED: bool>(&mut self, seed: D) -> Result<D::Value> {
        let mut decoder = de::Decoder::<PACKED>::new(self.aligned_window(), self);
        let value = seed.deserialize(&mut decoder).and_then(|value| decoder.align().map(|()| value));
        let window = decoder.window();
        self.set_window(window);
        value.map_err(error::Stop::take)
    }
}

fn decode_words<'de, S: DeserializeSeed<'de>, const PACKED: bool>(words: &[u32], seed: S) -> Result<S::Value> {
    seed.deserialize(&mut de::Decoder::<PACKED>::new(input::Window::over(words), &mut input::Nothing))
        .map_err(error::Stop::take)
}

fn encode_words<T: Serialize + ?Sized, const PACKED: bool>(value: &T) -> Result<Vec<u32>> {
    let mut words = Vec::new();
    encode::<T, PACKED>(value, &mut |bytes: &[u8]| {
        words.extend(bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
    })?;
    Ok(words)
}

#[inline]
fn encode<T: Serialize + ?Sized, const PACKED: bool>(value: &T, sink: &mut dyn output::Sink) -> Result<()> {
    let mut room = output::Room::new();
    let mut output = output::Output::new(&mut room, sink);
    value.serialize(ser::Encoder::<PACKED, false>(&mut output)).map_err(error::Stop::take)?;
    output.finish();
    Ok(())
}
