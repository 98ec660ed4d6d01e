//! Python's objects: references of our own, what an object holds, and new ones.

use std::ffi::c_int;

use crate::python::{
    PyBytes_AsString, PyBytes_FromStringAndSize, PyBytes_Size, PyErr_CheckSignals,
    PyUnicode_AsUTF8AndSize, PyUnicode_FromStringAndSize, Py_DecRef, Py_IncRef, Raw,
};

/// How many elements are taken between two looks at the signals.
const BATCH: usize = 1 << 16;

/// The class of an object.
///
/// # Safety
/// `object` must be a live object.
#[inline(always)]
pub unsafe fn class_of(object: Raw) -> Raw {
    // SAFETY: `ob_type` follows the reference count, a word, in the stable ABI; Python checks that before it calls us.
    unsafe { *object.cast::<Raw>().add(1) }
}

/// Why the native engine gives up: the reference engine shall take the value, or a Python exception is pending.
pub struct Stop;

/// A reference of our own to an object.
pub struct Owned(Raw);

impl Owned {
    /// Takes over a new reference; null is a failure of the call that gave it.
    ///
    /// # Safety
    /// `object` must be null or a new reference.
    #[inline(always)]
    pub unsafe fn new(object: Raw) -> Result<Self, Stop> {
        if object.is_null() {
            Err(Stop)
        } else {
            Ok(Self(object))
        }
    }

    /// Makes a reference of our own from one that somebody else holds.
    ///
    /// # Safety
    /// `object` must be null or a live object.
    #[inline(always)]
    pub unsafe fn share(object: Raw) -> Result<Self, Stop> {
        if object.is_null() {
            return Err(Stop);
        }
        // SAFETY: by this function's contract.
        unsafe { Py_IncRef(object) };
        Ok(Self(object))
    }

    #[inline(always)]
    pub fn raw(&self) -> Raw {
        self.0
    }

    /// Gives the reference away.
    #[inline(always)]
    pub fn into_raw(self) -> Raw {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }
}

impl Drop for Owned {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { Py_DecRef(self.0) };
    }
}

/// Turns a status of CPython, 0 or negative, into a result.
#[inline(always)]
pub fn done(status: c_int) -> Result<(), Stop> {
    if status < 0 {
        Err(Stop)
    } else {
        Ok(())
    }
}

/// Before element `index` of a sequence: lets Python look at the signals now and then, as an interrupt from the keyboard.
///
/// # Safety
/// The caller must hold the interpreter's lock.
#[inline(always)]
pub unsafe fn heed_signals(index: usize) -> Result<(), Stop> {
    if index % BATCH < BATCH - 1 {
        return Ok(());
    }
    // SAFETY: by this function's contract.
    done(unsafe { PyErr_CheckSignals() })
}

/// The bytes of a bytes object.
///
/// # Safety
/// `object` must be a bytes object that outlives the slice.
#[inline(always)]
pub unsafe fn bytes_of<'a>(object: Raw) -> &'a [u8] {
    // SAFETY: by this function's contract; a bytes object does not change.
    unsafe {
        std::slice::from_raw_parts(
            PyBytes_AsString(object).cast(),
            PyBytes_Size(object) as usize,
        )
    }
}

/// The UTF-8 of a str.
///
/// # Safety
/// `object` must be a str that outlives the slice.
#[inline(always)]
pub unsafe fn text_of<'a>(object: Raw) -> Result<&'a str, Stop> {
    let mut size = 0;
    // SAFETY: by this function's contract.
    let text = unsafe { PyUnicode_AsUTF8AndSize(object, &raw mut size) };
    if text.is_null() {
        return Err(Stop);
    }
    // SAFETY: CPython gave that many bytes of UTF-8, which the object keeps.
    Ok(unsafe {
        std::str::from_utf8_unchecked(std::slice::from_raw_parts(text.cast(), size as usize))
    })
}

/// A new bytes object.
///
/// # Safety
/// The caller must hold the interpreter's lock.
#[inline(always)]
pub unsafe fn new_bytes(bytes: &[u8]) -> Result<Owned, Stop> {
    // SAFETY: so many bytes are there.
    unsafe {
        Owned::new(PyBytes_FromStringAndSize(
            bytes.as_ptr().cast(),
            bytes.len() as isize,
        ))
    }
}

/// A new str.
///
/// # Safety
/// The caller must hold the interpreter's lock.
#[inline(always)]
pub unsafe fn new_str(utf8: &[u8]) -> Result<Owned, Stop> {
    // SAFETY: so many bytes are there; CPython refuses what is no UTF-8.
    unsafe {
        Owned::new(PyUnicode_FromStringAndSize(
            utf8.as_ptr().cast(),
            utf8.len() as isize,
        ))
    }
}
