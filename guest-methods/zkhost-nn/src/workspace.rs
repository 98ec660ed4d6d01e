//! What kernels need beside the arena: buffers that no plan can name, and the way to the accelerator.

use alloc::{vec, vec::Vec};

use crate::dense::MAX_COLUMNS;
use crate::pairs::MAX_INPUTS;
use crate::program::{constants, Operands, Program, CELL, LOADS, MAX_CELLS, MAX_WORDS};
use crate::requantize::{Channel, Requantize};
use crate::rescale;
use crate::Checked;

/// Lanes of a call, in cells, at most.
pub const MAX_LANES: u32 = 1024;
/// Pairs of planes of sums, at most.
pub const MAX_PAIRS: u32 = 4;
/// Calls with constants of their own whose advice is asked for at once, at most.
pub const BATCH: usize = 8;
/// Words of the constants of a call that requantises.
pub const SCALING: usize = (constants::NUMBERS + constants::MAX_NUMBERS) as usize * CELL / 4;
/// Words of the constants of a call for one of several rows.
pub const ROW_CONSTANTS: usize = constants::CELLS as usize * CELL / 4;
/// How much advice is asked for at once, as far as one call's is not more.
const ADVICE_BYTES: usize = 4 << 10;

/// Where advice comes from and where programs run: the guest's host and its accelerator, or plain code.
pub trait Backend {
    /// Fills `planes` with the advice of `calls` runs of `program`, each on its operands.
    fn advise<'m>(
        &mut self,
        program: &Program<'_>,
        calls: usize,
        operands: impl Fn(usize) -> Checked<Operands<'m>>,
        planes: &mut [u32],
    ) -> Checked;

    /// Proves that `program` holds for `operands`. `loads` is the program that loads them.
    fn prove(&mut self, program: &Program<'_>, loads: &[u32], operands: &Operands<'_>) -> Checked;
}

/// Buffers: the only memory that advice is read to is `planes` and `sums`.
pub struct Workspace {
    pub words: Vec<u32>,
    pub sums_words: Vec<u32>,
    /// What loads the operands of each of the two, one behind the other.
    pub loads: Vec<u32>,
    pub planes: Vec<u32>,
    pub sums: Vec<u32>,
    /// One number a cell: only first bytes are ever written.
    pub cells: Vec<u32>,
    pub constants: Vec<u32>,
    /// Those of `BATCH` calls that requantise, each with numbers of its own.
    pub scaling: Vec<u32>,
    /// A dense layer's channels, and their scales.
    pub channels: Vec<Channel>,
    pub scales: Vec<Requantize>,
    /// An output's inputs, less 128.
    pub patch: Vec<i8>,
    /// The constants of `BATCH` calls for a row each, with the row's sum among their numbers.
    pub row_constants: Vec<u32>,
}

/// Bytes of 128, as many as there can be lanes.
pub static OFFSET: [u32; MAX_LANES as usize * CELL / 4] = [0x8080_8080; MAX_LANES as usize * CELL / 4];

impl Workspace {
    /// Allocates everything: nothing is allocated later. In a guest, memory that is not touched costs nothing, and what small
    /// models touch lies together.
    pub fn new() -> Self {
        let cell_words = CELL / 4;
        let mut constants = vec![0; constants::CELLS as usize * cell_words];
        constants[constants::HALF as usize * cell_words] = 128;
        Self {
            constants,
            loads: vec![0; 2 * LOADS],
            cells: vec![0; MAX_CELLS as usize * cell_words],
            scaling: vec![0; BATCH * SCALING],
            planes: vec![0; MAX_CELLS as usize * CELL / 4],
            words: vec![0; MAX_WORDS],
            sums_words: vec![0; MAX_WORDS],
            sums: vec![0; 2 * (MAX_PAIRS * MAX_LANES) as usize * cell_words],
            channels: Vec::with_capacity(MAX_COLUMNS as usize),
            scales: Vec::with_capacity(MAX_COLUMNS as usize),
            patch: vec![0; MAX_INPUTS],
            row_constants: vec![0; BATCH * ROW_CONSTANTS],
        }
    }

    /// Writes one of the numbers among the constants.
    pub fn set_number(&mut self, index: u32, value: u8) {
        set_number(&mut self.constants, index, value);
    }

    /// Writes so many cells of the row of a zero point.
    pub fn set_row(&mut self, value: u8, cells: u32) {
        set_row(&mut self.constants, value, cells);
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

/// How many calls' advice is asked for at once.
pub fn batch(bytes: usize) -> usize {
    (ADVICE_BYTES / bytes).max(1)
}

/// Words as bytes.
pub fn bytes(words: &[u32]) -> &[u8] {
    // SAFETY: bytes have no alignment, and all of them are initialised.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), 4 * words.len()) }
}

/// Words as bytes.
pub fn bytes_mut(words: &mut [u32]) -> &mut [u8] {
    // SAFETY: bytes have no alignment, all of them are initialised, and any bytes are words.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), 4 * words.len()) }
}

/// Writes the constants of a call that requantises: its bytes that are no numbers are never written, but for 128.
pub fn set_scaling(constants: &mut [u32], zero: u8, numbers: [u8; rescale::NUMBERS]) {
    set_half(constants);
    set_number(constants, 0, zero);
    set_rescale(constants, numbers);
}

/// Writes 128 among a call's constants.
pub fn set_half(constants: &mut [u32]) {
    constants[constants::HALF as usize * (CELL / 4)] = 128;
}

/// Writes so many cells of the row of a zero point among a call's constants.
pub fn set_row(constants: &mut [u32], value: u8, cells: u32) {
    let row = &mut constants[constants::ROW as usize * (CELL / 4)..];
    row[..cells as usize * (CELL / 4)].fill(u32::from(value) * 0x0101_0101);
}

/// Writes the numbers of a requantisation among a call's constants.
pub fn set_rescale(constants: &mut [u32], numbers: [u8; rescale::NUMBERS]) {
    for (number, value) in (constants::RESCALE..).zip(numbers) {
        set_number(constants, number, value);
    }
}

/// Writes one of the numbers among a call's constants.
fn set_number(constants: &mut [u32], index: u32, value: u8) {
    assert!(index < constants::MAX_NUMBERS);
    constants[(constants::NUMBERS + index) as usize * (CELL / 4)] = value.into();
}

/// Writes a sum as so many parts of 16 bits, two numbers each.
pub fn set_parts(constants: &mut [u32], sum: u32, parts: u32) {
    let mut left = sum;
    for part in 0..parts as usize {
        let value = left.min(0xffff);
        left -= value;
        let at = (constants::NUMBERS as usize + 2 * part) * (CELL / 4);
        constants[at] = value & 255;
        constants[at + CELL / 4] = value >> 8;
    }
    assert!(left == 0 && 2 * parts <= constants::RESCALE);
}
