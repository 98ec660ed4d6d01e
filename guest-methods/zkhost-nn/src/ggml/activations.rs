//! Activations as ggml quantises them before a product.

use super::soft::Factor;
use super::NOT_FINITE;
use crate::memory::{as_f32, as_f32_mut, as_i32, as_i32_mut, as_i8, as_i8_mut};
use crate::Checked;

/// 2^-60 and 2^60.
const SMALLEST: f32 = f32::from_bits((127 - 60) << 23);
const LARGEST: f32 = f32::from_bits((127 + 60) << 23);

/// The same values. Refuses infinities and NaN.
pub fn finite(x: &[f32]) -> Checked<&[f32]> {
    if x.iter().all(|x| x.to_bits() << 1 < 0xff << 24) {
        Ok(x)
    } else {
        Err(NOT_FINITE)
    }
}

/// x rounded to f16.
pub fn halves<'y>(x: &[f32], y: &'y mut [f32]) -> Checked<&'y [f32]> {
    for (y, x) in y.iter_mut().zip(x) {
        *y = half(*x);
    }
    finite(y)
}

/// A quantised vector: a scale for each block; for blocks of 256 the sums of 32 neighbours; and the integers.
pub struct Vector<'a> {
    pub scales: &'a [f32],
    pub sums: &'a [i32],
    pub values: &'a [i8],
}

impl<'a> Vector<'a> {
    /// Words of scratch that one takes.
    pub fn words(blocks: u32, depth: u32) -> u32 {
        blocks + if depth == 256 * blocks { 8 * blocks } else { 0 } + depth / 4
    }

    /// The one that `quantise` put there.
    pub fn of(scratch: &'a [u8], blocks: usize) -> Self {
        let (scales, rest) = scratch.split_at(4 * blocks);
        let (sums, values) = rest.split_at(if rest.len() == 32 * blocks { 0 } else { 32 * blocks });
        Self { scales: as_f32(scales), sums: as_i32(sums), values: as_i8(values) }
    }
}

/// x to Q8_0 or Q8_K, as its blocks have 32 or 256 elements.
pub fn quantise(x: &[f32], scratch: &mut [u8], blocks: usize) -> Checked {
    let x = finite(x)?;
    let (scales, rest) = scratch.split_at_mut(4 * blocks);
    let scales = as_f32_mut(scales);
    if rest.len() == 32 * blocks {
        return q8_0(x, scales, as_i8_mut(rest));
    }
    let (sums, values) = rest.split_at_mut(32 * blocks);
    q8_k(x, scales, as_i32_mut(sums), as_i8_mut(values))
}

/// Blocks of 32 to integers and scales that are those of f16.
fn q8_0(x: &[f32], scales: &mut [f32], values: &mut [i8]) -> Checked {
    let blocks = x.as_chunks::<32>().0.iter().zip(values.as_chunks_mut::<32>().0);
    for ((x, values), scale) in blocks.zip(scales) {
        let e = largest(x).1 / 127.0;
        *scale = half(e);
        let inverse = if e == 0.0 { 0.0 } else { 1.0 / e };
        if !inverse.is_finite() || !scale.is_finite() {
            return Err(NOT_FINITE);
        }
        let inverse = Factor::of(inverse);
        for (value, x) in values.iter_mut().zip(x) {
            *value = Factor::of(*x).times(inverse).round() as i8;
        }
    }
    Ok(())
}

/// Blocks of 256, each ordered by element mod 8, and the sums of 32 neighbours.
fn q8_k(x: &[f32], scales: &mut [f32], sums: &mut [i32], values: &mut [i8]) -> Checked {
    let blocks = x.as_chunks::<256>().0.iter().zip(values.as_chunks_mut::<256>().0);
    for (((x, values), scale), sums) in blocks.zip(scales).zip(sums.as_chunks_mut::<8>().0) {
        let (a, size) = largest(x);
        if size == 0.0 {
            (*scale, *sums) = (0.0, [0; 8]);
            values.fill(0);
            continue;
        }
        // So that products with the scale stay in f32's normal range.
        if !(SMALLEST..=LARGEST).contains(&size) {
            return Err("a value of a ggml operation is out of range");
        }
        let c = -127.0 / a;
        *scale = 1.0 / c;
        let c = Factor::of(c);
        for ((part, x), sum) in x.as_chunks::<32>().0.iter().enumerate().zip(sums) {
            *sum = 0;
            for (place, x) in x.iter().enumerate() {
                let value = Factor::of(*x).times(c).rint().min(127) as i8;
                *sum += i32::from(value);
                values[place % 8 * 32 + part * 4 + place / 8] = value;
            }
        }
    }
    Ok(())
}

/// The first value of the largest size, and that.
fn largest(x: &[f32]) -> (f32, f32) {
    // Sizes compare as their bits do.
    let (mut found, mut most) = (0, 0);
    for x in x {
        let size = x.to_bits() & 0x7fff_ffff;
        if size > most {
            (found, most) = (x.to_bits(), size);
        }
    }
    (f32::from_bits(found), f32::from_bits(most))
}

/// The f16 next to x, ties to even, as f32.
fn half(x: f32) -> f32 {
    let (sign, bits) = (x.to_bits() & 0x8000_0000, x.to_bits() & 0x7fff_ffff);
    let rounded = if bits >= 0x477f_f000 {
        0x7f80_0000
    } else if bits >= 0x3880_0000 {
        (bits + 0xfff + (bits >> 13 & 1)) & !0x1fff
    } else {
        // Below 2^-14 the step is 2^-24, which is that of f32 next to a half.
        ((f32::from_bits(bits) + 0.5) - 0.5).to_bits()
    };
    f32::from_bits(sign | rounded)
}
