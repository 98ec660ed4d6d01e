//! Values to words. Only values of exactly the expected classes: what else a type accepts, and every error, is left to
//! the general path.

use crate::output::Output;
use crate::plan::{Node, Shape};
use crate::python::{
    bytes_of, class_of, done, known, text_of, Owned, PyErr_CheckSignals, PyErr_Occurred,
    PyFloat_AsDouble, PyList_GetItem, PyList_Size, PyLong_AsLongLong, PyLong_AsUnsignedLongLong,
    PyNumber_And, PyNumber_Rshift, PyObject_GetAttr, PyTuple_GetItem, PyTuple_Size, Raw, Stop,
};

/// How many elements are written between two looks at the signals.
const BATCH: usize = 1 << 16;
/// After so many elements, the size of a long sequence is guessed from theirs.
const SAMPLE: usize = 1 << 10;

pub struct Encoder {
    pub out: Output,
}

impl Encoder {
    #[inline(always)]
    fn word(&mut self, word: u32) -> Result<(), Stop> {
        self.out.align()?;
        self.out.raw(&word.to_le_bytes())
    }

    #[inline(always)]
    fn dword(&mut self, dword: u64) -> Result<(), Stop> {
        self.out.align()?;
        self.out.raw(&dword.to_le_bytes())
    }

    #[inline(always)]
    fn length(&mut self, length: usize) -> Result<(), Stop> {
        self.word(u32::try_from(length).map_err(|_| Stop)?)
    }

    #[inline(always)]
    fn close(&mut self, close: bool) -> Result<(), Stop> {
        if close {
            self.out.align()
        } else {
            Ok(())
        }
    }

    /// Writes a value.
    ///
    /// # Safety
    /// `value` must be an object that lives through the call, and the caller hold the interpreter's lock.
    pub unsafe fn value(&mut self, node: &Node, value: Raw) -> Result<(), Stop> {
        // SAFETY: `value` lives; each object is asked its class before it is used as one of it.
        unsafe {
            match node {
                Node::Int { bits, signed } => self.int(value, *bits, *signed),
                Node::Byte => self.out.raw(&[unsigned(value, 8)? as u8]),
                Node::Struct { shape, close } => {
                    is_a(value, shape.class.raw())?;
                    self.fields(shape, value)?;
                    self.close(*close)
                }
                Node::Octets {
                    length,
                    thin,
                    close,
                } => self.octets(value, *length, *thin, *close),
                Node::Text { bytes } => self.text(value, *bytes),
                Node::Seq {
                    item,
                    length,
                    tuple,
                    close,
                    ..
                } => {
                    self.sequence(value, item, *length, *tuple)?;
                    self.close(*close)
                }
                Node::Option { some } => {
                    self.word((value != known().none).into())?;
                    if value == known().none {
                        Ok(())
                    } else {
                        self.value(some, value)
                    }
                }
                Node::Tuple { items, close } => {
                    is_a(value, known().tuple)?;
                    if PyTuple_Size(value) as usize != items.len() {
                        return Err(Stop);
                    }
                    for (index, item) in items.iter().enumerate() {
                        self.value(item, PyTuple_GetItem(value, index as isize))?;
                    }
                    self.close(*close)
                }
                Node::Members(members) => {
                    let index = members
                        .iter()
                        .position(|member| member.raw() == value)
                        .ok_or(Stop)?;
                    self.word(index as u32)
                }
                Node::Enum(variants) => {
                    let class = class_of(value);
                    let index = variants
                        .iter()
                        .position(|(shape, _)| shape.class.raw() == class)
                        .ok_or(Stop)?;
                    let (shape, close) = &variants[index];
                    self.word(index as u32)?;
                    self.fields(shape, value)?;
                    self.close(*close)
                }
                Node::Bool { byte } => {
                    let truth = value == known().r#true;
                    if !truth && value != known().r#false {
                        return Err(Stop);
                    }
                    if *byte {
                        self.out.raw(&[truth.into()])
                    } else {
                        self.word(truth.into())
                    }
                }
                Node::Float32 => {
                    let (double, single) = (float(value)?, float(value)? as f32);
                    if single.is_infinite() && !double.is_infinite() {
                        return Err(Stop);
                    }
                    self.word(single.to_bits())
                }
                Node::Float64 => self.dword(float(value)?.to_bits()),
                Node::Wide { signed } => self.wide(value, *signed),
                Node::Char => {
                    is_a(value, known().str)?;
                    let mut chars = text_of(value)?.chars();
                    let (Some(char), None) = (chars.next(), chars.next()) else {
                        return Err(Stop);
                    };
                    self.word(char.into())
                }
                Node::Unit if value == known().none => Ok(()),
                Node::Unit => Err(Stop),
            }
        }
    }

    unsafe fn fields(&mut self, shape: &Shape, value: Raw) -> Result<(), Stop> {
        for (name, field) in shape.names.iter().zip(&shape.fields) {
            // SAFETY: `value` lives by the callers' contract.
            let inner = unsafe { Owned::new(PyObject_GetAttr(value, name.raw()))? };
            // SAFETY: the reference is ours meanwhile.
            unsafe { self.value(field, inner.raw())? };
        }
        Ok(())
    }

    unsafe fn int(&mut self, value: Raw, bits: u32, signed: bool) -> Result<(), Stop> {
        if !signed {
            // SAFETY: `value` lives by the callers' contract.
            let number = unsafe { unsigned(value, bits)? };
            return if bits == 64 {
                self.dword(number)
            } else {
                self.word(number as u32)
            };
        }
        // SAFETY: as above, and it is an int.
        let number = unsafe {
            is_a(value, known().int)?;
            PyLong_AsLongLong(value)
        };
        // SAFETY: the interpreter's lock is held.
        if number == -1 && !unsafe { PyErr_Occurred() }.is_null() {
            return Err(Stop);
        }
        let over = 64 - bits;
        if number << over >> over != number {
            return Err(Stop);
        }
        if bits == 64 {
            self.dword(number as u64)
        } else {
            self.word(number as u32)
        }
    }

    unsafe fn wide(&mut self, value: Raw, signed: bool) -> Result<(), Stop> {
        // SAFETY: `value` lives by the callers' contract, and it is an int.
        unsafe {
            is_a(value, known().int)?;
            let low = Owned::new(PyNumber_And(value, known().low_half))?;
            let high = Owned::new(PyNumber_Rshift(value, known().half_bits))?;
            self.int(low.raw(), 64, false)?;
            self.int(high.raw(), 64, signed)
        }
    }

    unsafe fn text(&mut self, value: Raw, bytes: bool) -> Result<(), Stop> {
        // SAFETY: `value` lives by the callers' contract, and is what it is taken for.
        let data = unsafe {
            is_a(value, if bytes { known().bytes } else { known().str })?;
            if bytes {
                bytes_of(value)
            } else {
                text_of(value)?.as_bytes()
            }
        };
        self.length(data.len())?;
        self.out.raw(data)?;
        self.out.align()
    }

    unsafe fn octets(
        &mut self,
        value: Raw,
        length: Option<usize>,
        thin: bool,
        close: bool,
    ) -> Result<(), Stop> {
        // SAFETY: `value` lives by the callers' contract, and it is bytes.
        let data = unsafe {
            is_a(value, known().bytes)?;
            bytes_of(value)
        };
        match length {
            None => self.length(data.len())?,
            Some(length) if length != data.len() => return Err(Stop),
            Some(_) => {}
        }
        if thin {
            self.out.raw(data)?;
            return self.close(close);
        }
        self.out.widen(data)
    }

    unsafe fn sequence(
        &mut self,
        value: Raw,
        item: &Node,
        length: Option<usize>,
        tuple: bool,
    ) -> Result<(), Stop> {
        // SAFETY: `value` lives by the callers' contract, and is what it is taken for.
        let count = unsafe {
            is_a(value, if tuple { known().tuple } else { known().list })?;
            (if tuple {
                PyTuple_Size(value)
            } else {
                PyList_Size(value)
            }) as usize
        };
        match length {
            None => self.length(count)?,
            Some(length) if length != count => return Err(Stop),
            Some(_) => {}
        }
        let start = self.out.size();
        for index in 0..count {
            if index == SAMPLE {
                self.out
                    .expect(((self.out.size() - start) / SAMPLE).saturating_mul(count - SAMPLE))?;
            }
            if index % BATCH == BATCH - 1 {
                // SAFETY: the interpreter's lock is held.
                done(unsafe { PyErr_CheckSignals() })?;
            }
            // SAFETY: as above; CPython refuses an index past the end of a list that has shrunk.
            let next = unsafe {
                Owned::share(if tuple {
                    PyTuple_GetItem(value, index as isize)
                } else {
                    PyList_GetItem(value, index as isize)
                })?
            };
            // SAFETY: the reference is ours meanwhile.
            unsafe { self.value(item, next.raw())? };
        }
        Ok(())
    }
}

/// Refuses an object of another class.
#[inline(always)]
unsafe fn is_a(object: Raw, class: Raw) -> Result<(), Stop> {
    // SAFETY: the callers' object lives.
    if unsafe { class_of(object) } == class {
        Ok(())
    } else {
        Err(Stop)
    }
}

#[inline(always)]
unsafe fn unsigned(value: Raw, bits: u32) -> Result<u64, Stop> {
    // SAFETY: the callers' object lives, and it is an int.
    let number = unsafe {
        is_a(value, known().int)?;
        PyLong_AsUnsignedLongLong(value)
    };
    // SAFETY: the interpreter's lock is held.
    if number == u64::MAX && !unsafe { PyErr_Occurred() }.is_null() {
        return Err(Stop);
    }
    if bits < 64 && number >> bits != 0 {
        return Err(Stop);
    }
    Ok(number)
}

#[inline(always)]
unsafe fn float(value: Raw) -> Result<f64, Stop> {
    // SAFETY: the callers' object lives, and it is a float.
    unsafe {
        is_a(value, known().float)?;
        Ok(PyFloat_AsDouble(value))
    }
}
