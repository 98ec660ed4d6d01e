//! Requantisation on the accelerator: the product of each lane and a multiplier of 17 bits is proved, and one of its digits is
//! the output, but where it is clamped and where the multiplier's error could matter.
//!
//! The product, with a constant added, is a fixed-point number in units of 2^-16 `parts`, `unit` parts to one of the output:
//! the requantised value, with its zero point, a half and `BELOW`. Its whole part tells the output, or that it is below or
//! above the range; its fraction, how far the value is from a tie. Fractions from 128 on are next to a tie, and so both what
//! lies next to a tie and what lies above the range has a byte whose top bit is set: four outputs are looked at together, and
//! requantised in full where one of them is such.

use crate::program::{planes as at, Span, CELL};
use crate::requantize::{lane, valid, Channel, Output, Requantize, OFFSET};
use crate::workspace::bytes;

/// Numbers that `Builder::rescale` takes, each a byte.
pub const NUMBERS: usize = 11;
/// What is added to a value's whole part: 0x7f, as its upper byte, stands for the range.
const BELOW: i32 = 0x7f00;
/// Parts of a unit that are not next to a tie.
const CLEAR: i32 = 128;
/// Parts that are, at most: for the smallest scale and the largest error of its multiplier.
const MOST_NEAR: i32 = 17;

/// Requantisation to all of a byte's range by a scale of 2^-13 to 2 / 129.
#[derive(Clone, Copy, Debug)]
pub struct Rescale {
    multiplier: u32,
    /// What is added to the product for an accumulator of zero.
    constant: i64,
    /// Parts of 2^16 to one of the output: `CLEAR` and those that are next to a tie.
    unit: u8,
}

impl Rescale {
    /// None for a scale or a range that it is not for.
    pub fn new(scale: f32, output: Output) -> Option<Self> {
        let bits = scale.to_bits();
        let exponent = (bits >> 23) as i32 - 127;
        if !valid(scale) || !(-13..-6).contains(&exponent) || (output.low, output.high) != (0, 255) {
            return None;
        }
        // scale * 2^16 = mantissa / 2^shift
        let (mantissa, shift) = (bits & 0x7f_ffff | 0x80_0000, (7 - exponent) as u32);
        // The multiplier is scale * unit * 2^16 but for `lacking` / 2^shift. The constant mends that for the accumulator that
        // leads to the middle of the range, so at its ends, 128 / scale away, the product is off by 2^7 lacking / mantissa
        // parts. Beside that: mended by 2^-8, the constant's lowest byte by 2^-8, f32's rounding by 2^-8, together less than
        // 1/16. Those next to a tie lie on both sides of it, half of them each.
        let (near, multiplier, lacking) = (1..=MOST_NEAR).find_map(|near| {
            let exact = mantissa * (CLEAR + near) as u32;
            let multiplier = (exact + (1 << (shift - 1))) >> shift;
            let lacking = exact.wrapping_sub(multiplier << shift) as i32;
            let enough = lacking.unsigned_abs() << 11 <= mantissa * (8 * near - 1) as u32;
            enough.then_some((near, multiplier, lacking))
        })?;
        if multiplier >> 17 != 0 {
            return None;
        }
        // Half of what the middle is away from zero, times lacking / 2^shift / scale, which is 2^16 lacking / mantissa.
        let middle = 255 - 2 * output.zero;
        let mended = (middle * (lacking * (1 << 11) / (mantissa >> 12) as i32)) >> 8;
        let unit = CLEAR + near;
        // A half, less the half of `near`.
        let half = CLEAR << 15;
        let constant = (i64::from((BELOW + output.zero) * unit) << 16) + i64::from(half + mended);
        Some(Self { multiplier, constant, unit: unit as u8 })
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
        Some([m0, m1, m2, 128 * m2, low[0], low[1], more[0], more[1], less[0], less[1], self.unit])
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
        // Multiplied with: for a constant, the compiler has a shift and a subtraction.
        let all = core::hint::black_box(255);
        let (plane, first) = (span.count as usize * WORDS, span.first as usize * WORDS * 4);
        let (lanes_of, products) = planes.split_at_mut(3 * lanes * WORDS);
        let mut products = products.chunks_exact_mut(plane);
        let mut next = |skipped: u32| products.nth(skipped as usize).unwrap_or_default().as_chunks_mut::<WORDS>().0;
        let (fraction, byte, above) = (next(at::FRACTION), next(0), next(0));
        for (cell, ((fraction, above), byte)) in fraction.iter().zip(above).zip(byte.iter_mut()).enumerate() {
            let (fraction, above, values) = (*fraction, *above, *byte);
            if fraction.iter().chain(&above).fold(0, |all, word| all | word) & TOP == 0 {
                *byte = core::array::from_fn(|i| within(values[i], above[i], all));
                continue;
            }
            for i in 0..WORDS {
                let flags = (fraction[i] | above[i]) & TOP;
                byte[i] = within(values[i], above[i] & !TOP, all);
                if flags != 0 {
                    byte[i] = full(requantize, channel, lanes_of, first + cell * CELL + 4 * i, flags, byte[i]);
                }
            }
        }
        bytes(byte.as_flattened())
    }
}

const TOP: u32 = 0x8080_8080;

/// Four outputs, zero where their values are below the range: where `above` is less than 0x7f; it is 0x7f at most. `all` is 255.
#[inline(always)]
fn within(byte: u32, above: u32, all: u32) -> u32 {
    const ONES: u32 = 0x0101_0101;
    byte & (above.wrapping_add(ONES) >> 7 & ONES).wrapping_mul(all)
}

/// Four outputs: from their lanes where `flags` has a byte's top bit, and as they are in `others`.
#[cold]
#[inline(never)]
fn full(requantize: &Requantize, channel: &Channel, lanes: &[u32], at: usize, flags: u32, others: u32) -> u32 {
    let (lanes, plane) = (bytes(lanes), lanes.len() / 3 * 4);
    let (mut found, mut flags) = (others.to_le_bytes(), flags);
    for (i, byte) in found.iter_mut().enumerate() {
        if flags & 128 != 0 {
            let at = at + i;
            *byte = requantize.apply(channel, lane(lanes[at], lanes[plane + at], lanes[2 * plane + at]));
        }
        flags >>= 8;
    }
    u32::from_le_bytes(found)
}

/// Words of a cell.
const WORDS: usize = CELL / 4;

#[cfg(test)]
#[path = "rescale_tests.rs"]
mod tests;
