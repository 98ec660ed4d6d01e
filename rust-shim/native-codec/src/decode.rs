//! Words to values. It only finds out that something is wrong; the reference engine then says what.

use crate::encode::NESTING_LIMIT;
use crate::object::{done, heed_signals, new_bytes, new_str, Owned, Stop};
use crate::plan::{Container, Node, Numbers, Plan, Shape};
use crate::python::{
    known, PyDict_New, PyDict_SetItem, PyDict_Size, PyFloat_FromDouble, PyFrozenSet_New,
    PyList_New, PyList_SetItem, PyLong_FromLongLong, PyLong_FromUnsignedLongLong,
    PyMemoryView_FromMemory, PyNumber_Lshift, PyNumber_Or, PyObject_Call, PyObject_GenericSetAttr,
    PyObject_Vectorcall, PySet_Add, PySet_New, PySet_Size, PyTuple_New, PyTuple_SetItem,
    PyType_GenericAlloc, Raw,
};
use crate::rank::Ranker;
use crate::stack::Stack;

/// How many elements that take no words one call makes in all; the reference engine has the same limit, and the error.
const ZERO_SIZED_LIMIT: usize = 65_536;

/// From so many numbers on, CPython's own memoryview fills a list or tuple faster than calls for each.
const MANY: usize = 64;

/// CPython's `PyBUF_READ`.
const READ: i32 = 0x100;

/// Bytes that take a word each and are no more than this are narrowed on the stack.
const FEW: usize = 256;

pub struct Decoder<'a> {
    plan: &'a Plan,
    data: &'a [u8],
    at: usize,
    /// Whether what Rust's deserializers let pass is refused: padding, and maps and sets out of order.
    strict: bool,
    stack: Stack,
    nesting: usize,
    zero_sized_left: usize,
}

impl<'a> Decoder<'a> {
    pub fn new(plan: &'a Plan, data: &'a [u8], at: usize, strict: bool) -> Self {
        Self {
            plan,
            data,
            at,
            strict,
            stack: Stack::new(),
            nesting: 0,
            zero_sized_left: ZERO_SIZED_LIMIT,
        }
    }

    /// The one value that all of the data is; where not strict, words may follow it.
    ///
    /// # Safety
    /// The caller must hold the interpreter's lock.
    pub unsafe fn whole(mut self) -> Result<Owned, Stop> {
        // SAFETY: by this function's contract.
        let value = unsafe { self.first()? };
        if self.at == self.data.len() || !self.strict {
            Ok(value)
        } else {
            Err(Stop)
        }
    }

    /// The value that begins here, and the offset of the word after it in bytes.
    ///
    /// # Safety
    /// The caller must hold the interpreter's lock.
    pub unsafe fn part(mut self) -> Result<(Owned, usize), Stop> {
        // SAFETY: by this function's contract.
        let value = unsafe { self.first()? };
        Ok((value, self.at))
    }

    unsafe fn first(&mut self) -> Result<Owned, Stop> {
        // SAFETY: by the callers' contract.
        let value = unsafe { self.value(&self.plan.root)? };
        self.skip()?;
        Ok(value)
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

    /// Goes to the next word: over zeros only if strict.
    #[inline(always)]
    fn skip(&mut self) -> Result<(), Stop> {
        if self.strict {
            return self.align();
        }
        self.at = self.at.next_multiple_of(4);
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
    unsafe fn value(&mut self, node: &'a Node) -> Result<Owned, Stop> {
        match node {
            Node::Use { .. } | Node::Option { .. } => {}
            // SAFETY: by this function's contract.
            _ => return unsafe { self.direct(node) },
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
                Node::Option { some } => match self.word()? {
                    0 => {
                        self.nesting = nesting;
                        // SAFETY: None lives.
                        return unsafe { Owned::share(known().none) };
                    }
                    1 => node = some,
                    _ => return Err(Stop),
                },
                _ => {
                    // SAFETY: by this function's contract.
                    let value = unsafe { self.direct(node)? };
                    self.nesting = nesting;
                    return Ok(value);
                }
            }
        }
    }

    /// Reads a value of a node that is no use of another.
    #[inline(always)]
    unsafe fn direct(&mut self, node: &'a Node) -> Result<Owned, Stop> {
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
                    self.skip()?;
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
                Node::Numbers(run) => self.numbers(run),
                Node::Digest => {
                    self.align()?;
                    new_bytes(self.raw(32)?)
                }
                Node::Map {
                    key,
                    value,
                    ordered,
                    least,
                    ..
                } => self.map(key, value, *ordered, *least),
                Node::Set {
                    item,
                    ordered,
                    frozen,
                    least,
                    ..
                } => self.set(item, *ordered, *frozen, *least),
                Node::Tuple { items, .. } => {
                    self.stack.check()?;
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
                Node::Use { .. } | Node::Option { .. } => Err(Stop),
            }
        }
    }

    unsafe fn instance(&mut self, shape: &'a Shape) -> Result<Owned, Stop> {
        self.stack.check()?;
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
        // SAFETY: the interpreter's lock is held.
        narrowed(words, |bytes| unsafe { new_bytes(bytes) })
    }

    /// How many elements follow. What the input cannot hold is refused before any memory is taken for it.
    fn count(&mut self, length: Option<usize>, least: usize) -> Result<usize, Stop> {
        let count = match length {
            Some(length) => length,
            None => self.word()? as usize,
        };
        match (self.data.len() - self.at).checked_div(least) {
            Some(most) if count > most => return Err(Stop),
            None if length.is_none() => {
                self.zero_sized_left = self.zero_sized_left.checked_sub(count).ok_or(Stop)?;
            }
            _ => {}
        }
        Ok(count)
    }

    unsafe fn sequence(
        &mut self,
        item: &'a Node,
        length: Option<usize>,
        tuple: bool,
        least: usize,
    ) -> Result<Owned, Stop> {
        self.stack.check()?;
        let count = self.count(length, least)?;
        // SAFETY: as in `value`.
        unsafe { row(count, tuple, || self.value(item)) }
    }

    unsafe fn numbers(&mut self, run: &Numbers) -> Result<Owned, Stop> {
        let count = self.count(run.length, run.width)?;
        if run.width > 1 && count > 0 {
            self.align()?;
        }
        let data = self.raw(count * run.width)?;
        // SAFETY: as in `value`; the memory that is lent lives through the call, and so does no view of it after it.
        unsafe {
            if count < MANY && run.container != Container::Other {
                let tuple = run.container == Container::Tuple;
                return match run.width {
                    8 => {
                        let mut dwords = data.as_chunks().0.iter();
                        row(count, tuple, || {
                            let dword = *dwords.next().ok_or(Stop)?;
                            wide_number(u64::from_le_bytes(dword), run)
                        })
                    }
                    4 => {
                        let mut words = data.as_chunks().0.iter();
                        row(count, tuple, || {
                            let word = *words.next().ok_or(Stop)?;
                            number(u32::from_le_bytes(word), run)
                        })
                    }
                    _ => {
                        let mut bytes = data.iter();
                        row(count, tuple, || {
                            number((*bytes.next().ok_or(Stop)?).into(), run)
                        })
                    }
                };
            }
            if run.width == run.size {
                if run.code == b'?' && data.iter().any(|&byte| byte > 1) {
                    return Err(Stop);
                }
                return filled(run, data);
            }
            match run.code {
                b'B' => narrowed(data, |bytes| filled(run, bytes)),
                b'?' => narrowed(data, |bytes| {
                    if bytes.iter().any(|&byte| byte > 1) {
                        return Err(Stop);
                    }
                    filled(run, bytes)
                }),
                _ => {
                    let mut bytes = Vec::new();
                    bytes
                        .try_reserve_exact(count * run.size)
                        .map_err(|_| Stop)?;
                    for word in data.as_chunks::<4>().0 {
                        in_range(u32::from_le_bytes(*word), run)?;
                        bytes.extend_from_slice(&word[..run.size]);
                    }
                    filled(run, &bytes)
                }
            }
        }
    }

    unsafe fn map(
        &mut self,
        key: &'a Node,
        value: &'a Node,
        ordered: bool,
        least: usize,
    ) -> Result<Owned, Stop> {
        self.stack.check()?;
        let count = self.count(None, least)?;
        let mut order = Order::new(self, ordered);
        // SAFETY: as in `value`.
        unsafe {
            let dict = Owned::new(PyDict_New())?;
            for index in 0..count {
                heed_signals(index)?;
                let name = self.value(key)?;
                order.check(key, &name)?;
                let item = self.value(value)?;
                done(PyDict_SetItem(dict.raw(), name.raw(), item.raw()))?;
                if self.strict && PyDict_Size(dict.raw()) as usize == index {
                    return Err(Stop);
                }
            }
            Ok(dict)
        }
    }

    unsafe fn set(
        &mut self,
        item: &'a Node,
        ordered: bool,
        frozen: bool,
        least: usize,
    ) -> Result<Owned, Stop> {
        self.stack.check()?;
        let count = self.count(None, least)?;
        let mut order = Order::new(self, ordered);
        // SAFETY: as in `value`; a frozenset that nobody has seen may still be added to.
        unsafe {
            let set = Owned::new(if frozen {
                PyFrozenSet_New(std::ptr::null_mut())
            } else {
                PySet_New(std::ptr::null_mut())
            })?;
            for index in 0..count {
                heed_signals(index)?;
                let value = self.value(item)?;
                order.check(item, &value)?;
                done(PySet_Add(set.raw(), value.raw()))?;
                if self.strict && PySet_Size(set.raw()) as usize == index {
                    return Err(Stop);
                }
            }
            Ok(set)
        }
    }
}

/// Checks that keys ascend, where they have to.
struct Order<'a> {
    ranker: Option<Ranker<'a>>,
    last: Vec<u8>,
    next: Vec<u8>,
    any: bool,
}

impl<'a> Order<'a> {
    fn new(decoder: &Decoder<'a>, ordered: bool) -> Self {
        let ranker = Ranker {
            plan: decoder.plan,
            stack: decoder.stack,
        };
        Self {
            ranker: (ordered && decoder.strict).then_some(ranker),
            last: Vec::new(),
            next: Vec::new(),
            any: false,
        }
    }

    unsafe fn check(&mut self, node: &Node, key: &Owned) -> Result<(), Stop> {
        let Some(ranker) = &self.ranker else {
            return Ok(());
        };
        self.next.clear();
        // SAFETY: the key is ours, and the interpreter's lock held.
        unsafe { ranker.add(node, key.raw(), &mut self.next)? };
        if self.any && self.next <= self.last {
            return Err(Stop);
        }
        self.any = true;
        std::mem::swap(&mut self.last, &mut self.next);
        Ok(())
    }
}

/// A list or tuple of so many elements.
unsafe fn row(
    count: usize,
    tuple: bool,
    mut next: impl FnMut() -> Result<Owned, Stop>,
) -> Result<Owned, Stop> {
    // SAFETY: the interpreter's lock is held, and each element is given away once.
    unsafe {
        let size = count as isize;
        let items = Owned::new(if tuple {
            PyTuple_New(size)
        } else {
            PyList_New(size)
        })?;
        for index in 0..size {
            heed_signals(index as usize)?;
            let value = next()?.into_raw();
            done(if tuple {
                PyTuple_SetItem(items.raw(), index, value)
            } else {
                PyList_SetItem(items.raw(), index, value)
            })?;
        }
        Ok(items)
    }
}

/// Hands over a byte for each word, which must be one.
fn narrowed(words: &[u8], take: impl FnOnce(&[u8]) -> Result<Owned, Stop>) -> Result<Owned, Stop> {
    let length = words.len() / 4;
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
    take(bytes)
}

/// The container of a run, of its numbers as a buffer holds them.
unsafe fn filled(run: &Numbers, numbers: &[u8]) -> Result<Owned, Stop> {
    // SAFETY: the memory lives through the call; `fill` is ours and keeps no view of it.
    unsafe {
        let (memory, size) = (numbers.as_ptr().cast_mut(), numbers.len() as isize);
        let view = Owned::new(PyMemoryView_FromMemory(memory.cast(), size, READ))?;
        let arguments: [Raw; 1] = [view.raw()];
        Owned::new(PyObject_Vectorcall(
            run.fill.raw(),
            arguments.as_ptr(),
            1,
            std::ptr::null_mut(),
        ))
    }
}

/// Whether a word is a number of 8 or 16 bits: extended by zeros, or by its sign.
#[inline(always)]
fn in_range(word: u32, run: &Numbers) -> Result<(), Stop> {
    let over = 32 - 8 * run.size as u32;
    let same = if run.code.is_ascii_lowercase() {
        ((word as i32) << over >> over) as u32
    } else {
        word << over >> over
    };
    if same == word {
        Ok(())
    } else {
        Err(Stop)
    }
}

/// A number of a run that takes two words.
#[inline(always)]
unsafe fn wide_number(dword: u64, run: &Numbers) -> Result<Owned, Stop> {
    // SAFETY: the interpreter's lock is held, and what CPython makes is owned here.
    unsafe {
        Owned::new(match run.code {
            b'q' => PyLong_FromLongLong(dword as i64),
            b'Q' => PyLong_FromUnsignedLongLong(dword),
            _ => PyFloat_FromDouble(f64::from_bits(dword)),
        })
    }
}

/// A number of a run that takes a word, or a byte.
#[inline(always)]
unsafe fn number(word: u32, run: &Numbers) -> Result<Owned, Stop> {
    // SAFETY: the interpreter's lock is held, and what CPython makes is owned here.
    unsafe {
        match run.code {
            b'I' => return Owned::new(PyLong_FromUnsignedLongLong(word.into())),
            b'f' => return Owned::new(PyFloat_FromDouble(f32::from_bits(word).into())),
            b'?' => {
                return match word {
                    0 => Owned::share(known().r#false),
                    1 => Owned::share(known().r#true),
                    _ => Err(Stop),
                }
            }
            b'i' => {}
            _ => in_range(word, run)?,
        }
        Owned::new(if run.code.is_ascii_lowercase() {
            PyLong_FromLongLong((word as i32).into())
        } else {
            PyLong_FromUnsignedLongLong(word.into())
        })
    }
}
