//! Where an encoder writes: a buffer, which is all that small values need, and behind it a bytes object that grows.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;

use crate::object::{new_bytes, Owned, Stop};
use crate::python::{
    _PyBytes_Resize, PyBytes_AsString, PyBytes_FromStringAndSize, PyBytes_Size, Raw,
};

/// The size of the buffer. What is longer goes past it.
const ROOM: usize = 1 << 16;

thread_local! {
    /// The buffer of the last encoder of this thread.
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

pub struct Output {
    /// The last bytes written.
    near: Vec<u8>,
    /// A bytes object whose first `far_size` bytes, whole words, were written before them; null at first.
    far: Raw,
    far_size: usize,
}

impl Output {
    pub fn new() -> Self {
        Self {
            near: KEPT.take(),
            far: ptr::null_mut(),
            far_size: 0,
        }
    }

    #[inline(always)]
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.len() > self.near.capacity() - self.near.len() {
            return self.raw_past(bytes);
        }
        self.near.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes each byte as a word; at the start of one.
    pub fn widen(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        for bytes in bytes.chunks(ROOM / 8) {
            let size = 4 * bytes.len();
            if size > self.near.capacity() - self.near.len() {
                self.spill()?;
            }
            let words = self.near.spare_capacity_mut()[..size]
                .as_chunks_mut::<4>()
                .0;
            for (word, &byte) in words.iter_mut().zip(bytes) {
                *word = u32::from(byte).to_le_bytes().map(MaybeUninit::new);
            }
            // SAFETY: so many bytes were written just now.
            unsafe { self.near.set_len(self.near.len() + size) };
        }
        Ok(())
    }

    /// Fills the last word up with zeros.
    #[inline(always)]
    pub fn align(&mut self) -> Result<(), Stop> {
        let over = self.near.len() % 4;
        if over != 0 {
            self.raw(&[0; 3][over - 1..])?;
        }
        Ok(())
    }

    /// Fills the last word up with zeros, unless what follows goes where the last byte ended.
    #[inline(always)]
    pub fn align_unless(&mut self, packed: bool) -> Result<(), Stop> {
        if packed {
            Ok(())
        } else {
            self.align()
        }
    }

    /// What was written, as a bytes object.
    pub fn finish(mut self) -> Result<Owned, Stop> {
        // SAFETY: encoders run with the interpreter's lock held.
        unsafe {
            if self.far.is_null() {
                return new_bytes(&self.near);
            }
            self.spill()?;
            // Resize sets `far` to null where it fails.
            _PyBytes_Resize(&raw mut self.far, self.far_size as isize);
            Owned::new(std::mem::replace(&mut self.far, ptr::null_mut()))
        }
    }

    #[cold]
    fn raw_past(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let (mut head, mut rest) = bytes.split_at(bytes.len().min((4 - self.near.len() % 4) % 4));
        if bytes.len() < ROOM / 2 {
            (head, rest) = (&[], bytes);
        }
        self.spill()?;
        self.near.extend_from_slice(head);
        if rest.len() >= ROOM / 2 {
            self.spill()?;
            let whole = rest.len() & !3;
            self.append(&rest[..whole])?;
            rest = &rest[whole..];
        }
        self.near.extend_from_slice(rest);
        Ok(())
    }

    /// Moves the whole words of the buffer to the bytes object, so that at least half of the buffer is free.
    #[cold]
    fn spill(&mut self) -> Result<(), Stop> {
        if self.near.capacity() < ROOM {
            return self
                .near
                .try_reserve_exact(ROOM - self.near.len())
                .map_err(|_| Stop);
        }
        let near = std::mem::take(&mut self.near);
        let whole = near.len() & !3;
        let done = self.append(&near[..whole]);
        self.near = near;
        self.near.drain(..whole);
        done
    }

    fn append(&mut self, words: &[u8]) -> Result<(), Stop> {
        let size = self.far_size + words.len();
        // SAFETY: encoders run with the interpreter's lock held; `far` has room for so much.
        unsafe {
            if self.far.is_null() || size > PyBytes_Size(self.far) as usize {
                self.grow(2 * size)?;
            }
            let end = PyBytes_AsString(self.far).cast::<u8>().add(self.far_size);
            ptr::copy_nonoverlapping(words.as_ptr(), end, words.len());
        }
        self.far_size = size;
        Ok(())
    }

    /// How many bytes were written.
    pub fn size(&self) -> usize {
        self.far_size + self.near.len()
    }

    /// Says that about `more` bytes will follow: growing step by step to many megabytes costs as much as writing them.
    pub fn expect(&mut self, more: usize) -> Result<(), Stop> {
        self.reserve(more.saturating_add(more / 32))
    }

    /// Says that `more` bytes will follow.
    #[inline(always)]
    pub fn reserve(&mut self, more: usize) -> Result<(), Stop> {
        if more < ROOM / 2 {
            Ok(())
        } else {
            self.reserve_far(more)
        }
    }

    #[cold]
    fn reserve_far(&mut self, more: usize) -> Result<(), Stop> {
        let size = self.size().saturating_add(more);
        if self.far.is_null() {
            return self.grow(size);
        }
        // SAFETY: encoders run with the interpreter's lock held.
        let has = unsafe { PyBytes_Size(self.far) as usize };
        if size > has {
            self.grow(size.max(has.saturating_mul(2)))
        } else {
            Ok(())
        }
    }

    fn grow(&mut self, size: usize) -> Result<(), Stop> {
        let size = isize::try_from(size).map_err(|_| Stop)?;
        // SAFETY: encoders run with the interpreter's lock held; nobody else has `far` yet, so it may change.
        unsafe {
            if self.far.is_null() {
                self.far = PyBytes_FromStringAndSize(ptr::null(), size);
            } else {
                _PyBytes_Resize(&raw mut self.far, size);
            }
        }
        if self.far.is_null() {
            Err(Stop)
        } else {
            Ok(())
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.far.is_null() {
            // SAFETY: the reference is ours, and given away nowhere else.
            drop(unsafe { Owned::new(self.far) });
        }
        let mut near = std::mem::take(&mut self.near);
        near.clear();
        KEPT.set(near);
    }
}
