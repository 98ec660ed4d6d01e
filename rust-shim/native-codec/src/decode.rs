//! Words to values, strictly. It only finds out that something is wrong; the general path then says what.

use crate::object::{done, heed_signals, new_bytes, new_str, Owned, Stop};
use crate::plan::{Node, Shape};
use crate::python::{
    known, PyDict_New, PyDict_SetItem, PyFloat_FromDouble, PyList_New, PyList_SetItem,
    PyLong_FromLongLong, PyLong_FromUnsignedLongLong, PyNumber_Lshift, PyNumber_Or, PyObject_Call,
    PyObject_GenericSetAttr, PyTuple_New, PyTuple_SetItem, PyType_GenericAlloc,
};

/// Bytes that take a word each and are no more than this are narrowed on the stack.
const FEW: usize = 256;

pub struct Decoder<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The one value that all of the data is.
    ///
    /// # Safety
    /// The caller must hold the interpreter's lock.
    pub unsafe fn whole(mut self, node: &Node) -> Result<Owned, Stop> {
        // SAFETY: by this function's contract.
        let value = unsafe { self.value(node)? };
        self.align()?;
        if self.at == self.data.len() {
            Ok(value)
        } else {
            Err(Stop)
        }
    }

    #[inline(always)]
    fn raw(&mut self, size: usize) -> Result<&'a [u8], Stop> {
        let bytes = self.data[self.at..].get(..size).ok_or(Stop)?;
        self.at += size;
        Ok(bytes)
    }

    /// Goes to the next word, over zeros only.
    #[inline(always)]
    fn align(&mut self) -> Result<(), Stop> {
        let over = self.at % 4;
        if over != 0 && self.raw(4 - over)?.iter().any(|&byte| byte != 0) {
            return Err(Stop);
        }
        Ok(())
    }

    #[inline(always)]
    fn word(&mut self) -> Result<u32, Stop> {
        self.align()?;
        let bytes = self.raw(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    #[inline(always)]
    fn dword(&mut self) -> Result<u64, Stop> {
        self.align()?;
        self.raw(8)?
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| Stop)
    }

    /// Reads a value.
    ///
    /// # Safety
    /// The caller must hold the interpreter's lock.
    unsafe fn value(&mut self, node: &Node) -> Result<Owned, Stop> {
        // SAFETY: CPython's functions are given live objects of the class they want, and what they make is owned here.
        unsafe {
            match node {
                Node::Int {
                    bits: 64,
                    signed: false,
                } => Owned::new(PyLong_FromUnsignedLongLong(self.dword()?)),
                Node::Int {
                    bits: 64,
                    signed: true,
                } => Owned::new(PyLong_FromLongLong(self.dword()? as i64)),
                Node::Int {
                    bits,
                    signed: false,
                } => {
                    let word = u64::from(self.word()?);
                    if word >> bits != 0 {
                        return Err(Stop);
                    }
                    Owned::new(PyLong_FromUnsignedLongLong(word))
                }
                Node::Int { bits, signed: true } => {
                    let (word, over) = (self.word()? as i32, 32 - bits);
                    if word << over >> over != word {
                        return Err(Stop);
                    }
                    Owned::new(PyLong_FromLongLong(word.into()))
                }
                Node::Byte => Owned::new(PyLong_FromUnsignedLongLong(self.raw(1)?[0].into())),
                Node::Struct { shape, .. } => self.instance(shape),
                Node::Octets { length, thin, .. } => self.octets(*length, *thin),
                Node::Text { bytes } => {
                    let length = self.word()? as usize;
                    let data = self.raw(length)?;
                    self.align()?;
                    if *bytes {
                        new_bytes(data)
                    } else {
                        new_str(data)
                    }
                }
                Node::Seq {
                    item,
                    length,
                    tuple,
                    least,
                    ..
                } => self.sequence(item, *length, *tuple, *least),
                Node::Option { some } => match self.word()? {
                    0 => Owned::share(known().none),
                    1 => self.value(some),
                    _ => Err(Stop),
                },
                Node::Tuple { items, .. } => {
                    let tuple = Owned::new(PyTuple_New(items.len() as isize))?;
                    for (index, item) in items.iter().enumerate() {
                        let value = self.value(item)?.into_raw();
                        done(PyTuple_SetItem(tuple.raw(), index as isize, value))?;
                    }
                    Ok(tuple)
                }
                Node::Members(members) => {
                    Owned::share(members.get(self.word()? as usize).ok_or(Stop)?.raw())
                }
                Node::Enum(variants) => {
                    let index = self.word()? as usize;
                    self.instance(&variants.get(index).ok_or(Stop)?.0)
                }
                Node::Bool { byte } => match if *byte {
                    self.raw(1)?[0].into()
                } else {
                    self.word()?
                } {
                    0 => Owned::share(known().r#false),
                    1 => Owned::share(known().r#true),
                    _ => Err(Stop),
                },
                Node::Float32 => {
                    Owned::new(PyFloat_FromDouble(f32::from_bits(self.word()?).into()))
                }
                Node::Float64 => Owned::new(PyFloat_FromDouble(f64::from_bits(self.dword()?))),
                Node::Wide { signed } => self.wide(*signed),
                Node::Char => {
                    let char = char::from_u32(self.word()?).ok_or(Stop)?;
                    new_str(char.encode_utf8(&mut [0; 4]).as_bytes())
                }
                Node::Unit => Owned::share(known().none),
            }
        }
    }

    unsafe fn instance(&mut self, shape: &Shape) -> Result<Owned, Stop> {
        let fields = shape.names.iter().zip(&shape.fields);
        // SAFETY: as in `value`.
        unsafe {
            if shape.direct {
                let instance = Owned::new(PyType_GenericAlloc(shape.class.raw(), 0))?;
                for (name, field) in fields {
                    let value = self.value(field)?;
                    done(PyObject_GenericSetAttr(
                        instance.raw(),
                        name.raw(),
                        value.raw(),
                    ))?;
                }
                return Ok(instance);
            }
            let arguments = Owned::new(PyDict_New())?;
            for (name, field) in fields {
                let value = self.value(field)?;
                done(PyDict_SetItem(arguments.raw(), name.raw(), value.raw()))?;
            }
            Owned::new(PyObject_Call(
                shape.class.raw(),
                known().no_arguments,
                arguments.raw(),
            ))
        }
    }

    unsafe fn wide(&mut self, signed: bool) -> Result<Owned, Stop> {
        let (low, high) = (self.dword()?, self.dword()?);
        // SAFETY: as in `value`.
        unsafe {
            let low = Owned::new(PyLong_FromUnsignedLongLong(low))?;
            if high == 0 {
                return Ok(low);
            }
            let high = if signed {
                PyLong_FromLongLong(high as i64)
            } else {
                PyLong_FromUnsignedLongLong(high)
            };
            let high = Owned::new(high)?;
            let shifted = Owned::new(PyNumber_Lshift(high.raw(), known().half_bits))?;
            Owned::new(PyNumber_Or(shifted.raw(), low.raw()))
        }
    }

    unsafe fn octets(&mut self, length: Option<usize>, thin: bool) -> Result<Owned, Stop> {
        let length = match length {
            Some(length) => length,
            None => self.word()? as usize,
        };
        if thin {
            // SAFETY: the interpreter's lock is held.
            return unsafe { new_bytes(self.raw(length)?) };
        }
        let words = self.raw(length.checked_mul(4).ok_or(Stop)?)?;
        let (mut few, mut many) = ([0; FEW], Vec::new());
        let bytes = if length <= FEW {
            &mut few[..length]
        } else {
            many.try_reserve_exact(length).map_err(|_| Stop)?;
            many.resize(length, 0);
            &mut many[..]
        };
        let mut all = 0;
        for (byte, word) in bytes.iter_mut().zip(words.as_chunks::<4>().0) {
            let word = u32::from_le_bytes(*word);
            all |= word;
            *byte = word as u8;
        }
        if all > 0xff {
            return Err(Stop);
        }
        // SAFETY: the interpreter's lock is held.
        unsafe { new_bytes(bytes) }
    }

    unsafe fn sequence(
        &mut self,
        item: &Node,
        length: Option<usize>,
        tuple: bool,
        least: usize,
    ) -> Result<Owned, Stop> {
        let count = match length {
            Some(length) => length,
            None => self.word()? as usize,
        };
        // What the input cannot hold is refused before any memory is taken for it.
        if count > (self.data.len() - self.at) / least {
            return Err(Stop);
        }
        // SAFETY: as in `value`.
        unsafe {
            let size = count as isize;
            let items = Owned::new(if tuple {
                PyTuple_New(size)
            } else {
                PyList_New(size)
            })?;
            for index in 0..size {
                heed_signals(index as usize)?;
                let value = self.value(item)?.into_raw();
                done(if tuple {
                    PyTuple_SetItem(items.raw(), index, value)
                } else {
                    PyList_SetItem(items.raw(), index, value)
                })?;
            }
            Ok(items)
        }
    }
}
