//! The guest's own streams: standard input, standard output and the journal.

use alloc::{vec, vec::Vec};
use core::{
    any::type_name,
    cell::{Cell, UnsafeCell},
    marker::PhantomData,
};

use risc0_zkvm::guest::env::{self, Write};
use risc0_zkvm_platform::{fileno, syscall::sys_read};
use serde::{de::DeserializeOwned, Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind},
    input::{Input, Source},
};

/// A file descriptor that the host serves.
pub struct Fd(pub u32);

impl Source for Fd {
    fn read(&mut self, into: &mut [u8]) -> usize {
        // SAFETY: `into` is memory to write to, and the call writes no more than its length.
        unsafe { sys_read(self.0, into.as_mut_ptr(), into.len()) }
    }
}

struct Stdin {
    input: UnsafeCell<Input<Fd>>,
    in_use: Cell<bool>,
}

// SAFETY: a guest has one thread.
unsafe impl Sync for Stdin {}

static STDIN: Stdin = Stdin { input: UnsafeCell::new(Input::new(Fd(fileno::STDIN))), in_use: Cell::new(false) };

/// Hands standard input to `use_it`, which cannot come here again.
#[inline(always)]
fn with_stdin<T>(use_it: impl FnOnce(&mut Input<Fd>) -> T) -> T {
    if STDIN.in_use.replace(true) {
        refuse_to_nest();
    }
    // SAFETY: in_use says that there is no other reference.
    let value = use_it(unsafe { &mut *STDIN.input.get() });
    STDIN.in_use.set(false);
    value
}

#[cold]
#[inline(never)]
fn refuse_to_nest() -> ! {
    panic!("standard input is read inside of another read: a Deserialize must take its words from the deserializer");
}

#[cold]
#[inline(never)]
fn refuse(what: &str, at: usize, error: &Error) -> ! {
    panic!("cannot read {what} from the input: {error} (at byte {at})")
}

/// The next value of standard input. Panics, saying where, if the words are not a `T` or the input ends.
#[inline]
pub(crate) fn read<T: DeserializeOwned, const PACKED: bool>() -> T {
    with_stdin(|stdin| match stdin.decode::<PhantomData<T>, PACKED>(PhantomData) {
        Ok(value) => value,
        Err(error) => refuse(type_name::<T>(), stdin.position(), &error),
    })
}

/// As [`read`], of a value that borrows from the input.
#[inline]
pub(crate) fn read_borrowed<T: Deserialize<'static>, const PACKED: bool>() -> T {
    with_stdin(|stdin| match stdin.lending(|stdin| stdin.decode::<PhantomData<T>, PACKED>(PhantomData)) {
        Ok(value) => value,
        Err(error) => refuse(type_name::<T>(), stdin.position(), &error),
    })
}

/// The next `len` bytes of standard input. Panics if it ends before.
pub fn read_bytes(len: usize) -> Vec<u8> {
    with_stdin(|stdin| {
        let trusted = len.min(crate::input::TRUSTED_BYTES);
        let mut bytes = vec![0; trusted];
        let mut done = stdin.read_slice(&mut bytes);
        while done == bytes.len() && done < len {
            bytes.resize(len.min(done * 2), 0);
            done += stdin.read_slice(&mut bytes[done..]);
        }
        if done < len {
            refuse("bytes", stdin.position(), &ErrorKind::End.into());
        }
        bytes
    })
}

/// Fills `out` from standard input. Panics if it ends before.
pub fn read_slice(out: &mut [u8]) {
    with_stdin(|stdin| {
        if stdin.read_slice(out) < out.len() {
            refuse("bytes", stdin.position(), &ErrorKind::End.into());
        }
    });
}

/// Fills `out` from standard input as far as there is any and gives the number of bytes; less than asked for only at
/// the end.
pub fn read_some(out: &mut [u8]) -> usize {
    with_stdin(|stdin| stdin.read_slice(out))
}

/// All that is left of standard input.
pub fn read_to_end() -> Vec<u8> {
    with_stdin(Input::read_to_end)
}

/// A frame of standard input: its length in bytes as a u32, then the bytes, as `ExecutorEnv::write_frame` sends it.
pub fn read_frame() -> Vec<u8> {
    let mut len = [0; 4];
    read_slice(&mut len);
    read_bytes(u32::from_le_bytes(len) as usize)
}

#[cold]
#[inline(never)]
fn refuse_to_write(what: &str, error: &Error) -> ! {
    panic!("cannot write {what}: {error}")
}

#[inline]
pub(crate) fn commit<T: Serialize + ?Sized, const PACKED: bool>(value: &T) {
    if let Err(error) = crate::encode::<T, PACKED>(value, &mut |bytes: &[u8]| env::commit_slice(bytes)) {
        refuse_to_write(type_name::<T>(), &error);
    }
}

#[inline]
pub(crate) fn write<T: Serialize + ?Sized, const PACKED: bool>(value: &T) {
    if let Err(error) = crate::encode::<T, PACKED>(value, &mut |bytes: &[u8]| env::stdout().write_slice(bytes)) {
        refuse_to_write(type_name::<T>(), &error);
    }
}

/// Appends bytes to the journal as they are.
pub fn commit_bytes(bytes: &[u8]) {
    env::commit_slice(bytes);
}

/// Appends a frame to the journal: the length in bytes as a u32, then the bytes.
pub fn commit_frame(bytes: &[u8]) {
    env::commit_slice(&(bytes.len() as u32).to_le_bytes());
    env::commit_slice(bytes);
}
