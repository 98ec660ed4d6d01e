//! What Python objects hold, where it stands for a type without loss: anything else is for the reference engine.
//!
//! Of CPython's functions for ints those for a long are taken, which has 64 bits (Python checks that before it calls us):
//! those for a long long are slow from 2**30 on.
//!
//! All functions here want a live object, and the interpreter's lock held.

use crate::object::{bytes_of, class_of, text_of, Owned, Stop};
use crate::python::{
    known, PyErr_Occurred, PyFloat_AsDouble, PyLong_AsLong, PyLong_AsUnsignedLong, PyNumber_And,
    PyNumber_Index, PyNumber_Rshift, PyType_IsSubtype, Raw,
};

/// Refuses an object of another class.
#[inline(always)]
pub unsafe fn is_exactly(object: Raw, class: Raw) -> Result<(), Stop> {
    // SAFETY: the object lives.
    if unsafe { class_of(object) } == class {
        Ok(())
    } else {
        Err(Stop)
    }
}

/// Whether an object is of a class or of one derived from it.
#[inline(always)]
pub unsafe fn is_a(object: Raw, class: Raw) -> bool {
    // SAFETY: the object lives, and so does its class.
    unsafe { class_of(object) == class || PyType_IsSubtype(class_of(object), class) != 0 }
}

/// Reads a number from an int, or from the int that an object of another class says that it is (`__index__`).
#[inline(always)]
unsafe fn index<T>(object: Raw, read: impl Fn(Raw) -> Result<T, Stop>) -> Result<T, Stop> {
    // SAFETY: the object lives.
    unsafe {
        if class_of(object) == known().int {
            read(object)
        } else {
            read(Owned::new(PyNumber_Index(object))?.raw())
        }
    }
}

#[inline(always)]
pub unsafe fn unsigned(object: Raw, bits: u32) -> Result<u64, Stop> {
    // SAFETY: the object lives, and `read` is given an int.
    unsafe {
        index(object, |object| {
            let number = PyLong_AsUnsignedLong(object);
            if number == u64::MAX && !PyErr_Occurred().is_null() {
                return Err(Stop);
            }
            if bits < 64 && number >> bits != 0 {
                return Err(Stop);
            }
            Ok(number)
        })
    }
}

#[inline(always)]
pub unsafe fn signed(object: Raw, bits: u32) -> Result<i64, Stop> {
    // SAFETY: the object lives, and `read` is given an int.
    unsafe {
        index(object, |object| {
            let number = PyLong_AsLong(object);
            if number == -1 && !PyErr_Occurred().is_null() {
                return Err(Stop);
            }
            let over = 64 - bits;
            if number << over >> over != number {
                return Err(Stop);
            }
            Ok(number)
        })
    }
}

/// The lower and upper half of an int of 128 bits.
pub unsafe fn wide(object: Raw, is_signed: bool) -> Result<(u64, u64), Stop> {
    // SAFETY: the object lives, and `read` is given an int; its halves are ours.
    unsafe {
        index(object, |object| {
            let low = Owned::new(PyNumber_And(object, known().low_half))?;
            let high = Owned::new(PyNumber_Rshift(object, known().half_bits))?;
            let high = if is_signed {
                signed(high.raw(), 64)? as u64
            } else {
                unsigned(high.raw(), 64)?
            };
            Ok((unsigned(low.raw(), 64)?, high))
        })
    }
}

#[inline(always)]
pub unsafe fn double(object: Raw) -> Result<f64, Stop> {
    // SAFETY: the object lives.
    unsafe {
        let double = PyFloat_AsDouble(object);
        if double == -1.0 && !PyErr_Occurred().is_null() {
            return Err(Stop);
        }
        Ok(double)
    }
}

/// The nearest float of 32 bits, unless that is infinite and the object's is not.
#[inline(always)]
pub unsafe fn single(object: Raw) -> Result<f32, Stop> {
    // SAFETY: by the callers' contract.
    let double = unsafe { double(object)? };
    let single = double as f32;
    if single.is_infinite() && !double.is_infinite() {
        return Err(Stop);
    }
    Ok(single)
}

#[inline(always)]
pub unsafe fn boolean(object: Raw) -> Result<bool, Stop> {
    let truth = object == known().r#true;
    if truth || object == known().r#false {
        Ok(truth)
    } else {
        Err(Stop)
    }
}

pub unsafe fn character(object: Raw) -> Result<char, Stop> {
    // SAFETY: by the callers' contract.
    let text = unsafe { utf8(object)? };
    // SAFETY: what CPython calls UTF-8.
    let mut chars = unsafe { std::str::from_utf8_unchecked(text) }.chars();
    match (chars.next(), chars.next()) {
        (Some(char), None) => Ok(char),
        _ => Err(Stop),
    }
}

/// The bytes of a bytes object, which lives on while they are looked at; None for another class.
#[inline(always)]
pub unsafe fn octets<'a>(object: Raw) -> Option<&'a [u8]> {
    // SAFETY: the object lives, and it is bytes.
    unsafe { is_a(object, known().bytes).then(|| bytes_of(object)) }
}

/// The UTF-8 of a str, which lives on while it is looked at.
#[inline(always)]
pub unsafe fn utf8<'a>(object: Raw) -> Result<&'a [u8], Stop> {
    // SAFETY: the object lives, and it is a str.
    unsafe {
        if is_a(object, known().str) {
            Ok(text_of(object)?.as_bytes())
        } else {
            Err(Stop)
        }
    }
}
