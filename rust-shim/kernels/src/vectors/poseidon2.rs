//! Poseidon2 over Baby Bear with 24 cells, as risc0 hashes rows and pairs of digests: as many sponges at a time as a
//! vector has lanes.
//!
//! Source of the permutation and the sponge: risc0-zkp `core/hash/poseidon2/mod.rs`, and appendix B of the Poseidon2 paper
//! (<https://eprint.iacr.org/2023/323>) for the external matrix.

use super::arithmetic::{add, constant, mul, Vector};
use super::isa::{self, by_isa, Isa};

/// Elements of the state.
pub const CELLS: usize = 24;
/// Elements that a permutation absorbs.
pub const RATE: usize = 16;
/// Elements of a digest.
pub const DIGEST: usize = 8;
/// Digests computed at once: the lanes of the widest vector.
pub const BATCH: usize = 16;

const ROUNDS_HALF_FULL: usize = 4;
const ROUNDS_PARTIAL: usize = 21;
const ROUNDS: usize = 2 * ROUNDS_HALF_FULL + ROUNDS_PARTIAL;

/// A digest, its elements in Montgomery form.
pub type Digest = [u32; DIGEST];

/// risc0's constants, in Montgomery form.
#[derive(Clone, Copy)]
pub struct Constants<'a> {
    /// [`CELLS`] for each round, of which a partial round uses the first.
    round: &'a [u32],
    /// The diagonal of the internal matrix without the ones that it shares with all its other entries.
    diagonal: &'a [u32],
}

impl<'a> Constants<'a> {
    pub fn new(round: &'a [u32], diagonal: &'a [u32]) -> Self {
        assert!(round.len() == ROUNDS * CELLS && diagonal.len() == CELLS);
        Self { round, diagonal }
    }
}

/// Hashes the rows `first`, `first + 1`... of a matrix of columns, `rows` elements each, into as many digests as `output`
/// has: up to [`BATCH`].
pub fn hash_rows(
    isa: Isa,
    constants: Constants<'_>,
    matrix: &[u32],
    rows: usize,
    first: usize,
    output: &mut [Digest],
) {
    assert!(
        matrix.len().is_multiple_of(rows) && output.len() <= BATCH && first + output.len() <= rows
    );
    if output.len() == BATCH {
        let columns = Columns {
            elements: &matrix[first..],
            pitch: rows,
            count: matrix.len() / rows,
        };
        return hash(isa, columns, constants, output);
    }
    let mut padded = vec![0; matrix.len() / rows * BATCH];
    for (to, column) in padded
        .chunks_exact_mut(BATCH)
        .zip(matrix.chunks_exact(rows))
    {
        to[..output.len()].copy_from_slice(&column[first..first + output.len()]);
    }
    let mut digests = [[0; DIGEST]; BATCH];
    let columns = Columns {
        elements: &padded,
        pitch: BATCH,
        count: matrix.len() / rows,
    };
    hash(isa, columns, constants, &mut digests);
    output.copy_from_slice(&digests[..output.len()]);
}

/// Hashes pairs of neighbours in `input` into as many digests as `output` has: up to [`BATCH`].
pub fn hash_pairs(isa: Isa, constants: Constants<'_>, input: &[Digest], output: &mut [Digest]) {
    assert!(input.len() == 2 * output.len() && output.len() <= BATCH);
    // The elements of a pair are a row of two digests' length.
    let mut elements = [0; RATE * BATCH];
    for (index, digest) in input.iter().enumerate() {
        for (cell, element) in digest.iter().enumerate() {
            elements[((index % 2) * DIGEST + cell) * BATCH + index / 2] = *element;
        }
    }
    let mut digests = [[0; DIGEST]; BATCH];
    let columns = Columns {
        elements: &elements,
        pitch: BATCH,
        count: RATE,
    };
    hash(isa, columns, constants, &mut digests);
    output.copy_from_slice(&digests[..output.len()]);
}

/// [`BATCH`] rows: the elements `i * pitch` and following are those of column i.
#[derive(Clone, Copy)]
struct Columns<'a> {
    elements: &'a [u32],
    pitch: usize,
    count: usize,
}

fn hash(isa: Isa, columns: Columns<'_>, constants: Constants<'_>, output: &mut [Digest]) {
    let Columns {
        elements,
        pitch,
        count,
    } = columns;
    assert!(count > 0 && elements.len() >= (count - 1) * pitch + BATCH && output.len() == BATCH);
    sponges(isa, columns, constants, output);
}

by_isa! {
    fn sponges(columns: Columns<'_>, constants: Constants<'_>, output: &mut [Digest]) = sponges_of
}

#[inline(always)]
unsafe fn sponges_of<V: Vector>(
    columns: Columns<'_>,
    constants: Constants<'_>,
    output: &mut [Digest],
) {
    for lane in (0..BATCH).step_by(V::LANES) {
        let mut state = [V::splat32(0); CELLS];
        let mut cell = 0;
        for column in 0..columns.count {
            state[cell] = V::load(columns.elements.as_ptr().add(column * columns.pitch + lane));
            cell += 1;
            if cell == RATE {
                permute(&mut state, constants);
                cell = 0;
            }
        }
        if cell > 0 {
            for unused in &mut state[cell..RATE] {
                *unused = V::splat32(0);
            }
            permute(&mut state, constants);
        }
        for (cell, elements) in state[..DIGEST].iter().enumerate() {
            let mut lanes = [0; BATCH];
            elements.store(lanes.as_mut_ptr());
            for (row, element) in lanes[..V::LANES].iter().enumerate() {
                output[lane + row][cell] = *element;
            }
        }
    }
}

#[inline(always)]
unsafe fn permute<V: Vector>(state: &mut [V; CELLS], constants: Constants<'_>) {
    external(state);
    for round in 0..ROUNDS {
        let constants_of_round = constants.round.as_ptr().add(round * CELLS);
        if (ROUNDS_HALF_FULL..ROUNDS_HALF_FULL + ROUNDS_PARTIAL).contains(&round) {
            state[0] = seventh_power(add(state[0], constant(*constants_of_round)));
            internal(state, constants.diagonal);
        } else {
            for (cell, element) in state.iter_mut().enumerate() {
                *element = seventh_power(add(*element, constant(*constants_of_round.add(cell))));
            }
            external(state);
        }
    }
}

#[inline(always)]
unsafe fn seventh_power<V: Vector>(x: V) -> V {
    let square = mul(x, x);
    let fourth = mul(square, square);
    mul(mul(fourth, square), x)
}

/// Multiplies by the external matrix: a circulant matrix of 4 by 4 blocks.
#[inline(always)]
unsafe fn external<V: Vector>(state: &mut [V; CELLS]) {
    let mut sums = [V::splat32(0); 4];
    for block in state.chunks_exact_mut(4) {
        let t0 = add(block[0], block[1]);
        let t1 = add(block[2], block[3]);
        let t2 = add(double(block[1]), t1);
        let t3 = add(double(block[3]), t0);
        let t4 = add(double(double(t1)), t3);
        let t5 = add(double(double(t0)), t2);
        block[0] = add(t3, t5);
        block[1] = t5;
        block[2] = add(t2, t4);
        block[3] = t4;
        for (sum, element) in sums.iter_mut().zip(&*block) {
            *sum = add(*sum, *element);
        }
    }
    for block in state.chunks_exact_mut(4) {
        for (element, sum) in block.iter_mut().zip(&sums) {
            *element = add(*element, *sum);
        }
    }
}

#[inline(always)]
unsafe fn double<V: Vector>(x: V) -> V {
    add(x, x)
}

/// Multiplies by the internal matrix: ones, and the diagonal added.
#[inline(always)]
unsafe fn internal<V: Vector>(state: &mut [V; CELLS], diagonal: &[u32]) {
    // In four chains: one would take longer than the products, where vectors are short. The first element comes last.
    let mut sums = [state[4], state[1], state[2], state[3]];
    for block in state[5..].chunks(4) {
        for (sum, element) in sums.iter_mut().zip(block) {
            *sum = add(*sum, *element);
        }
    }
    let [a, b, c, d] = sums;
    let sum = add(state[0], add(add(a, b), add(c, d)));
    for (element, factor) in state.iter_mut().zip(diagonal) {
        *element = add(sum, mul(*element, constant(*factor)));
    }
}

#[cfg(test)]
mod tests {
    use risc0_zkp::core::digest::Digest as Risc0Digest;
    use risc0_zkp::core::hash::poseidon2::{Poseidon2HashSuite, M_INT_DIAG_HZN, ROUND_CONSTANTS};
    use risc0_zkp::field::baby_bear::BabyBearElem;

    use super::*;
    use crate::tests::Random;

    fn words(elements: &[BabyBearElem]) -> Vec<u32> {
        elements.iter().map(|e| e.as_u32_montgomery()).collect()
    }

    #[test]
    fn rows_hash_to_what_risc0_hashes_them_to_with_every_instruction_set() {
        let (round, diagonal) = (words(ROUND_CONSTANTS), words(M_INT_DIAG_HZN));
        let constants = Constants::new(&round, &diagonal);
        let hashfn = Poseidon2HashSuite::new_suite().hashfn;
        let mut random = Random(7);
        for columns in [1, 7, 15, 16, 17, 32, 83] {
            let rows = 3 * BATCH + 5;
            let matrix: Vec<u32> = (0..rows * columns).map(|_| random.elem()).collect();
            let expected: Vec<Digest> = (0..rows)
                .map(|row| {
                    let elements: Vec<_> = (0..columns)
                        .map(|column| BabyBearElem::new_raw(matrix[column * rows + row]))
                        .collect();
                    hashfn
                        .hash_elem_slice(&elements)
                        .as_words()
                        .try_into()
                        .unwrap()
                })
                .collect();
            for isa in Isa::available() {
                let mut output = vec![[0; DIGEST]; rows];
                for (batch, output) in output.chunks_mut(BATCH).enumerate() {
                    hash_rows(isa, constants, &matrix, rows, batch * BATCH, output);
                }
                assert!(output == expected, "{columns} columns, {isa}");
            }
        }
    }

    #[test]
    fn pairs_hash_to_what_risc0_hashes_them_to_with_every_instruction_set() {
        let (round, diagonal) = (words(ROUND_CONSTANTS), words(M_INT_DIAG_HZN));
        let constants = Constants::new(&round, &diagonal);
        let hashfn = Poseidon2HashSuite::new_suite().hashfn;
        let mut random = Random(8);
        for count in [1, 2, 15, 16] {
            let input: Vec<Digest> = (0..2 * count)
                .map(|_| [0; DIGEST].map(|_| random.elem()))
                .collect();
            let expected: Vec<Digest> = input
                .chunks_exact(2)
                .map(|pair| {
                    let digest =
                        hashfn.hash_pair(&Risc0Digest::from(pair[0]), &Risc0Digest::from(pair[1]));
                    digest.as_words().try_into().unwrap()
                })
                .collect();
            for isa in Isa::available() {
                let mut output = vec![[0; DIGEST]; count];
                hash_pairs(isa, constants, &input, &mut output);
                assert!(output == expected, "{count} pairs, {isa}");
            }
        }
    }
}
