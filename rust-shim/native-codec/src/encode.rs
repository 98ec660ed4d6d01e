//! Values to words. Only values of exactly the expected classes: what else a type accepts, and every error, is left to
//! the general path.

use crate::exact::{
    boolean, character, double, is_a, octets, signed, single, unsigned, utf8, wide,
};
use crate::object::{class_of, heed_signals, Owned, Stop};
use crate::output::Output;
use crate::plan::{Node, Shape};
use crate::python::{
    known, PyList_GetItem, PyList_Size, PyObject_GetAttr, PyTuple_GetItem, PyTuple_Size, Raw,
};

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
                Node::Int {
                    bits,
                    signed: false,
                } => self.int(unsigned(value, *bits)?, *bits),
                Node::Int { bits, signed: true } => self.int(signed(value, *bits)? as u64, *bits),
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
                } => self.octets(octets(value)?, *length, *thin, *close),
                Node::Text { bytes: true } => self.text(octets(value)?),
                Node::Text { bytes: false } => self.text(utf8(value)?),
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
                    let truth = boolean(value)?;
                    if *byte {
                        self.out.raw(&[truth.into()])
                    } else {
                        self.word(truth.into())
                    }
                }
                Node::Float32 => self.word(single(value)?.to_bits()),
                Node::Float64 => self.dword(double(value)?.to_bits()),
                Node::Wide { signed } => {
                    let (low, high) = wide(value, *signed)?;
                    self.dword(low)?;
                    self.dword(high)
                }
                Node::Char => self.word(character(value)?.into()),
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

    #[inline(always)]
    fn int(&mut self, number: u64, bits: u32) -> Result<(), Stop> {
        if bits == 64 {
            self.dword(number)
        } else {
            self.word(number as u32)
        }
    }

    fn text(&mut self, data: &[u8]) -> Result<(), Stop> {
        self.length(data.len())?;
        self.out.raw(data)?;
        self.out.align()
    }

    fn octets(
        &mut self,
        data: &[u8],
        length: Option<usize>,
        thin: bool,
        close: bool,
    ) -> Result<(), Stop> {
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
            // SAFETY: the interpreter's lock is held.
            unsafe { heed_signals(index)? };
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
