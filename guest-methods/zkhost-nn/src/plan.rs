//! The format of plans, version 1: little-endian u32 words.
//!
//! ```text
//! 0  magic "zkml"        4  input mode: 0 public, 1 hashed, 2 private     8  number of operations
//! 1  version             5  number of inputs                              9  offset of the constants, a multiple of 16
//! 2  bytes of the plan   6  number of outputs                            10  0
//! 3  bytes of the arena  7  offset of the operations                     11  0
//! 12 inputs, then outputs: a reference and a number of bytes each
//! then the operations: code << 16 | number of arguments, then the arguments; then zeros up to the constants
//! ```
//!
//! A reference is an offset in bytes, into the arena or, with bit 31 set, into the constants. There is one way to write
//! each plan: what is between the parts is zero, and the parts lie in this order without gaps of more than 15 bytes.
//! Tensors of u8 and s8 are kept as bytes, s8 with 128 added; s32 and f32 are words.

use crate::workspace::bytes as as_bytes;
use crate::{Checked, Error};

pub const MAGIC: u32 = u32::from_le_bytes(*b"zkml");
pub const VERSION: u32 = 1;
const HEADER: usize = 12;
/// Arenas end below the constants of a plan in the guest's memory.
pub const MAX_ARENA_BYTES: u32 = 1 << 29;

/// What the journal says of the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputMode {
    /// Their bytes.
    Public,
    /// The SHA-256 of a salt and their bytes.
    Hashed,
    /// Nothing.
    Private,
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
        let [magic, version, bytes, arena, mode, inputs, outputs, operations, count, constants, zero, zero2, ..] =
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
        if mode > 2 || zero != 0 || zero2 != 0 {
            return Err("unknown modes");
        }
        if inputs > 1024 || outputs == 0 || outputs > 1024 {
            return Err("too many inputs or outputs, or no output");
        }
        let start = HEADER + 2 * (inputs + outputs) as usize;
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
        for index in 0..self.words[5] + self.words[6] {
            let [at, bytes] = self.tensor(index);
            if at % 4 != 0 || u64::from(at) + u64::from(bytes).next_multiple_of(4) > self.arena_bytes().into() {
                return Err("an input or output does not lie within the arena");
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

    pub fn input_mode(&self) -> InputMode {
        match self.words[4] {
            0 => InputMode::Public,
            1 => InputMode::Hashed,
            _ => InputMode::Private,
        }
    }

    pub fn constants(&self) -> &'a [u8] {
        self.constants
    }

    /// Bytes of the whole plan.
    pub fn bytes(&self) -> &'a [u8] {
        as_bytes(self.words)
    }

    fn tensor(&self, index: u32) -> [u32; 2] {
        let at = HEADER + 2 * index as usize;
        [self.words[at], self.words[at + 1]]
    }

    /// Number of inputs.
    pub fn inputs(&self) -> u32 {
        self.words[5]
    }

    /// Where an input goes, filled up to whole words.
    pub fn input<'m>(&self, index: u32, arena: &'m mut [u32]) -> &'m mut [u32] {
        assert!(index < self.inputs());
        let [at, bytes] = self.tensor(index);
        &mut arena[at as usize / 4..][..bytes.div_ceil(4) as usize]
    }

    /// Number of outputs.
    pub fn outputs(&self) -> u32 {
        self.words[6]
    }

    /// An output's bytes.
    pub fn output<'m>(&self, index: u32, arena: &'m [u32]) -> &'m [u8] {
        assert!(index < self.outputs());
        let [at, bytes] = self.tensor(self.inputs() + index);
        &as_bytes(arena)[at as usize..][..bytes as usize]
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
