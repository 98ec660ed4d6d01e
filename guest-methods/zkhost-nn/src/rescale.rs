//! Requantisation on the accelerator: the product of each lane and a multiplier of 17 bits is proved, and one of its bytes is
//! the output, but where it is clamped and where the multiplier's error could matter.
//!
//! The product, with a constant added, is 2^24 times a fixed-point number: the requantised value, with its zero point, a half
//! and 2^15. The whole part tells the output, or that it is below or above the range; the fraction, how far the value is from
//! a tie. Outputs next to a tie or above the range are requantised in full.

use crate::program::{planes as at, Span, CELL};
use crate::requantize::{lane, valid, Channel, Output, Requantize, OFFSET};
use crate::workspace::bytes;

/// Numbers that `Builder::rescale` takes, each a byte.
pub const NUMBERS: usize = 10;

/// Requantisation to all of a byte's range by a scale of 2^-13 to 2^-7.
#[derive(Clone, Copy, Debug)]
pub struct Rescale {
    multiplier: u32,
    /// What is added to the product for an accumulator of zero.
    constant: i64,
    /// Fractions of this many parts of 256 below 1 are next to a tie.
    near: u32,
}

impl Rescale {
    /// None for a scale or a range that it is not for.
    pub fn new(scale: f32, output: Output) -> Option<Self> {
        let bits = scale.to_bits();
        let exponent = (bits >> 23) as i32 - 127;
        if !valid(scale) || !(-13..-7).contains(&exponent) || (output.low, output.high) != (0, 255) {
            return None;
        }
        // scale = mantissa / 2^shift / 2^24
        let (mantissa, shift) = ((bits & 0x7f_ffff | 0x80_0000) as i32, -1 - exponent);
        let multiplier = (mantissa + (1 << (shift - 1))) >> shift;
        if multiplier >> 17 != 0 {
            return None;
        }
        // What the multiplier lacks, times the accumulator that leads to the middle of the range: 2^23 lacking / mantissa times
        // twice the middle. So the product is off by nothing there, and by 128 / multiplier / 2 outputs at the ends.
        let (lacking, middle) = (mantissa - (multiplier << shift), 255 - 2 * output.zero);
        let mended = middle * lacking * (1 << 10) / (mantissa >> 13);
        // Beside that: mended by 2^-14, f32's rounding by 2^-16, and the constant's lowest byte.
        let near = (32768 + multiplier / 16) / multiplier + 1;
        let zero = (i64::from(0x8000 + output.zero) << 24) + (1 << 23);
        let constant = zero + i64::from(mended) - (i64::from(near) << 15);
        Some(Self { multiplier: multiplier as u32, constant, near: near as u32 })
    }

    /// The numbers for sums `lane - 2^23 + bias`. None for a bias that it is not for.
    pub fn numbers(&self, bias: i32) -> Option<[u8; NUMBERS]> {
        if bias.unsigned_abs() >= 1 << 23 {
            return None;
        }
        let constant = (self.constant + i64::from(bias - OFFSET) * i64::from(self.multiplier)) >> 8;
        let [high, low] = [(constant >> 16) as i32, constant as i32 & 0xffff];
        // high = more - 2 less; it lies within -2^17 and 2^16.
        let less = if high < 0 { (1 - high) / 2 } else { 0 };
        let more = high + 2 * less;
        let [m0, m1, m2, _] = self.multiplier.to_le_bytes();
        let [low, more, less] = [low, more, less].map(|number| (number as u16).to_le_bytes());
        Some([m0, m1, m2, 128 * m2, low[0], low[1], more[0], more[1], less[0], less[1]])
    }

    /// Puts outputs in the place of the products' wanted bytes, and returns those. `span` is the lanes that have products.
    pub fn bytes<'p>(
        &self,
        requantize: &Requantize,
        channel: &Channel,
        planes: &'p mut [u32],
        lanes: usize,
        span: Span,
    ) -> &'p [u8] {
        const LOW: u32 = 0x7f7f_7f7f;
        const ONES: u32 = 0x0101_0101;
        let (plane, first) = (span.count as usize * WORDS, span.first as usize * WORDS * 4);
        let (lanes_of, products) = planes.split_at_mut(3 * lanes * WORDS);
        let mut products = products.chunks_exact_mut(plane);
        let mut next = |skipped: u32| products.nth(skipped as usize).unwrap_or_default().as_chunks_mut::<WORDS>().0;
        let (fraction, byte, above) = (next(at::FRACTION), next(0), next(0));
        let near = self.near * ONES;
        for (cell, ((fraction, above), byte)) in fraction.iter().zip(above).zip(byte.iter_mut()).enumerate() {
            for i in 0..WORDS {
                // The highest bit of each byte: the value is above the range, or next to a tie.
                let over = above[i] & ((above[i] & LOW) + LOW);
                let tie = fraction[i] & ((fraction[i] & LOW) + near);
                if (over | tie) & !LOW != 0 {
                    let at = first + cell * CELL + 4 * i;
                    byte[i] = full(requantize, channel, lanes_of, at);
                } else {
                    // Zero where the value is below the range.
                    byte[i] &= (above[i] >> 7 & ONES) * 255;
                }
            }
        }
        bytes(byte.as_flattened())
    }
}

/// Words of a cell.
const WORDS: usize = CELL / 4;

/// Four outputs from their lanes.
#[cold]
#[inline(never)]
fn full(requantize: &Requantize, channel: &Channel, lanes: &[u32], at: usize) -> u32 {
    let (lanes, plane) = (bytes(lanes), lanes.len() / 3 * 4);
    u32::from_le_bytes(core::array::from_fn(|i| {
        let at = at + i;
        requantize.apply(channel, lane(lanes[at], lanes[plane + at], lanes[2 * plane + at]))
    }))
}

#[cfg(test)]
#[path = "rescale_tests.rs"]
mod tests;
