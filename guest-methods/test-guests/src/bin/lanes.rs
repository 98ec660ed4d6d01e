//! Programs of the big integer accelerator that break a rule of `zkhost_nn::program` each, written word by word, and one at
//! the far end of what a base register reaches. Reads, for each of the four, a row, planes and a carry, and how far away the last
//! plane of the fourth is; commits rows and lanes.
//!
//! `3 * row = planes`: with a fourth plane; with a sum that can reach the field's prime; with a carry that the host chooses.

use core::arch::asm;

use risc0_zkvm::guest::env;
use risc0_zkvm_platform::syscall::ecall;

const SHIFT: u32 = 24;
const SETTERM: u32 = 2 << SHIFT;
const ADDTOTAL: u32 = 3 << SHIFT;
const CARRY2: u32 = 5 << SHIFT;
const EQZ: u32 = 6 << SHIFT;
const RESET: u32 = 0x2000_0000;

/// Cells of what a program reads behind a1.
const ZERO: u32 = 0;
const HALF: u32 = 1;
const THREE: u32 = 2;
const FULL: u32 = 3;
const ROW: u32 = 4;
const PLANES: u32 = 5;
const CARRY: u32 = 9;
const CELLS: usize = 10;
const CELL_WORDS: usize = 4;

/// A word that reads a cell behind a1, times a coefficient where it adds.
const fn word(operation: u32, cell: u32, coefficient: i32) -> u32 {
    operation | ((coefficient + 4) as u32) << 21 | 11 << 16 | cell
}

/// The same behind a2.
const fn far(operation: u32, cell: u32, coefficient: i32) -> u32 {
    word(operation, cell, coefficient) + (1 << 16)
}

const fn plain(operation: u32, cell: u32) -> u32 {
    word(operation, cell, 0)
}

/// Subtracts three planes, a + 256 b + 65536 c.
const fn planes(read: [u32; 3]) -> [u32; 6] {
    let [low, middle, high] = read;
    [low, plain(SETTERM, HALF), middle, plain(CARRY2, HALF), plain(SETTERM, ZERO), high]
}

const NEAR: [u32; 6] =
    planes([word(ADDTOTAL, PLANES, -1), word(ADDTOTAL, PLANES + 1, -2), word(ADDTOTAL, PLANES + 2, -2)]);

/// Three times the row.
const PRODUCT: [u32; 2] = [plain(SETTERM, THREE), word(ADDTOTAL, ROW, 1)];

fn program(parts: &[&[u32]]) -> Vec<u32> {
    let mut words = parts.concat();
    words.push(RESET);
    words
}

fn main() {
    let fourth = [plain(CARRY2, HALF), plain(SETTERM, ZERO), plain(CARRY2, PLANES + 3), word(ADDTOTAL, ZERO, -2)];
    let four_planes = program(&[&PRODUCT, &NEAR, &fourth, &[plain(EQZ, ZERO)]]);
    // 40 times 3 and once 1, times 65,535, times a byte.
    let most = |coefficient| [plain(CARRY2, FULL), plain(SETTERM, FULL), word(ADDTOTAL, ROW, coefficient)];
    let mut sums = most(3).repeat(40);
    sums.extend(most(1));
    let over_the_prime = program(&[&sums, &NEAR, &[plain(EQZ, ZERO)]]);
    let carried = program(&[&PRODUCT, &NEAR, &[plain(EQZ, CARRY)]]);
    for words in [four_planes, over_the_prime, carried] {
        let mut memory = [0; CELLS * CELL_WORDS];
        constants(&mut memory);
        env::read_slice(&mut memory[ROW as usize * CELL_WORDS..]);
        run(&words, &memory, memory.as_ptr());
        commit(&memory[ROW as usize * CELL_WORDS..]);
    }
    reach();
}

/// A row and its lanes: as large as four planes say.
fn commit(read: &[u32]) {
    let (row, planes) = read.split_at(CELL_WORDS);
    let byte = |plane: usize, lane: usize| planes[plane * CELL_WORDS + lane / 4] >> (8 * (lane % 4)) & 255;
    let lanes: [u32; 16] =
        core::array::from_fn(|lane| byte(0, lane) | byte(1, lane) << 8 | byte(2, lane) << 16 | byte(3, lane) << 24);
    env::commit_slice(row);
    env::commit_slice(&lanes);
}

fn constants(memory: &mut [u32]) {
    memory[HALF as usize * CELL_WORDS] = 128;
    memory[THREE as usize * CELL_WORDS] = 3;
    memory[FULL as usize * CELL_WORDS] = 255;
}

/// Behind a base whose lower half is 0xfff0: a row in the first cell, planes that end so many cells further on.
fn reach() {
    const BASE: usize = 0xfff0;
    let mut last = [0];
    env::read_slice(&mut last);
    let far_memory = vec![0u32; 0x2_4000 / 4 * 2].leak();
    let start = (BASE.wrapping_sub(far_memory.as_ptr() as usize) & 0xffff) / 4;
    let far_memory = &mut far_memory[start..];
    assert_eq!(far_memory.as_ptr() as usize & 0xffff, BASE);
    let first = last[0] - 2;
    env::read_slice(&mut far_memory[..CELL_WORDS]);
    let planes_at = first as usize * CELL_WORDS;
    env::read_slice(&mut far_memory[planes_at..planes_at + 3 * CELL_WORDS]);
    let mut memory = [0; CELLS * CELL_WORDS];
    constants(&mut memory);
    let product = [plain(SETTERM, THREE), far(ADDTOTAL, 0, 1)];
    let read = planes([far(ADDTOTAL, first, -1), far(ADDTOTAL, first + 1, -2), far(ADDTOTAL, first + 2, -2)]);
    run(&program(&[&product, &read, &[plain(EQZ, ZERO)]]), &memory, far_memory.as_ptr());
    let mut found = far_memory[..CELL_WORDS].to_vec();
    found.extend(&far_memory[planes_at..planes_at + 3 * CELL_WORDS]);
    found.extend([0; CELL_WORDS]);
    commit(&found);
}

/// Runs a program on `memory` behind a1, which the call loads, and what lies behind a2.
fn run(words: &[u32], memory: &[u32; CELLS * CELL_WORDS], far: *const u32) {
    // Loads nothing itself.
    let loads = [u32::from_le_bytes(*b"bibc"), 1, 0, 0, 0, 0];
    let header = [loads.len() as u32, words.len() as u32, memory.len() as u32, 0];
    // SAFETY: the call reads live memory, and writes nothing: no word stores.
    unsafe {
        asm!(
            "ecall",
            in("t0") ecall::BIGINT2,
            in("t1") loads.as_ptr(),
            in("t2") words.as_ptr(),
            in("t3") memory.as_ptr(),
            in("a0") header.as_ptr(),
            in("a1") memory.as_ptr(),
            in("a2") far,
        );
    }
}
