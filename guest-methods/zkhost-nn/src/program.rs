//! Programs for risc0's big integer accelerator, and the rules that make what they check sound.
//!
//! A program is a list of words, one cycle each. Every word reads a cell, 16 bytes d, and takes it as the polynomial
//! d_0 + d_1 z + ... + d_15 z^15 at a point z of a degree-4 extension of BabyBear that the proof draws after the trace is
//! committed. The state is three such values, `poly`, `term` and `total`:
//!
//! ```text
//! SHIFT     poly = (poly + d) z^16
//! SETTERM   term = poly + d; poly = 0
//! ADDTOTAL  total += c term (poly + d); term = 1; poly = 0      c in -4..=3
//! CARRY2    poly += 256 d
//! EQZ       total + (poly + d) (z - 256) = 0; all as at the start
//! RESET     the end
//! ```
//!
//! So a program whose last cell before RESET is a constant zero, read by EQZ directly after ADDTOTAL, states that a
//! polynomial with integer coefficients (lanes), built from products of what lies in memory, is zero at z: but for a chance
//! of degree / 2^123, all its lanes are zero modulo p = 15 * 2^27 + 1. A lane is then zero as an integer if its positive
//! terms cannot add up to p, and its negative ones cannot either. Nothing in the circuit checks that, nor that a cell is the
//! constant it is meant to be: `Builder` does, from shapes alone, and refuses a program that breaks a rule:
//!
//! 1. words are those above only, from a typed list of operations; coefficients are in -4..=3;
//! 2. each EQZ follows an ADDTOTAL directly and reads the zero cell; RESET follows the last one, and nothing follows that;
//! 3. per lane and EQZ, with every byte that is read at 255 unless it is the crate's own constant, positive and negative sums stay
//!    below p;
//! 4. at most 4,096 cells behind one base register, and 16,000 words;
//! 5. words and the pages of all operands fit what the executor reserves for one instruction, wherever a segment ends;
//! 6. all operands are loaded by the call itself: the executor loads nothing else that only the accelerator reads;
//! 7. the header names the exact number of words.
//!
//! `Operands` holds the slices a program reads, each as long as the program reads it.

use crate::Checked;

pub const PRIME: u64 = 15 * (1 << 27) + 1;
pub const MAX_WORDS: usize = 16_000;
pub const MAX_CELLS: u32 = 4096;
pub const CELL: usize = 16;
/// The executor splits a segment when fewer cycles than 25,000 are left; a page takes some 340.
const MAX_CYCLES: u64 = 24_000;
const PAGE_CYCLES: u64 = 340;
const PAGE_BYTES: u64 = 1024;

const SHIFT: u32 = 1;
const SETTERM: u32 = 2;
const ADDTOTAL: u32 = 3;
const CARRY2: u32 = 5;
const EQZ: u32 = 6;
const RESET: u32 = 0x2000_0000;

/// What a program reads, each behind a base register of its own, a1 to a6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Kernels, or inputs one a cell.
    Terms,
    /// Planes of inputs, or rows of weights.
    Polynomials,
    /// The advice: the lanes' values, as three planes of bytes, and what `rescale` adds.
    Planes,
    /// Cells that the crate writes: see `constants`.
    Constants,
    /// Sums of inputs, as pairs of planes of bytes; a dense layer's biases.
    Sums,
    /// Bytes of 128, which the crate writes.
    Offset,
}

pub const OPERANDS: usize = 6;

/// The cells behind `Operand::Constants`.
pub mod constants {
    /// All zero.
    pub const ZERO: u32 = 0;
    /// 128, then zeros.
    pub const HALF: u32 = 1;
    /// Numbers of one byte each, then zeros: a zero point, or the bytes of a sum; then those of a requantisation.
    pub const NUMBERS: u32 = 2;
    pub const RESCALE: u32 = 8;
    pub const MAX_NUMBERS: u32 = 19;
    /// A row of bytes of the weights' zero point.
    pub const ROW: u32 = NUMBERS + MAX_NUMBERS;
    pub const MAX_ROW: u32 = 16;
    pub const CELLS: u32 = ROW + MAX_ROW;
}

/// The planes of the advice of a program that requantises, after the lanes' three: as long as the cells that it is done for.
pub mod planes {
    /// Digits of each lane's product: two bytes below what matters, a fraction, the byte that is wanted, and what is above it.
    pub const PRODUCT: u32 = 0;
    pub const FRACTION: u32 = PRODUCT + 2;
    pub const BYTE: u32 = PRODUCT + 3;
    pub const ABOVE: u32 = PRODUCT + 4;
    /// Two bytes whose sum c + 2 d is carried from the product's two low bytes.
    pub const CARRIES: u32 = 5;
    pub const COUNT: u32 = 7;
}

/// Cells of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: u32,
    pub count: u32,
}

/// A cell whose first byte is a number, at most `most`, and whose other bytes the crate keeps zero.
#[derive(Clone, Copy)]
pub struct Number {
    operand: Operand,
    cell: u32,
    most: u64,
}

impl Number {
    pub const ZERO: Self = Self { operand: Operand::Constants, cell: constants::ZERO, most: 0 };
    pub const HALF: Self = Self { operand: Operand::Constants, cell: constants::HALF, most: 128 };

    /// One of the numbers among the constants.
    pub const fn constant(index: u32) -> Self {
        assert!(index < constants::MAX_NUMBERS);
        Self { operand: Operand::Constants, cell: constants::NUMBERS + index, most: 255 }
    }

    /// An input in a cell of its own.
    pub const fn input(cell: u32) -> Self {
        Self { operand: Operand::Terms, cell, most: 255 }
    }
}

/// What the next ADDTOTAL multiplies with.
#[derive(Clone, Copy)]
enum Term {
    /// 1, as it is after each ADDTOTAL.
    Unit,
    /// A number up to this.
    Number(u64),
    /// A polynomial of this many cells of bytes.
    Cells(u32),
}

/// A place in a program that is being written.
struct Mark {
    len: usize,
    positive: u64,
    negative: u64,
}

/// Writes a program's words. Each method checks its rule; the first that is broken is what `finish` gives.
pub struct Builder<'w> {
    words: &'w mut [u32],
    len: usize,
    cells: [u32; OPERANDS],
    positive: u64,
    negative: u64,
    term: Term,
    added: bool,
    refused: Option<&'static str>,
}

impl<'w> Builder<'w> {
    pub const fn new(words: &'w mut [u32]) -> Self {
        let length = if words.len() < MAX_WORDS { words.len() } else { MAX_WORDS };
        Self {
            words: words.split_at_mut(length).0,
            len: 0,
            cells: [0; OPERANDS],
            positive: 0,
            negative: 0,
            term: Term::Unit,
            added: false,
            refused: None,
        }
    }

    const fn mark(&self) -> Mark {
        Mark { len: self.len, positive: self.positive, negative: self.negative }
    }

    const fn refuse(&mut self, reason: &'static str) {
        if self.refused.is_none() {
            self.refused = Some(reason);
        }
    }

    /// Reads cells `first..first + count` of an operand as one polynomial, the last with `last`.
    const fn read(&mut self, last: u32, coefficient: i32, operand: Operand, first: u32, count: u32) {
        if coefficient < -4 || coefficient > 3 {
            return self.refuse("a coefficient is not in -4..=3");
        }
        if count == 0 {
            return self.refuse("a polynomial of no cells");
        }
        if first >= MAX_CELLS || count > MAX_CELLS - first {
            return self.refuse("more cells than a base register reaches");
        }
        let (_, free) = self.words.split_at_mut(self.len);
        // The last check, and the end.
        if free.len() < count as usize + 2 {
            return self.refuse("a program is too long");
        }
        let (words, _) = free.split_at_mut(count as usize);
        if first + count > self.cells[operand as usize] {
            self.cells[operand as usize] = first + count;
        }
        let base = ((coefficient + 4) as u32) << 21 | (11 + operand as u32) << 16 | first;
        count_down(words, SHIFT << 24 | (base + count - 1), last << 24 | base);
        self.len += count as usize;
        self.added = last == ADDTOTAL;
    }

    /// The next term is a polynomial of any bytes.
    pub const fn term(&mut self, operand: Operand, first: u32, count: u32) {
        self.read(SETTERM, 0, operand, first, count);
        self.term = Term::Cells(count);
    }

    /// The next term is the number low + 256 high.
    pub const fn number(&mut self, low: Number, high: Number) {
        if high.most > 0 {
            self.read(CARRY2, 0, high.operand, high.cell, 1);
        }
        self.read(SETTERM, 0, low.operand, low.cell, 1);
        self.term = Term::Number(low.most + 256 * high.most);
    }

    /// Adds the term, times a polynomial, times a coefficient.
    pub const fn add(&mut self, operand: Operand, first: u32, count: u32, coefficient: i32) {
        self.read(ADDTOTAL, coefficient, operand, first, count);
        let byte = if matches!(operand, Operand::Offset) { 128 } else { 255 };
        let largest = byte
            * match self.term {
                Term::Unit => 1,
                Term::Number(most) => most,
                // A lane has at most as many products as the shorter of two polynomials has coefficients.
                Term::Cells(cells) => 255 * CELL as u64 * (if cells < count { cells } else { count }) as u64,
            };
        let sum = largest * coefficient.unsigned_abs() as u64;
        if coefficient > 0 {
            self.positive += sum;
        } else {
            self.negative += sum;
        }
        if self.positive >= PRIME || self.negative >= PRIME {
            self.refuse("a lane's sum can reach the field's prime");
        }
        self.term = Term::Unit;
    }

    /// Repeats what was written since `from`, so that it is there `times` times, each time with terms and polynomials so many
    /// cells further on.
    fn repeat(&mut self, from: &Mark, times: u32, terms: u32, polynomials: u32) {
        let block = self.len - from.len;
        let more = u64::from(times.saturating_sub(1));
        let furthest = |first: u32, step: u32| u64::from(first) + more * u64::from(step);
        let (terms_end, polynomials_end) = (
            furthest(self.cells[Operand::Terms as usize], terms),
            furthest(self.cells[Operand::Polynomials as usize], polynomials),
        );
        if terms_end.max(polynomials_end) > MAX_CELLS.into() {
            return self.refuse("more cells than a base register reaches");
        }
        let end = self.len as u64 + more * block as u64;
        if end + 2 > self.words.len() as u64 {
            return self.refuse("a program is too long");
        }
        self.positive += more * (self.positive - from.positive);
        self.negative += more * (self.negative - from.negative);
        if self.positive >= PRIME || self.negative >= PRIME {
            return self.refuse("a lane's sum can reach the field's prime");
        }
        self.cells[Operand::Terms as usize] = terms_end as u32;
        self.cells[Operand::Polynomials as usize] = polynomials_end as u32;
        let (first, after) = self.words[from.len..end as usize].split_at_mut(block);
        // One polynomial after the other, as `read` wrote them.
        let mut at = 0;
        while let Some(length) = first[at..].iter().position(|word| word >> 24 != SHIFT) {
            let words = at..at + length + 1;
            let (mut highest, mut lowest) = (first[at], first[at + length]);
            let step = match (lowest >> 16 & 31) - 11 {
                0 => terms,
                1 => polynomials,
                _ => 0,
            };
            for copy in after.chunks_exact_mut(block) {
                (highest, lowest) = (highest + step, lowest + step);
                count_down(&mut copy[words.clone()], highest, lowest);
            }
            at = words.end;
        }
        self.len = end as usize;
    }

    /// Adds or subtracts pairs of planes, each pair a + 256 b.
    const fn pairs(&mut self, operand: Operand, pairs: u32, cells: u32) {
        let mut pair = 0;
        while pair < pairs {
            self.add(operand, 2 * pair * cells, cells, -1);
            self.number(Number::HALF, Number::ZERO);
            self.add(operand, (2 * pair + 1) * cells, cells, -2);
            pair += 1;
        }
    }

    /// Adds 2^23 to every lane: (256 * 128) * 128 * 2.
    const fn offset(&mut self, cells: u32) {
        self.number(Number::ZERO, Number::HALF);
        self.add(Operand::Offset, 0, cells, 2);
    }

    /// Adds numbers of 24 bits, one for each lane, as three planes of bytes: biases, with 2^23 added.
    const fn biases(&mut self, cells: u32) {
        self.add(Operand::Sums, 0, cells, 1);
        self.number(Number::HALF, Number::ZERO);
        self.add(Operand::Sums, cells, cells, 2);
        self.number(Number::ZERO, Number::HALF);
        self.add(Operand::Sums, 2 * cells, cells, 2);
    }

    /// Subtracts the lanes as three planes, a + 256 b + 65536 c.
    const fn planes(&mut self, cells: u32) {
        self.pairs(Operand::Planes, 1, cells);
        self.number(Number::ZERO, Number::HALF);
        self.add(Operand::Planes, 2 * cells, cells, -2);
    }

    /// Checks that lane * multiplier + constant is the product that the advice has, for the lanes in its first three planes.
    /// The numbers from `RESCALE` on are, byte by byte, the multiplier m (17 bits), 128 times its third byte, n, p and q of the
    /// constant 256 n + 2^24 (p - 2 q), and a unit u of at least 128.
    ///
    /// Byte by byte as well, with lane = a + 256 b + 65536 c, product = v + 256 w + 65536 x and carry k:
    /// a (m0 + 256 m1) + 256 b m0 + 256 n = v + 256 w + 65536 k, and
    /// k + a m2 + b (m1 + 256 m2) + c (m0 + 256 m1 + 65536 m2) + 256 p - 512 q = x = f + u (y + 256 z).
    /// The first has one solution at most, the second one whose fraction f is below 128: others must not be used.
    const fn rescale(&mut self, lanes: u32, span: Span) {
        const fn number(index: u32) -> Number {
            Number::constant(constants::RESCALE + index)
        }
        if span.first >= lanes || span.count > lanes - span.first {
            return self.refuse("more cells than there are lanes");
        }
        let [m0, m1, m2, m2_128] = [number(0), number(1), number(2), number(3)];
        self.number(m0, m1);
        self.lane_bytes(0, lanes, span, 1);
        self.number(Number::ZERO, m0);
        self.lane_bytes(1, lanes, span, 1);
        self.number(number(4), number(5));
        self.add(Operand::Offset, 0, span.count, 2);
        self.product_bytes(planes::PRODUCT, lanes, span, -1);
        self.number(Number::HALF, Number::ZERO);
        self.product_bytes(planes::PRODUCT + 1, lanes, span, -2);
        self.number(Number::ZERO, Number::HALF);
        self.product_bytes(planes::CARRIES, lanes, span, -2);
        self.number(Number::ZERO, Number::HALF);
        self.product_bytes(planes::CARRIES + 1, lanes, span, -4);
        self.check();
        self.product_bytes(planes::CARRIES, lanes, span, 1);
        self.product_bytes(planes::CARRIES + 1, lanes, span, 2);
        self.number(m2, Number::ZERO);
        self.lane_bytes(0, lanes, span, 1);
        self.number(m1, m2);
        self.lane_bytes(1, lanes, span, 1);
        self.number(m0, m1);
        self.lane_bytes(2, lanes, span, 1);
        self.number(Number::ZERO, m2_128);
        self.lane_bytes(2, lanes, span, 2);
        self.number(number(6), number(7));
        self.add(Operand::Offset, 0, span.count, 2);
        self.number(number(8), number(9));
        self.add(Operand::Offset, 0, span.count, -4);
        self.product_bytes(planes::FRACTION, lanes, span, -1);
        self.number(number(10), Number::ZERO);
        self.product_bytes(planes::BYTE, lanes, span, -1);
        self.number(Number::ZERO, number(10));
        self.product_bytes(planes::ABOVE, lanes, span, -1);
    }

    /// Adds a plane of the lanes, times a coefficient.
    const fn lane_bytes(&mut self, plane: u32, lanes: u32, span: Span, coefficient: i32) {
        self.add(Operand::Planes, plane * lanes + span.first, span.count, coefficient);
    }

    /// Adds a plane of the products, times a coefficient.
    const fn product_bytes(&mut self, plane: u32, lanes: u32, span: Span, coefficient: i32) {
        self.add(Operand::Planes, 3 * lanes + plane * span.count, span.count, coefficient);
    }

    /// Checks that all lanes are zero, and starts with others.
    pub const fn check(&mut self) {
        if !self.added {
            self.refuse("EQZ must follow ADDTOTAL");
        }
        if self.len + 1 > self.words.len() {
            return self.refuse("a program is too long");
        }
        self.words[self.len] = EQZ << 24 | 4 << 21 | (11 + Operand::Constants as u32) << 16 | constants::ZERO;
        self.len += 1;
        self.positive = 0;
        self.negative = 0;
        self.term = Term::Unit;
        self.added = false;
    }

    /// Ends the program: all lanes are zero. The advice is `count` planes of `lanes` cells each.
    const fn finish(self, advice: Operand, count: u32, lanes: u32) -> Checked<Program<'w>> {
        self.end(Advice { operand: advice, count, lanes, rescaled: None })
    }

    const fn end(mut self, advice: Advice) -> Checked<Program<'w>> {
        self.check();
        if self.len + 1 > self.words.len() {
            self.refuse("a program is too long");
        }
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        self.words[self.len] = RESET;
        if self.cells[Operand::Constants as usize] == 0 {
            self.cells[Operand::Constants as usize] = 1;
        }
        let (words, _) = self.words.split_at(self.len + 1);
        Program::new(words, self.cells, advice)
    }
}

/// The operand that the host gives: planes of so many cells, and those of the products of some of them.
#[derive(Clone, Copy, Debug)]
pub struct Advice {
    pub operand: Operand,
    pub count: u32,
    pub lanes: u32,
    pub rescaled: Option<Span>,
}

impl Advice {
    pub const fn bytes(&self) -> usize {
        let more = match self.rescaled {
            Some(span) => planes::COUNT * span.count,
            None => 0,
        };
        (self.count * self.lanes + more) as usize * CELL
    }
}

/// A finished program: only `Builder` makes one.
#[derive(Clone, Copy)]
pub struct Program<'w> {
    words: &'w [u32],
    cells: [u32; OPERANDS],
    advice: Advice,
}

impl<'w> Program<'w> {
    const fn new(words: &'w [u32], cells: [u32; OPERANDS], advice: Advice) -> Checked<Self> {
        let program = Self { words, cells, advice };
        if program.cycles() > MAX_CYCLES {
            return Err("a program and its operands are too large for one instruction");
        }
        Ok(program)
    }

    /// What a call can take at most, each page it reads counted as not loaded yet.
    pub const fn cycles(&self) -> u64 {
        let mut pages = self.words.len() as u64 * 4 / PAGE_BYTES + 4;
        let mut operand = 0;
        while operand < OPERANDS {
            if self.cells[operand] > 0 {
                pages += self.cells[operand] as u64 * CELL as u64 / PAGE_BYTES + 2;
            }
            operand += 1;
        }
        self.words.len() as u64 + pages * PAGE_CYCLES
    }

    pub const fn words(&self) -> &'w [u32] {
        self.words
    }

    /// How many cells it reads behind an operand's register.
    pub const fn cells(&self, operand: Operand) -> u32 {
        self.cells[operand as usize]
    }

    pub const fn advice(&self) -> Advice {
        self.advice
    }

    /// The program that the executor runs before: it computes nothing and loads every operand. A header, a type of each size, a load each.
    pub fn loads(&self, to: &mut [u32]) -> usize {
        let used = self.cells.iter().filter(|cells| **cells > 0).count();
        let (header, rest) = to[..6 + 10 * used].split_at_mut(6);
        header.copy_from_slice(&[u32::from_le_bytes(*b"bibc"), 1, 0, used as u32, 0, used as u32]);
        let (types, loads) = rest.split_at_mut(8 * used);
        let places = types.as_chunks_mut::<8>().0.iter_mut().zip(loads.as_chunks_mut::<2>().0);
        let operands = self.cells.iter().enumerate().filter(|(_, cells)| **cells > 0);
        for (index, ((operand, cells), (size, load))) in (0..).zip(operands.zip(places)) {
            *size = [cells * CELL as u32, 0, 0, 0, 0, 0, 0, 0];
            *load = [3 | index << 4, 11 + operand as u32];
        }
        6 + 10 * used
    }
}

/// Words that `loads` writes at most.
pub const LOADS: usize = 6 + OPERANDS * 10;

/// The memory behind a program's registers, each as long as the program reads it.
#[derive(Clone, Copy)]
pub struct Operands<'m>(pub(crate) [&'m [u8]; OPERANDS]);

impl<'m> Operands<'m> {
    /// In the order of `Operand`. Each must be as long as `program` reads it, and start at a multiple of 4.
    #[inline(always)]
    pub fn new(program: &Program<'_>, slices: [&'m [u8]; OPERANDS]) -> Checked<Self> {
        Self::without(program, slices, &[])
    }

    /// The same without the advice, which may be empty: for computing it.
    pub fn before_advice(program: &Program<'_>, slices: [&'m [u8]; OPERANDS]) -> Checked<Self> {
        Self::without(program, slices, &[program.advice.operand])
    }

    /// The same without some that may be empty, and are to be set before a call.
    #[inline(always)]
    pub fn without(program: &Program<'_>, slices: [&'m [u8]; OPERANDS], open: &[Operand]) -> Checked<Self> {
        for (index, (slice, cells)) in slices.iter().zip(program.cells).enumerate() {
            if !open.iter().any(|operand| *operand as usize == index) {
                fits(slice, cells)?;
            }
        }
        Ok(Self(slices))
    }

    /// The same with other terms, and other constants and polynomials where there are such.
    #[inline(always)]
    pub fn with(
        mut self,
        program: &Program<'_>,
        terms: &'m [u8],
        constants: Option<&'m [u8]>,
        polynomials: Option<&'m [u8]>,
    ) -> Checked<Self> {
        self.set(program, Operand::Terms, terms)?;
        if let Some(constants) = constants {
            self.set(program, Operand::Constants, constants)?;
        }
        if let Some(polynomials) = polynomials {
            self.set(program, Operand::Polynomials, polynomials)?;
        }
        Ok(self)
    }

    /// Puts another slice in an operand's place.
    #[inline(always)]
    pub fn set(&mut self, program: &Program<'_>, operand: Operand, slice: &'m [u8]) -> Checked {
        fits(slice, program.cells[operand as usize])?;
        self.0[operand as usize] = slice;
        Ok(())
    }
}

/// Whether an operand is as long as its program reads it, and lies at a word.
#[inline(always)]
fn fits(slice: &[u8], cells: u32) -> Checked {
    if slice.len() < cells as usize * CELL {
        return Err("an operand is shorter than its program reads it");
    }
    if cells > 0 && !(slice.as_ptr() as usize).is_multiple_of(4) {
        return Err("an operand does not start at a multiple of 4");
    }
    Ok(())
}

impl Operands<'_> {
    /// Where each starts, as base registers hold it.
    pub fn addresses(&self) -> [*const u8; OPERANDS] {
        self.0.map(<[u8]>::as_ptr)
    }
}

/// Writes words from `first` downwards, the last of them `last`.
const fn count_down(words: &mut [u32], first: u32, last: u32) {
    let (mut word, mut at) = (first, 0);
    let (four, rest) = words.as_chunks_mut::<4>();
    while at < four.len() {
        four[at] = [word, word.wrapping_sub(1), word.wrapping_sub(2), word.wrapping_sub(3)];
        word = word.wrapping_sub(4);
        at += 1;
    }
    at = 0;
    while at < rest.len() {
        rest[at] = word;
        word = word.wrapping_sub(1);
        at += 1;
    }
    if let [.., end] = words {
        *end = last;
    }
}

/// How the weights' signs are taken out of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Two kernels for each channel, what is positive and what is negative.
    Split,
    /// Kernels of u8, and their zero point times the inputs' sums subtracted: `Sums` holds them as so many pairs of planes.
    Sums(u32),
}

/// A convolution's shape on the accelerator, in cells.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Input channels.
    pub channels: u32,
    /// A kernel, spread by the pitch of the input's rows.
    pub kernel: u32,
    /// The part of a plane that is read.
    pub plane: u32,
    /// From one channel's plane to the next.
    pub pitch: u32,
}

impl Shape {
    /// Cells of the lanes: those of a product of a kernel and a plane.
    pub const fn lanes(&self) -> u32 {
        self.kernel + self.plane
    }
}

/// lanes = sum over channels of kernel x plane (x: product of polynomials) - zero point x sums + 2^23. With `rescaled` also
/// the products of those lanes with a multiplier.
pub fn convolution<'w>(
    words: &'w mut [u32],
    shape: Shape,
    signs: Signs,
    rescaled: Option<Span>,
) -> Checked<Program<'w>> {
    let mut to = Builder::new(words);
    let lanes = shape.lanes();
    let start = to.mark();
    to.term(Operand::Terms, 0, shape.kernel);
    to.add(Operand::Polynomials, 0, shape.plane, 1);
    if signs == Signs::Split {
        to.term(Operand::Terms, shape.kernel, shape.kernel);
        to.add(Operand::Polynomials, 0, shape.plane, -1);
        to.repeat(&start, shape.channels, 2 * shape.kernel, shape.pitch);
    } else {
        to.repeat(&start, shape.channels, shape.kernel, shape.pitch);
    }
    if let Signs::Sums(pairs) = signs {
        for pair in 0..pairs.min(MAX_CELLS) {
            to.number(Number::constant(0), Number::ZERO);
            to.add(Operand::Sums, 2 * pair * lanes, lanes, -1);
            to.number(Number::ZERO, Number::constant(0));
            to.add(Operand::Sums, (2 * pair + 1) * lanes, lanes, -1);
        }
    }
    to.offset(lanes);
    to.planes(lanes);
    if let Some(span) = rescaled {
        to.check();
        to.rescale(lanes, span);
    }
    to.end(Advice { operand: Operand::Planes, count: 3, lanes, rescaled })
}

/// The inputs' sums: sum over channels of the one kernel x plane, as pairs of planes.
pub fn sums<'w>(words: &'w mut [u32], shape: Shape, pairs: u32) -> Checked<Program<'w>> {
    let mut to = Builder::new(words);
    let start = to.mark();
    to.term(Operand::Terms, 0, shape.kernel);
    to.add(Operand::Polynomials, 0, shape.plane, 1);
    to.repeat(&start, shape.channels, 0, shape.pitch);
    to.pairs(Operand::Sums, if pairs < MAX_CELLS { pairs } else { MAX_CELLS }, shape.lanes());
    to.finish(Operand::Sums, 2 * pairs.min(MAX_CELLS), shape.lanes())
}

/// Parts of 16 bits that the sum of so many bytes needs.
pub const fn parts(inputs: u32) -> u32 {
    (inputs * 255).div_ceil(65535)
}

/// lanes = sum of input times row of weights - zero point times the inputs' sum + 2^23, for `inputs` inputs and rows of
/// `cells` cells. Inputs come in descending order, so that the program for fewer of them is the end of this one.
///
/// With `rescaled` the lanes have their biases too, and their products with a multiplier are checked.
pub const fn dense(words: &mut [u32], inputs: u32, cells: u32, rescaled: bool) -> Checked<Program<'_>> {
    let mut to = Builder::new(words);
    let mut input = inputs;
    while input > 0 {
        input -= 1;
        to.number(Number::input(input), Number::ZERO);
        to.add(Operand::Polynomials, input * cells, cells, 1);
    }
    let mut part = 0;
    while part < parts(inputs) {
        to.number(Number::constant(2 * part), Number::constant(2 * part + 1));
        to.add(Operand::Constants, constants::ROW, cells, -1);
        part += 1;
    }
    if rescaled {
        to.biases(cells);
    } else {
        to.offset(cells);
    }
    to.planes(cells);
    let advice = dense_advice(cells, rescaled);
    if let Some(span) = advice.rescaled {
        to.check();
        to.rescale(cells, span);
    }
    to.end(advice)
}

/// A dense program's advice.
const fn dense_advice(cells: u32, rescaled: bool) -> Advice {
    let all = if rescaled { Some(Span { first: 0, count: cells }) } else { None };
    Advice { operand: Operand::Planes, count: 3, lanes: cells, rescaled: all }
}

/// The end of a dense program's words: the program for `inputs` of its `of`.
pub(crate) fn fewer(
    words: &'static [u32],
    inputs: u32,
    of: u32,
    cells: u32,
    rescaled: bool,
) -> Checked<Program<'static>> {
    if inputs == 0 || inputs > of {
        return Err("more inputs than the program has");
    }
    let advice = dense_advice(cells, rescaled);
    let mut extents = [0; OPERANDS];
    extents[Operand::Terms as usize] = inputs;
    extents[Operand::Polynomials as usize] = inputs * cells;
    extents[Operand::Planes as usize] = (advice.bytes() / CELL) as u32;
    extents[Operand::Constants as usize] = constants::ROW + cells;
    extents[Operand::Sums as usize] = if rescaled { 3 * cells } else { 0 };
    extents[Operand::Offset as usize] = cells;
    Program::new(&words[((of - inputs) * (cells + 1)) as usize..], extents, advice)
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
