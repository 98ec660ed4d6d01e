//! What lies in the memory of other objects: bytearray, memoryview, mmap, array.array, numpy and the like.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::slice;

use crate::object::{done, Stop};
use crate::python::{Buffer, PyBuffer_Release, PyObject_GetBuffer, Raw};

/// CPython's `PyBUF_FULL_RO`: shape, strides and format, not to be written to.
const EVERYTHING: i32 = 0x11c;

/// A row of items in the memory of an object, which keeps it in place meanwhile.
pub struct View(Buffer);

impl View {
    /// A view of an object that is a row of items. `Stop` for anything else.
    ///
    /// # Safety
    /// `object` must live, and the caller hold the interpreter's lock as long as the view lives.
    pub unsafe fn of(object: Raw) -> Result<Self, Stop> {
        let mut buffer = MaybeUninit::uninit();
        // SAFETY: by this function's contract; CPython fills the buffer where it reports success.
        let view = unsafe {
            done(PyObject_GetBuffer(object, buffer.as_mut_ptr(), EVERYTHING))?;
            Self(buffer.assume_init())
        };
        let row = view.0.dimensions == 1 && view.0.suboffsets.is_null() && view.0.item_size > 0;
        if row {
            Ok(view)
        } else {
            Err(Stop)
        }
    }

    /// Whether the items are what `code` is to the `struct` module, in this machine's byte order.
    pub fn holds(&self, code: u8) -> bool {
        let format = if self.0.format.is_null() {
            b"B"
        } else {
            // SAFETY: CPython's format is a C string.
            unsafe { CStr::from_ptr(self.0.format) }.to_bytes()
        };
        match format.strip_prefix(b"@").unwrap_or(format) {
            // A C long has 64 bits on every machine that is supported.
            [b'l'] => code == b'q',
            [b'L'] => code == b'Q',
            // A char, as ctypes and memoryview call it.
            [b'c'] => code == b'c',
            [one] => code == *one,
            _ => false,
        }
    }

    /// How many items there are.
    pub fn count(&self) -> usize {
        (self.0.size / self.0.item_size) as usize
    }

    /// Hands the memory of all items to `take`, in one piece if they lie side by side, or one by one.
    pub fn each(&self, mut take: impl FnMut(&[u8]) -> Result<(), Stop>) -> Result<(), Stop> {
        let (count, size) = (self.count(), self.0.item_size as usize);
        if count == 0 {
            return Ok(());
        }
        let stride = if self.0.strides.is_null() {
            self.0.item_size
        } else {
            // SAFETY: one dimension has one stride.
            unsafe { *self.0.strides }
        };
        let start = self.0.memory.cast::<u8>();
        if stride == self.0.item_size {
            // SAFETY: CPython says that so many bytes lie there; nobody writes to them while the lock is held.
            return take(unsafe { slice::from_raw_parts(start, count * size) });
        }
        (0..count as isize).try_for_each(|index| {
            // SAFETY: as above, for each item.
            take(unsafe { slice::from_raw_parts(start.offset(index * stride), size) })
        })
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: it was got from CPython, and is released once.
        unsafe { PyBuffer_Release(&raw mut self.0) };
    }
}
