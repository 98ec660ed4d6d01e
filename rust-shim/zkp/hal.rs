//! What risc0's CpuHal asks for, done with vectors: compiled within risc0-zkp by `rustc.sh`, which has it called.
//!
//! Each of these does what the code it is called from does, or returns false where it does not apply: to another field than
//! Baby Bear, or another hash than Poseidon2. Verification has no part in it: what verifies hashes as risc0 wrote it.

use std::sync::OnceLock;

use rayon::prelude::*;
use risc0_core::field::baby_bear::BabyBearElem;
use risc0_core::field::{Elem, ExtElem, RootsOfUnity};

use self::elements::{digests_mut, extensions, extensions_mut, words, words_mut};
use self::vectors::extension::{self, Powers, Term};
use self::vectors::isa::Isa;
use self::vectors::poseidon2::{self, Constants, BATCH};
use self::vectors::transform::{self, Roots};
use crate::core::digest::Digest;
use crate::core::hash::poseidon2::{M_INT_DIAG_HZN, ROUND_CONSTANTS};
use crate::core::ntt::{self, bit_rev_32};

mod elements;
pub mod memory;
#[path = "../kernels/src/vectors/mod.rs"]
mod vectors;

const POSEIDON2: &str = "poseidon2";

/// The leaves of a Merkle tree: a digest for each row of a matrix of columns.
pub fn hash_rows<E: Elem>(hash: &str, matrix: &[E], output: &mut [Digest]) -> bool {
    let Some(matrix) = words(matrix).filter(|matrix| hash == POSEIDON2 && !matrix.is_empty())
    else {
        return false;
    };
    let rows = output.len();
    digests_mut(output)
        .par_chunks_mut(BATCH)
        .enumerate()
        .with_max_len(BATCHES)
        .for_each(|(batch, output)| {
            poseidon2::hash_rows(isa(), constants(), matrix, rows, batch * BATCH, output);
        });
    true
}

/// Batches that a thread takes at once: a millisecond's work, so that no thread has much more to do when others are done.
const BATCHES: usize = 8;

/// A level of a Merkle tree: of `nodes`, those from `size` on become the digests of the pairs from `2 * size` on.
pub fn hash_fold(hash: &str, nodes: &mut [Digest], size: usize) -> bool {
    if hash != POSEIDON2 {
        return false;
    }
    let (output, input) = digests_mut(nodes).split_at_mut(2 * size);
    let (output, input) = (&mut output[size..], &input[..2 * size]);
    let batch = |(output, input): (&mut [_], &[_])| {
        poseidon2::hash_pairs(isa(), constants(), input, output);
    };
    if size <= BATCHES * BATCH {
        // Sooner done than another thread is awake.
        let input = input.chunks(2 * BATCH);
        output.chunks_mut(BATCH).zip(input).for_each(batch);
    } else {
        let input = input.par_chunks(2 * BATCH);
        output.par_chunks_mut(BATCH).zip(input).for_each(batch);
    }
    true
}

/// The values of `count` polynomials, on a domain `2^expand_bits` times as large, from their coefficients.
pub fn expand_into_evaluate_ntt<E: Elem>(
    output: &mut [E],
    input: &[E],
    count: usize,
    expand_bits: usize,
) -> bool {
    static ROOTS: [OnceLock<Roots>; MAX_LEVELS] = [const { OnceLock::new() }; MAX_LEVELS];
    let (Some(output), Some(input)) = (words_mut(output), words(input)) else {
        return false;
    };
    let size = output.len() / count;
    assert!(size * count == output.len() && output.len() == input.len() << expand_bits);
    let roots = roots(&ROOTS, BabyBearElem::ROU_FWD, size);
    output
        .par_chunks_exact_mut(size)
        .zip(input.par_chunks_exact(size >> expand_bits))
        .with_max_len(1)
        .for_each(|(output, input)| {
            ntt::expand(output, input, expand_bits);
            transform::evaluate(isa(), roots, output, expand_bits);
        });
    true
}

/// The coefficients of `count` polynomials from their values.
pub fn interpolate_ntt<E: Elem>(io: &mut [E], count: usize) -> bool {
    static ROOTS: [OnceLock<Roots>; MAX_LEVELS] = [const { OnceLock::new() }; MAX_LEVELS];
    let Some(words) = words_mut(io) else {
        return false;
    };
    let size = words.len() / count;
    assert!(size * count == words.len());
    let norm = BabyBearElem::from_u64(size as u64).inv();
    let roots = roots(&ROOTS, BabyBearElem::ROU_REV, size);
    words
        .par_chunks_exact_mut(size)
        .with_max_len(1)
        .for_each(|words| {
            transform::interpolate(isa(), roots, words, norm.as_u32_montgomery());
        });
    true
}

/// The coefficients of polynomials in x from those in x / 3, in bit-reversed order, `2^bits` for each polynomial.
pub fn zk_shift<E: Elem>(io: &mut [E], bits: usize) -> bool {
    let Some(words) = words_mut(io).filter(|_| bits > 0) else {
        return false;
    };
    let three = BabyBearElem::from_u64(3);
    let mut power = BabyBearElem::ONE;
    let mut factors = vec![0; 1 << bits];
    for exponent in 0..factors.len() {
        factors[(bit_rev_32(exponent as u32) >> (32 - bits)) as usize] = power.as_u32_montgomery();
        power *= three;
    }
    words
        .par_chunks_exact_mut(factors.len())
        .with_max_len(1)
        .for_each(|polynomial| transform::scale(isa(), polynomial, &factors));
    true
}

/// Adds to each of the combos, `rows` elements each, the columns that belong to it, each times its factor.
pub fn mix_poly_coeffs<E: Elem, X: ExtElem>(
    output: &mut [X],
    combos: &[u32],
    factors: &[X],
    matrix: &[E],
    rows: usize,
) -> bool {
    let (Some(output), Some(factors), Some(matrix)) =
        (extensions_mut(output), extensions(factors), words(matrix))
    else {
        return false;
    };
    for (combo, output) in output.chunks_exact_mut(rows).enumerate() {
        let columns = combos.iter().zip(factors).enumerate();
        let terms: Vec<Term> = columns
            .filter(|(_, (of, _))| **of as usize == combo)
            .map(|(column, (_, factor))| Term {
                column,
                factor: *factor,
            })
            .collect();
        if terms.is_empty() {
            continue;
        }
        output
            .par_chunks_mut(BLOCK)
            .enumerate()
            .for_each(|(block, output)| {
                extension::combine(isa(), &terms, matrix, rows, block * BLOCK, output);
            });
    }
    true
}

/// Rows of a combo, or powers, that a thread takes at once.
const BLOCK: usize = 1024;

/// The values of polynomials of `size` coefficients: number `which[i]` at `xs[i]`.
pub fn evaluate_any<E: Elem, X: ExtElem>(
    coeffs: &[E],
    size: usize,
    which: &[u32],
    xs: &[X],
    out: &mut [X],
) -> bool {
    let (Some(coeffs), Some(out)) = (words(coeffs), extensions_mut(out)) else {
        return false;
    };
    let mut points: Vec<X> = Vec::new();
    for x in xs {
        if !points.contains(x) {
            points.push(*x);
        }
    }
    // A table of powers costs as much as some evaluations.
    if 4 * points.len() > xs.len() {
        return false;
    }
    let powers: Vec<Powers> = points.iter().map(|x| powers(*x, size)).collect();
    out.par_iter_mut()
        .zip(which)
        .zip(xs)
        .for_each(|((out, which), x)| {
            let point = points
                .iter()
                .position(|point| point == x)
                .unwrap_or_default();
            let coeffs = &coeffs[*which as usize * size..][..size];
            *out = extension::evaluate(isa(), coeffs, &powers[point]);
        });
    true
}

/// Elements of the extension as columns of the base field's: all first coefficients, all second ones...
pub fn split_into_columns<E: Elem, X: ExtElem<SubElem = E>>(columns: &mut [E], elements: &[X]) {
    columns
        .par_chunks_exact_mut(elements.len())
        .enumerate()
        .for_each(|(at, column)| {
            for (coefficient, element) in column.iter_mut().zip(elements) {
                *coefficient = element.subelems()[at];
            }
        });
}

/// The first `count` powers.
fn powers<X: ExtElem>(x: X, count: usize) -> Powers {
    let mut columns = [(); 4].map(|()| vec![0; count]);
    let [first, second, third, fourth] = columns
        .each_mut()
        .map(|column| column.par_chunks_mut(BLOCK));
    let blocks = (first, second, third, fourth).into_par_iter();
    blocks.enumerate().for_each(|(block, columns)| {
        let (first, second, third, fourth) = columns;
        let mut power = x.pow(block * BLOCK);
        for at in 0..first.len() {
            let coefficients = extensions(&[power]).map_or([0; 4], |power| power[0]);
            [first[at], second[at], third[at], fourth[at]] = coefficients;
            power *= x;
        }
    });
    Powers::new(columns)
}

const MAX_LEVELS: usize = BabyBearElem::MAX_ROU_PO2 + 1;

fn roots<'a>(
    all: &'a [OnceLock<Roots>; MAX_LEVELS],
    primitive: &[BabyBearElem],
    size: usize,
) -> &'a Roots {
    let levels = size.trailing_zeros() as usize;
    all[levels].get_or_init(|| Roots::new(primitive[levels].as_u32_montgomery(), size))
}

/// Who proves asks before whether the choice can be met.
fn isa() -> Isa {
    Isa::chosen().unwrap_or(Isa::Scalar)
}

fn constants() -> Constants<'static> {
    Constants::new(
        words(ROUND_CONSTANTS).unwrap_or_default(),
        words(M_INT_DIAG_HZN).unwrap_or_default(),
    )
}
