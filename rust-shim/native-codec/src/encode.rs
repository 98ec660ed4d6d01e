//! Values to words: what stands for a type without loss. Every error is left to the reference engine.

use crate::buffer::View;
use crate::exact::{
    boolean, character, double, is_a, is_exactly, octets, signed, single, unsigned, utf8, wide,
};
use crate::object::{class_of, heed_signals, Owned, Stop};
use crate::output::Output;
use crate::plan::{Node, Numbers, Plan, Shape};
use crate::python::{
    known, PyDict_Next, PyDict_Size, PyList_GetItem, PyList_Size, PyObject_GetAttr,
    PyObject_GetItem, PySequence_List, PyTuple_GetItem, PyTuple_Size, Raw,
};
use crate::rank::Ranker;
use crate::stack::Stack;

/// After so many elements, the size of a long sequence is guessed from theirs.
const SAMPLE: usize = 1 << 10;

/// How many times a value may hold one of its own type; the reference engine has the same limit, and the error.
pub const NESTING_LIMIT: usize = 512;

pub struct Encoder<'a> {
    pub plan: &'a Plan,
    pub out: Output,
    pub stack: Stack,
    pub nesting: usize,
}

impl<'a> Encoder<'a> {
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
    pub unsafe fn value(&mut self, node: &'a Node, value: Raw) -> Result<(), Stop> {
        match node {
            Node::Use { .. } | Node::Option { .. } => {}
            // SAFETY: by this function's contract.
            _ => return unsafe { self.direct(node, value) },
        }
        let (mut node, nesting) = (node, self.nesting);
        loop {
            match node {
                Node::Use { definition, again } => {
                    self.nesting += usize::from(*again);
                    if self.nesting > NESTING_LIMIT {
                        return Err(Stop);
                    }
                    node = &self.plan.definitions[*definition];
                }
                Node::Option { some } => {
                    let none = value == known().none;
                    self.word((!none).into())?;
                    if none {
                        break;
                    }
                    node = some;
                }
                _ => {
                    // SAFETY: by this function's contract.
                    unsafe { self.direct(node, value)? };
                    break;
                }
            }
        }
        self.nesting = nesting;
        Ok(())
    }

    /// Writes a value of a node that is no use of another.
    #[inline(always)]
    unsafe fn direct(&mut self, node: &'a Node, value: Raw) -> Result<(), Stop> {
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
                    is_exactly(value, shape.class.raw())?;
                    self.fields(shape, value)?;
                    self.close(*close)
                }
                Node::Octets {
                    length,
                    thin,
                    close,
                } => with_bytes(value, |data| self.octets(data, *length, *thin, *close)),
                Node::Text { bytes: true } => with_bytes(value, |data| self.text(data)),
                Node::Text { bytes: false } => self.text(utf8(value)?),
                Node::Seq {
                    item,
                    length,
                    close,
                    ..
                } => {
                    self.sequence(value, item, *length)?;
                    self.close(*close)
                }
                Node::Numbers(run) => {
                    self.numbers(value, run)?;
                    self.close(run.close)
                }
                Node::Tuple { items, close } => {
                    self.stack.check()?;
                    if !is_a(value, known().tuple) || PyTuple_Size(value) as usize != items.len() {
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
                Node::Digest => with_bytes(value, |data| {
                    if data.len() != 32 {
                        return Err(Stop);
                    }
                    self.out.align()?;
                    self.out.raw(data)
                }),
                Node::Map {
                    key,
                    value: item,
                    ordered,
                    close,
                    ..
                } => {
                    self.map(value, key, item, *ordered)?;
                    self.close(*close)
                }
                Node::Set { item, close, .. } => {
                    self.set(value, item)?;
                    self.close(*close)
                }
                Node::Unit if value == known().none => Ok(()),
                Node::Unit | Node::Use { .. } | Node::Option { .. } => Err(Stop),
            }
        }
    }

    unsafe fn fields(&mut self, shape: &'a Shape, value: Raw) -> Result<(), Stop> {
        self.stack.check()?;
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
        self.count(data.len(), length)?;
        if thin {
            self.out.raw(data)?;
            return self.close(close);
        }
        self.out.reserve(data.len().saturating_mul(4))?;
        self.out.widen(data)
    }

    /// Writes the length of a Vec, or compares the length of an array.
    fn count(&mut self, count: usize, length: Option<usize>) -> Result<(), Stop> {
        match length {
            None => self.length(count),
            Some(length) if length != count => Err(Stop),
            Some(_) => Ok(()),
        }
    }

    unsafe fn sequence(
        &mut self,
        value: Raw,
        item: &'a Node,
        length: Option<usize>,
    ) -> Result<(), Stop> {
        self.stack.check()?;
        // SAFETY: `value` lives by the callers' contract.
        let row = unsafe { Row::of(value).ok_or(Stop)? };
        let count = row.count();
        self.count(count, length)?;
        let start = self.out.size();
        for index in 0..count {
            if index == SAMPLE {
                self.out
                    .expect(((self.out.size() - start) / SAMPLE).saturating_mul(count - SAMPLE))?;
            }
            // SAFETY: the interpreter's lock is held; the reference is ours meanwhile.
            unsafe {
                heed_signals(index)?;
                let next = Owned::share(row.get(index))?;
                self.value(item, next.raw())?;
            }
        }
        row.is_still(count)
    }

    unsafe fn numbers(&mut self, value: Raw, run: &Numbers) -> Result<(), Stop> {
        // SAFETY: `value` lives by the callers' contract, and each number while it is read.
        unsafe {
            let Some(row) = Row::of(value) else {
                return self.buffer(value, run);
            };
            let count = row.count();
            self.count(count, run.length)?;
            self.out.align_unless(run.width == 1 || count == 0)?;
            self.out.reserve(count.saturating_mul(run.width))?;
            for index in 0..count {
                heed_signals(index)?;
                let number = row.get(index);
                if number.is_null() {
                    return Err(Stop);
                }
                // Nothing of Python's runs while an int or a float is read, so these need no reference of our own.
                let class = class_of(number);
                if class == known().int || class == known().float {
                    self.number(number, run)?;
                } else {
                    self.number(Owned::share(number)?.raw(), run)?;
                }
            }
            row.is_still(count)
        }
    }

    #[inline(always)]
    unsafe fn number(&mut self, value: Raw, run: &Numbers) -> Result<(), Stop> {
        let bits = 8 * run.size as u32;
        // SAFETY: `value` lives by the callers' contract.
        unsafe {
            let word = match run.code {
                b'?' => boolean(value)?.into(),
                b'f' => single(value)?.to_bits(),
                b'd' => return self.out.raw(&double(value)?.to_le_bytes()),
                b'Q' => return self.out.raw(&unsigned(value, 64)?.to_le_bytes()),
                b'q' => return self.out.raw(&signed(value, 64)?.to_le_bytes()),
                b'B' | b'H' | b'I' => unsigned(value, bits)? as u32,
                _ => signed(value, bits)? as u32,
            };
            if run.width == 1 {
                self.out.raw(&[word as u8])
            } else {
                self.out.raw(&word.to_le_bytes())
            }
        }
    }

    /// A run of numbers that lies in the memory of an object.
    unsafe fn buffer(&mut self, value: Raw, run: &Numbers) -> Result<(), Stop> {
        // SAFETY: `value` lives by the callers' contract, and the interpreter's lock is held.
        let view = unsafe { View::of(value)? };
        if !view.holds(run.code) {
            return Err(Stop);
        }
        self.count(view.count(), run.length)?;
        self.out.align_unless(run.width == 1 || view.count() == 0)?;
        self.out.reserve(view.count().saturating_mul(run.width))?;
        let out = &mut self.out;
        view.each(|memory| match (run.code, run.width) {
            (b'?', 1) => memory
                .iter()
                .try_for_each(|&byte| out.raw(&[u8::from(byte != 0)])),
            (b'?', _) => memory
                .iter()
                .try_for_each(|&byte| out.raw(&u32::from(byte != 0).to_le_bytes())),
            (b'B', 4) => out.widen(memory),
            (b'b', _) => memory
                .iter()
                .try_for_each(|&byte| out.raw(&i32::from(byte as i8).to_le_bytes())),
            (b'h', _) => {
                memory.as_chunks().0.iter().try_for_each(|&half| {
                    out.raw(&i32::from(i16::from_le_bytes(half)).to_le_bytes())
                })
            }
            (b'H', _) => {
                memory.as_chunks().0.iter().try_for_each(|&half| {
                    out.raw(&u32::from(u16::from_le_bytes(half)).to_le_bytes())
                })
            }
            _ => out.raw(memory),
        })
    }

    unsafe fn map(
        &mut self,
        value: Raw,
        key: &'a Node,
        item: &'a Node,
        ordered: bool,
    ) -> Result<(), Stop> {
        self.stack.check()?;
        // SAFETY: `value` lives by the callers' contract; of what it holds we have references of our own.
        unsafe {
            let mut pairs = pairs(value)?;
            self.length(pairs.len())?;
            if ordered {
                pairs = self.in_order(key, pairs, |pair| pair.0.raw())?;
            }
            for (index, (name, value)) in pairs.iter().enumerate() {
                heed_signals(index)?;
                self.value(key, name.raw())?;
                self.value(item, value.raw())?;
            }
        }
        Ok(())
    }

    unsafe fn set(&mut self, value: Raw, item: &'a Node) -> Result<(), Stop> {
        self.stack.check()?;
        // SAFETY: `value` lives by the callers' contract; of what it holds we have references of our own.
        unsafe {
            if !is_a(value, known().set) && !is_a(value, known().frozenset) {
                return Err(Stop);
            }
            let items = elements(value)?;
            self.length(items.len())?;
            let items = self.in_order(item, items, Owned::raw)?;
            for (index, value) in items.iter().enumerate() {
                heed_signals(index)?;
                self.value(item, value.raw())?;
            }
        }
        Ok(())
    }

    /// The elements in the order of their keys.
    unsafe fn in_order<T>(
        &self,
        node: &Node,
        elements: Vec<T>,
        key: impl Fn(&T) -> Raw,
    ) -> Result<Vec<T>, Stop> {
        let ranker = Ranker {
            plan: self.plan,
            stack: self.stack,
        };
        let mut ranks = Vec::new();
        let mut ranked = Vec::with_capacity(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            let start = ranks.len();
            // SAFETY: the interpreter's lock is held, and the elements are ours.
            unsafe {
                heed_signals(index)?;
                ranker.add(node, key(&element), &mut ranks)?;
            }
            ranked.push((start..ranks.len(), element));
        }
        ranked.sort_by(|(one, _), (other, _)| ranks[one.clone()].cmp(&ranks[other.clone()]));
        Ok(ranked.into_iter().map(|(_, element)| element).collect())
    }
}

/// A list or a tuple, or an object of a class derived from one, of which what it holds as that counts.
struct Row {
    object: Raw,
    tuple: bool,
}

impl Row {
    #[inline(always)]
    unsafe fn of(object: Raw) -> Option<Self> {
        // SAFETY: the object lives by the callers' contract.
        unsafe {
            let tuple = if is_exactly(object, known().list).is_ok() {
                false
            } else if is_a(object, known().tuple) {
                true
            } else if is_a(object, known().list) {
                false
            } else {
                return None;
            };
            Some(Self { object, tuple })
        }
    }

    #[inline(always)]
    fn count(&self) -> usize {
        // SAFETY: it is what it is taken for, and lives as long as the callers of `of` say.
        (unsafe {
            if self.tuple {
                PyTuple_Size(self.object)
            } else {
                PyList_Size(self.object)
            }
        }) as usize
    }

    /// An element, which the row goes on owning; null past the end of a list that has shrunk.
    #[inline(always)]
    fn get(&self, index: usize) -> Raw {
        // SAFETY: as above.
        unsafe {
            if self.tuple {
                PyTuple_GetItem(self.object, index as isize)
            } else {
                PyList_GetItem(self.object, index as isize)
            }
        }
    }

    /// Refuses a list that has grown meanwhile.
    fn is_still(&self, count: usize) -> Result<(), Stop> {
        if self.count() == count {
            Ok(())
        } else {
            Err(Stop)
        }
    }
}

/// Hands over the bytes of a bytes object, or of any row of bytes in memory.
unsafe fn with_bytes(
    object: Raw,
    take: impl FnOnce(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    // SAFETY: the object lives by the callers' contract, and the interpreter's lock is held.
    unsafe {
        if let Some(bytes) = octets(object) {
            return take(bytes);
        }
        let view = View::of(object)?;
        if !view.holds(b'B') && !view.holds(b'c') {
            return Err(Stop);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(view.count()).map_err(|_| Stop)?;
        view.each(|memory| {
            bytes.extend_from_slice(memory);
            Ok(())
        })?;
        take(&bytes)
    }
}

/// The pairs of a dict, in its order.
unsafe fn pairs(dict: Raw) -> Result<Vec<(Owned, Owned)>, Stop> {
    // SAFETY: the dict lives by the callers' contract; what CPython lends is shared at once.
    unsafe {
        let mut pairs = Vec::new();
        if is_exactly(dict, known().dict).is_ok() {
            let (mut at, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
            pairs
                .try_reserve_exact(PyDict_Size(dict) as usize)
                .map_err(|_| Stop)?;
            while PyDict_Next(dict, &raw mut at, &raw mut key, &raw mut value) != 0 {
                pairs.push((Owned::share(key)?, Owned::share(value)?));
            }
            return Ok(pairs);
        }
        if !is_a(dict, known().dict) {
            return Err(Stop);
        }
        for key in elements(dict)? {
            let value = Owned::new(PyObject_GetItem(dict, key.raw()))?;
            pairs.push((key, value));
        }
        Ok(pairs)
    }
}

/// What iterating over an object yields.
unsafe fn elements(object: Raw) -> Result<Vec<Owned>, Stop> {
    // SAFETY: the object lives by the callers' contract; what the list lends is shared at once.
    unsafe {
        let list = Owned::new(PySequence_List(object))?;
        (0..PyList_Size(list.raw()))
            .map(|index| Owned::share(PyList_GetItem(list.raw(), index)))
            .collect()
    }
}
