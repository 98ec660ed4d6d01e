//! The number-theoretic transforms of risc0's prover, on the elements of one polynomial.
//!
//! Source: risc0-zkp `core/ntt.rs`, whose recursion is here a loop over levels. Level n has butterflies between elements
//! 2^(n-1) apart; the factor of the i-th is the i-th power of the 2^n-th root of unity.

use super::arithmetic::{add, constant, mul, sub, Vector};
use super::isa::{self, by_isa, Isa};
use super::word::Word;
use super::{product, ONE};

/// Levels done on one part of the elements before the next part: 16 KiB for the first-level cache, 512 KiB for the second.
const PARTS: [usize; 2] = [12, 17];
/// More than the levels that a field of 2^27th roots has.
const ALL: usize = 32;
/// Lanes of the widest vector.
const LANES: usize = 16;

/// Powers of the roots of unity of 2, 4, 8... up to `size`.
pub struct Roots {
    /// Those of level n begin at 2^(n-1).
    powers: Vec<u32>,
}

impl Roots {
    /// `root` is the primitive root of unity of `size`, a power of two.
    pub fn new(root: u32, size: usize) -> Self {
        assert!(size.is_power_of_two());
        let mut powers = vec![ONE; size];
        let mut half = size / 2;
        for i in 1..half {
            powers[half + i] = product(powers[half + i - 1], root);
        }
        while half > 1 {
            for i in 0..half / 2 {
                powers[half / 2 + i] = powers[half + 2 * i];
            }
            half /= 2;
        }
        Self { powers }
    }

    fn level(&self, level: usize) -> &[u32] {
        let half = 1 << (level - 1);
        &self.powers[half..2 * half]
    }
}

/// risc0's `evaluate_ntt`: all levels above `from`, the lowest first. Elements are in bit-reversed order.
pub fn evaluate(isa: Isa, roots: &Roots, elements: &mut [u32], from: usize) {
    let levels = check(roots, elements);
    if from < levels {
        forward(fitting(isa, elements), roots, elements, from);
    }
}

/// risc0's `interpolate_ntt`: all levels, the highest first, then each element times `norm`.
pub fn interpolate(isa: Isa, roots: &Roots, elements: &mut [u32], norm: u32) {
    check(roots, elements);
    backward(fitting(isa, elements), roots, elements, norm);
}

/// Multiplies each element by the factor of its place.
pub fn scale(isa: Isa, elements: &mut [u32], factors: &[u32]) {
    assert!(elements.len() == factors.len());
    products(fitting(isa, elements), elements, factors);
}

fn check(roots: &Roots, elements: &[u32]) -> usize {
    assert!(elements.len().is_power_of_two() && elements.len() == roots.powers.len());
    elements.len().trailing_zeros() as usize
}

/// A tile is a square of lanes; fewer elements are transformed without vectors.
fn fitting(isa: Isa, elements: &[u32]) -> Isa {
    if elements.len() < LANES * LANES {
        Isa::Scalar
    } else {
        isa
    }
}

by_isa! {
    fn forward(roots: &Roots, elements: &mut [u32], from: usize) = forward_of
}

by_isa! {
    fn backward(roots: &Roots, elements: &mut [u32], norm: u32) = backward_of
}

by_isa! {
    fn products(elements: &mut [u32], factors: &[u32]) = products_of
}

#[inline(always)]
unsafe fn forward_of<V: Vector>(roots: &Roots, elements: &mut [u32], from: usize) {
    let levels = elements.len().trailing_zeros() as usize;
    let in_tile = tile_levels::<V>(elements.len());
    if from < in_tile {
        for tile in elements.chunks_exact_mut(V::LANES * V::LANES) {
            let mut columns = transposed::<V>(tile);
            for level in from + 1..=in_tile {
                tile_level::<V, true>(&mut columns, roots.level(level));
            }
            restore::<V>(&columns, tile);
        }
    }
    let mut done = from.max(in_tile);
    for limit in [PARTS[0], PARTS[1], ALL] {
        let limit = limit.min(levels);
        for part in elements.chunks_exact_mut(1 << limit) {
            for level in done + 1..=limit {
                apply::<V, true>(part, roots.level(level));
            }
        }
        done = done.max(limit);
    }
}

#[inline(always)]
unsafe fn backward_of<V: Vector>(roots: &Roots, elements: &mut [u32], norm: u32) {
    let levels = elements.len().trailing_zeros() as usize;
    let in_tile = tile_levels::<V>(elements.len());
    for (limit, below) in [(ALL, PARTS[1]), (PARTS[1], PARTS[0]), (PARTS[0], in_tile)] {
        let limit = limit.min(levels);
        for part in elements.chunks_exact_mut(1 << limit) {
            for level in (below.max(in_tile) + 1..=limit).rev() {
                apply::<V, false>(part, roots.level(level));
            }
        }
    }
    if in_tile == 0 {
        for element in elements {
            *element = product(*element, norm);
        }
        return;
    }
    for tile in elements.chunks_exact_mut(V::LANES * V::LANES) {
        let mut columns = transposed::<V>(tile);
        for level in (1..=in_tile).rev() {
            tile_level::<V, false>(&mut columns, roots.level(level));
        }
        for column in &mut columns[..V::LANES] {
            *column = mul(*column, constant(norm));
        }
        restore::<V>(&columns, tile);
    }
}

#[inline(always)]
unsafe fn products_of<V: Vector>(elements: &mut [u32], factors: &[u32]) {
    let whole = elements.len() / V::LANES * V::LANES;
    for at in (0..whole).step_by(V::LANES) {
        let (element, factor) = (elements.as_mut_ptr().add(at), factors.as_ptr().add(at));
        mul(V::load(element), V::load(factor)).store(element);
    }
    for at in whole..elements.len() {
        elements[at] = product(elements[at], factors[at]);
    }
}

/// One level on elements in order.
#[inline(always)]
unsafe fn apply<V: Vector, const FORWARD: bool>(elements: &mut [u32], powers: &[u32]) {
    let half = powers.len();
    for pair in elements.chunks_exact_mut(2 * half) {
        let (low, high) = pair.split_at_mut(half);
        if half < V::LANES {
            // Fewer elements than a tile has: without vectors.
            for at in 0..half {
                let mut lanes = [
                    Word::load([low[at], 0].as_ptr()),
                    Word::load([high[at], 0].as_ptr()),
                ];
                butterfly::<Word, FORWARD>(&mut lanes, constant(powers[at]));
                let mut word = [0; 2];
                lanes[0].store(word.as_mut_ptr());
                low[at] = word[0];
                lanes[1].store(word.as_mut_ptr());
                high[at] = word[0];
            }
            continue;
        }
        for at in (0..half).step_by(V::LANES) {
            let (a, b) = (low.as_mut_ptr().add(at), high.as_mut_ptr().add(at));
            let mut lanes = [V::load(a), V::load(b)];
            butterfly::<V, FORWARD>(&mut lanes, V::load(powers.as_ptr().add(at)));
            lanes[0].store(a);
            lanes[1].store(b);
        }
    }
}

#[inline(always)]
unsafe fn butterfly<V: Vector, const FORWARD: bool>(pair: &mut [V; 2], factor: V) {
    let [a, b] = *pair;
    *pair = if FORWARD {
        let b = mul(b, factor);
        [add(a, b), sub(a, b)]
    } else {
        [add(a, b), mul(sub(a, b), factor)]
    };
}

/// The levels whose butterflies stay within as many elements as a vector has lanes: they are done with the lanes of a vector
/// in different places of a tile. None if there is less than a tile.
#[inline(always)]
fn tile_levels<V: Vector>(size: usize) -> usize {
    if size < V::LANES * V::LANES {
        0
    } else {
        V::LANES.trailing_zeros() as usize
    }
}

#[inline(always)]
unsafe fn tile_level<V: Vector, const FORWARD: bool>(columns: &mut [V; LANES], powers: &[u32]) {
    let half = powers.len();
    let mut start = 0;
    while start < V::LANES {
        for (at, power) in powers.iter().enumerate() {
            let mut pair = [columns[start + at], columns[start + half + at]];
            butterfly::<V, FORWARD>(&mut pair, constant(*power));
            [columns[start + at], columns[start + half + at]] = pair;
        }
        start += 2 * half;
    }
}

/// A tile's columns: lane i of column j is element j of the i-th row of the tile.
#[inline(always)]
unsafe fn transposed<V: Vector>(tile: &[u32]) -> [V; LANES] {
    let mut lanes = [0; LANES];
    let mut columns = [V::splat32(0); LANES];
    for (at, column) in columns[..V::LANES].iter_mut().enumerate() {
        for (row, lane) in lanes[..V::LANES].iter_mut().enumerate() {
            *lane = *tile.get_unchecked(row * V::LANES + at);
        }
        *column = V::load(lanes.as_ptr());
    }
    columns
}

#[inline(always)]
unsafe fn restore<V: Vector>(columns: &[V; LANES], tile: &mut [u32]) {
    let mut lanes = [0; LANES];
    for (at, column) in columns[..V::LANES].iter().enumerate() {
        column.store(lanes.as_mut_ptr());
        for (row, lane) in lanes[..V::LANES].iter().enumerate() {
            *tile.get_unchecked_mut(row * V::LANES + at) = *lane;
        }
    }
}

#[cfg(test)]
mod tests {
    use risc0_zkp::core::ntt::{evaluate_ntt, interpolate_ntt};
    use risc0_zkp::field::baby_bear::BabyBearElem;
    use risc0_zkp::field::{Elem, RootsOfUnity};

    use super::*;
    use crate::tests::Random;

    fn elements(words: &[u32]) -> Vec<BabyBearElem> {
        words
            .iter()
            .map(|word| BabyBearElem::new_raw(*word))
            .collect()
    }

    fn words(elements: &[BabyBearElem]) -> Vec<u32> {
        elements.iter().map(|e| e.as_u32_montgomery()).collect()
    }

    #[test]
    fn both_transforms_are_risc0s_with_every_instruction_set() {
        let mut random = Random(9);
        for levels in [0, 1, 2, 3, 5, 7, 8, 9, 12, 13, 18] {
            let size = 1 << levels;
            let input: Vec<u32> = (0..size).map(|_| random.elem()).collect();
            let root = |roots: &[BabyBearElem]| Roots::new(roots[levels].as_u32_montgomery(), size);
            let norm = BabyBearElem::from_u64(size as u64)
                .inv()
                .as_u32_montgomery();
            for isa in Isa::available() {
                for from in [0, 2].into_iter().filter(|from| *from <= levels) {
                    let mut expected = elements(&input);
                    evaluate_ntt::<BabyBearElem, BabyBearElem>(&mut expected, from);
                    let mut found = input.clone();
                    evaluate(isa, &root(BabyBearElem::ROU_FWD), &mut found, from);
                    assert!(found == words(&expected), "2^{levels} from {from}, {isa}");
                }
                let mut expected = elements(&input);
                interpolate_ntt::<BabyBearElem, BabyBearElem>(&mut expected);
                let mut found = input.clone();
                interpolate(isa, &root(BabyBearElem::ROU_REV), &mut found, norm);
                assert!(found == words(&expected), "2^{levels} back, {isa}");
            }
        }
    }

    #[test]
    fn elements_are_scaled_each_by_its_factor() {
        let mut random = Random(10);
        for size in [1, 15, 300] {
            let input: Vec<u32> = (0..size).map(|_| random.elem()).collect();
            let factors: Vec<u32> = (0..size).map(|_| random.elem()).collect();
            let expected: Vec<_> = elements(&input)
                .into_iter()
                .zip(elements(&factors))
                .map(|(a, b)| a * b)
                .collect();
            for isa in Isa::available() {
                let mut found = input.clone();
                scale(isa, &mut found, &factors);
                assert!(found == words(&expected), "{size}, {isa}");
            }
        }
    }
}
