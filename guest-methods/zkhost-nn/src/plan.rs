//! The format of plans, version 1: little-endian u32 words.
//!
//! ```text
//! 0  magic "zkml"        4  bytes at the arena's start that operations only read   8  number of operations
//! 1  version             5  number of inputs                                       9  offset of the constants, a multiple of 16
//! 2  bytes of the plan   6  number of outputs                                      10 0
//! 3  bytes of the arena  7  offset of the operations                               11 0
//! 12 inputs, then outputs: a reference, a number of bytes, and mode | dtype << 8 | 1 << 16 where it is read once
//! then the operations: code << 16 | number of arguments, then the arguments; then zeros up to the constants
//! ```
//!
//! A reference is an offset in bytes, into the arena or, with bit 31 set, into the constants. There is one way to write
//! each plan: what is between the parts is zero, and the parts lie in this order without gaps of more than 15 bytes.
//! Tensors of u8 and s8 are kept as bytes, s8 with 128 added; s32 and f32 are words. Inputs and outputs have no 128 added.
//!
//! The mode is what the journal shows: 0 all, 1 a salted digest, 2 nothing (inputs only). The dtypes: 0 u8, 1 s8, 2 s32, 3 f32, 4 f64.
//! An input that is read once, for all samples, lies among the bytes that are only read; every other input lies behind them.

use crate::workspace::bytes as as_bytes;
use crate::{Checked, Error};

pub const MAGIC: u32 = u32::from_le_bytes(*b"zkml");
pub const VERSION: u32 = 1;
const HEADER: usize = 12;
const PORT: usize = 3;
/// Arenas end below the constants of a plan in the guest's memory.
pub const MAX_ARENA_BYTES: u32 = 1 << 29;

/// What the journal says of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its bytes.
    Public,
    /// The SHA-256 of a salt and its bytes.
    Hashed,
    /// Nothing.
    Private,
}

/// The element type of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    U8,
    S8,
    S32,
    F32,
    F64,
}

/// An input or output.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    at: u32,
    pub bytes: u32,
    pub mode: Mode,
    pub dtype: DType,
    /// Read once, for all samples.
    pub shared: bool,
}

impl Port {
    fn new(at: u32, bytes: u32, kind: u32) -> Checked<Self> {
        let mode = match kind & 255 {
            0 => Mode::Public,
            1 => Mode::Hashed,
            2 => Mode::Private,
            _ => return Err("no such mode"),
        };
        let dtype = match kind >> 8 & 255 {
            0 => DType::U8,
            1 => DType::S8,
            2 => DType::S32,
            3 => DType::F32,
            4 => DType::F64,
            _ => return Err("no such dtype"),
        };
        if kind >> 17 != 0 {
            return Err("an unknown kind of input or output");
        }
        let size = match dtype {
            DType::U8 | DType::S8 => 1,
            DType::S32 | DType::F32 => 4,
            DType::F64 => 8,
        };
        if !bytes.is_multiple_of(size) {
            return Err("an input or output is no whole number of elements");
        }
        Ok(Self { at, bytes, mode, dtype, shared: kind >> 16 == 1 })
    }

    /// Mode, dtype and whether it is shared, as plans and journals write them.
    pub fn kind(&self) -> u32 {
        self.mode as u32 | (self.dtype as u32) << 8 | u32::from(self.shared) << 16
    }

    /// Where it ends, filled up to whole words.
    fn end(&self) -> u64 {
        u64::from(self.at) + u64::from(self.bytes).next_multiple_of(4)
    }
}

/// A plan whose header was checked. Its operations are checked as they run, or all at once by `validate`.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    words: &'a [u32],
    operations: &'a [u32],
    constants: &'a [u8],
    count: u32,
}

impl<'a> Plan<'a> {
    /// The plan at the start of `words`.
    pub fn new(words: &'a [u32]) -> Result<Self, Error> {
        Self::parse(words).map_err(|reason| Error { operation: None, reason })
    }

    fn parse(words: &'a [u32]) -> Checked<Self> {
        let [magic, version, bytes, arena, kept, inputs, outputs, operations, count, constants, zero, zero2, ..] =
            *words
        else {
            return Err("a plan is longer than this");
        };
        if magic != MAGIC {
            return Err("not a plan");
        }
        if version != VERSION {
            return Err("a plan of another version");
        }
        if bytes % 4 != 0 || (bytes / 4) as usize > words.len() {
            return Err("a plan is longer than its bytes");
        }
        if arena % 4 != 0 || arena > MAX_ARENA_BYTES {
            return Err("the arena's size is out of range");
        }
        if kept % 4 != 0 || kept > arena || zero != 0 || zero2 != 0 {
            return Err("what is only read is out of range");
        }
        if inputs > 1024 || outputs == 0 || outputs > 1024 {
            return Err("too many inputs or outputs, or no output");
        }
        let start = HEADER + PORT * (inputs + outputs) as usize;
        if operations as usize != 4 * start || constants % 16 != 0 || constants < operations || constants > bytes {
            return Err("the plan's parts do not follow each other");
        }
        let words = &words[..(bytes / 4) as usize];
        let plan = Self {
            words,
            operations: &words[start..(constants / 4) as usize],
            constants: as_bytes(&words[(constants / 4) as usize..]),
            count,
        };
        plan.check_lists()?;
        Ok(plan)
    }

    fn check_lists(&self) -> Checked {
        for index in 0..self.inputs() + self.outputs() {
            let at = HEADER + PORT * index as usize;
            let port = Port::new(self.words[at], self.words[at + 1], self.words[at + 2])?;
            if port.at % 4 != 0 || port.end() > self.arena_bytes().into() {
                return Err("an input or output does not lie within the arena");
            }
            if index >= self.inputs() {
                if port.shared || port.mode == Mode::Private {
                    return Err("an output is shared or private");
                }
            } else if port.shared && port.end() > self.kept_bytes().into() {
                return Err("a shared input is not among what is only read");
            } else if !port.shared && port.at < self.kept_bytes() {
                return Err("an input of each sample is among what is only read");
            }
        }
        let mut walk = self.operations();
        while walk.next()?.is_some() {}
        if walk.rest.len() > 3 || walk.rest.iter().any(|word| *word != 0) {
            return Err("more operations than are counted");
        }
        Ok(())
    }

    pub fn arena_bytes(&self) -> u32 {
        self.words[3]
    }

    /// Bytes at the arena's start that operations only read.
    pub fn kept_bytes(&self) -> u32 {
        self.words[4]
    }

    pub fn constants(&self) -> &'a [u8] {
        self.constants
    }

    /// Bytes of the whole plan.
    pub fn bytes(&self) -> &'a [u8] {
        as_bytes(self.words)
    }

    /// An input, or an output after those.
    pub fn port(&self, index: u32) -> Port {
        assert!(index < self.inputs() + self.outputs());
        let at = HEADER + PORT * index as usize;
        Port::new(self.words[at], self.words[at + 1], self.words[at + 2]).expect("checked")
    }

    /// Number of inputs.
    pub fn inputs(&self) -> u32 {
        self.words[5]
    }

    /// Number of outputs.
    pub fn outputs(&self) -> u32 {
        self.words[6]
    }

    /// Where an input goes, or an output is, filled up to whole words.
    pub fn words<'m>(&self, port: &Port, arena: &'m mut [u32]) -> &'m mut [u32] {
        &mut arena[port.at as usize / 4..][..port.bytes.div_ceil(4) as usize]
    }

    /// An output's bytes.
    pub fn output<'m>(&self, port: &Port, arena: &'m [u32]) -> &'m [u8] {
        &as_bytes(arena)[port.at as usize..][..port.bytes as usize]
    }

    pub(crate) fn operations(&self) -> Operations<'a> {
        Operations { rest: self.operations, left: self.count }
    }
}

/// The operations that are left.
pub(crate) struct Operations<'a> {
    rest: &'a [u32],
    left: u32,
}

/// An operation's code and arguments.
pub(crate) type Operation<'a> = (u32, &'a [u32]);

impl<'a> Operations<'a> {
    pub fn next(&mut self) -> Checked<Option<Operation<'a>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let (head, rest) = self.rest.split_first().ok_or("fewer operations than are counted")?;
        let arguments = (head & 0xffff) as usize;
        if arguments > rest.len() {
            return Err("an operation is longer than the plan");
        }
        let (arguments, rest) = rest.split_at(arguments);
        self.rest = rest;
        self.left -= 1;
        Ok(Some((head >> 16, arguments)))
    }
}

/// `N` arguments, no fewer and no more.
pub(crate) fn arguments<const N: usize>(arguments: &[u32]) -> Checked<[u32; N]> {
    arguments.try_into().map_err(|_| "a wrong number of arguments")
}

/// The first `N` arguments, and what follows them.
pub(crate) fn first<const N: usize>(arguments: &[u32]) -> Checked<([u32; N], &[u32])> {
    let (first, rest) = arguments.split_first_chunk().ok_or("too few arguments")?;
    Ok((*first, rest))
}
