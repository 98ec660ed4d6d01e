//! Low-rank updates of weights: a scaled product of two small matrices added to a large one.

use crate::fused::{Factor, Sum};
use crate::memory::{as_f32, as_f32_mut, as_u32_mut, words, Memory, Region};
use crate::plan::arguments;
use crate::Checked;

/// How a result is rounded after it is one of f32.
#[derive(Clone, Copy)]
enum Precision {
    F32,
    F16,
    Bf16,
}

impl Precision {
    #[inline(always)]
    fn round(self, x: f32) -> Option<f32> {
        match self {
            Self::F32 => Some(x),
            Self::F16 => to_half(x),
            Self::Bf16 => finite(f32::from_bits(nearest(x.to_bits(), 16))),
        }
    }
}

/// Bits without the last `drop`, rounded half to even. The bits of f32 without their sign are in the order of the numbers.
fn nearest(bits: u32, drop: u32) -> u32 {
    let half = (1 << (drop - 1)) - 1 + (bits >> drop & 1);
    (bits + half) & !((1 << drop) - 1)
}

fn finite(x: f32) -> Option<f32> {
    (x.to_bits() >> 23 & 255 != 255).then_some(x)
}

/// The nearest number of f16. None where it is infinite there.
fn to_half(x: f32) -> Option<f32> {
    let bits = x.to_bits();
    let (sign, size) = (bits & 1 << 31, bits & !(1 << 31));
    let exponent = size >> 23;
    // Below 2^-14 multiples of 2^-24 are left.
    let rounded = match exponent {
        113.. => nearest(size, 13),
        102..=112 => nearest_subnormal(size, 126 - exponent),
        _ => 0,
    };
    (rounded < 143 << 23).then_some(f32::from_bits(sign | rounded))
}

/// As `nearest`, with the mantissa's own top bit among the bits that may go: `drop` is 14 to 24.
fn nearest_subnormal(size: u32, drop: u32) -> u32 {
    let mantissa = size & 0x7f_ffff | 0x80_0000;
    let kept = nearest(mantissa, drop);
    match kept {
        0 => 0,
        kept => {
            let shift = kept.leading_zeros() as i32 - 8;
            let mantissa = if shift < 0 { kept >> 1 } else { kept << shift };
            (((size >> 23) as i32 - shift) as u32) << 23 | mantissa & 0x7f_ffff
        }
    }
}

/// Words from the first to the last of a matrix with strides.
fn extent(rows: u32, row: u32, columns: u32, column: u32) -> u64 {
    if rows == 0 || columns == 0 {
        return 0;
    }
    u64::from(rows - 1) * u64::from(row) + u64::from(columns - 1) * u64::from(column) + 1
}

/// `w, left, right, y, scratch, rows, columns, rank, pitch, strides of left, strides of right, scaling, precision`:
/// `y = w + scaling * (left right)`, fused multiply-adds in order of the rank.
///
/// `w` and `y` have rows of `pitch` words, `left` a stride of rows and one of ranks, `right` one of ranks and one of
/// columns, in words. `scratch` is memory for two words of each number of `right` and of a row of `left`.
pub fn merge(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [w, left, right, y, scratch, rows, columns, rank, pitch, left_row, left_rank, right_rank, right_column, scaling, precision] =
        arguments(args)?;
    let precision = match precision {
        0 => Precision::F32,
        1 => Precision::F16,
        2 => Precision::Bf16,
        _ => return Err("no such precision"),
    };
    let scaling = f32::from_bits(scaling);
    if finite(scaling).is_none() || scaling.to_bits() << 1 == 0 {
        return Err("a scaling that is zero or not finite");
    }
    if rows == 0 || columns == 0 || columns > pitch || rank > 1 << 16 {
        return Err("sizes of a merge are out of range");
    }
    let area = extent(rows, pitch, columns, 1);
    let held = u64::from(rank) * (u64::from(columns) + 1) * 2;
    let reads: [Region; 3] = [
        words(w, area),
        words(left, extent(rows, left_row, rank, left_rank)),
        words(right, extent(rank, right_rank, columns, right_column)),
    ];
    let Some(([y, scratch], [w, left, right])) = memory.split([words(y, area), words(scratch, held)], reads)? else {
        return Ok(());
    };
    let (y, w, left, right) = (as_f32_mut(y), as_f32(w), as_f32(left), as_f32(right));
    if ![w, left, right].iter().all(|numbers| numbers.iter().all(|x| finite(*x).is_some())) {
        return Err("a weight is not finite");
    }
    let (scratch, _) = as_u32_mut(scratch).as_chunks_mut::<2>();
    let (row, factors) = scratch.split_at_mut(rank as usize);
    for (column, factors) in factors.chunks_exact_mut((rank as usize).max(1)).enumerate() {
        for (k, factor) in factors.iter_mut().enumerate() {
            *factor = Factor::new(right[k * right_rank as usize + column * right_column as usize]).words();
        }
    }
    let scaling = Factor::new(scaling);
    for index in 0..rows as usize {
        for (k, factor) in row.iter_mut().enumerate() {
            *factor = Factor::new(left[index * left_row as usize + k * left_rank as usize]).words();
        }
        let at = index * pitch as usize;
        let (y, w) = (&mut y[at..][..columns as usize], &w[at..][..columns as usize]);
        let mut factors = &*factors;
        for (y, w) in y.iter_mut().zip(w) {
            let (column, rest) = factors.split_at(rank as usize);
            factors = rest;
            let delta = row
                .iter()
                .zip(column)
                .fold(Sum::NONE, |sum, (a, b)| sum.add_product(Factor::from_words(*a), Factor::from_words(*b)));
            *y = update(*w, delta, scaling, precision).ok_or("a merged weight is not finite")?;
        }
    }
    Ok(())
}

/// `w + scaling * delta`, each rounded.
#[inline(always)]
fn update(w: f32, delta: Sum, scaling: Factor, precision: Precision) -> Option<f32> {
    let scaled = delta.times(scaling);
    let scaled = match precision {
        Precision::F32 => scaled,
        half => Sum::new(half.round(scaled.to_f32()?)?),
    };
    let sum = precision.round(Sum::new(w).plus(scaled).to_f32()?)?;
    if sum.to_bits() == 0 && w.to_bits() == 1 << 31 {
        // Two zeros: the sum is negative only where both are.
        return Some(if delta.is_negative() == scaling.is_negative() { 0.0 } else { w });
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every f16 as an f32.
    fn halves() -> impl Iterator<Item = f32> {
        (0..0x7c00u32).map(|bits| {
            let (exponent, mantissa) = ((bits >> 10) as i32, (bits & 1023) as f32);
            if exponent == 0 {
                mantissa * 2f32.powi(-24)
            } else {
                (1024.0 + mantissa) * 2f32.powi(exponent - 25)
            }
        })
    }

    #[test]
    fn halves_are_rounded_to_even() {
        let all: Vec<f32> = halves().collect();
        for pair in all.windows(2) {
            let middle = (pair[0] + pair[1]) / 2.0;
            let (below, above) = (f32::from_bits(middle.to_bits() - 1), f32::from_bits(middle.to_bits() + 1));
            let even = if pair[0].to_bits() >> 13 & 1 == 0 && pair[0] >= 2f32.powi(-14) { pair[0] } else { pair[1] };
            assert_eq!((to_half(pair[0]), to_half(-pair[1])), (Some(pair[0]), Some(-pair[1])));
            assert_eq!((to_half(below), to_half(above)), (Some(pair[0]), Some(pair[1])), "{middle:?}");
            if middle >= 2f32.powi(-14) {
                assert_eq!(to_half(middle), Some(even));
            } else {
                let unit = pair[0] * 2f32.powi(24);
                assert_eq!(to_half(middle), Some(if (unit as u32).is_multiple_of(2) { pair[0] } else { pair[1] }));
            }
        }
        assert_eq!(to_half(65519.99), Some(65504.0));
        assert_eq!(to_half(65520.0), None);
    }

    #[test]
    fn bf16_is_rounded_to_even() {
        let round = |bits| Precision::Bf16.round(f32::from_bits(bits)).map(f32::to_bits);
        assert_eq!(round(0x3f80_8000), Some(0x3f80_0000));
        assert_eq!(round(0x3f81_8000), Some(0x3f82_0000));
        assert_eq!(round(0xbf80_8001), Some(0xbf81_0000));
        assert_eq!(round(0x7f7f_8000), None);
        assert_eq!(round(0x0000_8001), Some(0x0001_0000));
    }

    /// Runs a merge of 3 x 4 weights with rank 2 and these arguments changed.
    fn merged(change: impl Fn(&mut [u32; 15])) -> Checked<Vec<f32>> {
        let mut arena: Vec<u32> = (1..=12 + 6 + 8).map(|i| (i as f32 * 0.1).to_bits()).collect();
        arena.resize(26 + 12 + 20, 0);
        let mut args = [0, 48, 72, 104, 152, 3, 4, 2, 4, 2, 1, 4, 1, 2f32.to_bits(), 0];
        change(&mut args);
        merge(&args, &mut Memory::new(&mut arena, 0, &[]))?;
        Ok(arena[26..38].iter().map(|bits| f32::from_bits(*bits)).collect())
    }

    #[test]
    fn a_merge() {
        let number = |i: usize| (i + 1) as f32 * 0.1;
        let wanted = |fused: bool| -> Vec<f32> {
            (0..12)
                .map(|at| {
                    let (i, j) = (at / 4, at % 4);
                    let term = |k: usize, sum: f32| {
                        let (a, b) = (number(12 + 2 * i + k), number(18 + 4 * k + j));
                        if fused {
                            libm::fmaf(a, b, sum)
                        } else {
                            a * b + sum
                        }
                    };
                    number(at) + 2.0 * term(1, term(0, 0.0))
                })
                .collect()
        };
        assert_eq!(merged(|_| ()), Ok(wanted(true)));
        assert_ne!(wanted(true), wanted(false));
    }

    #[test]
    fn rank_zero_adds_nothing() {
        let weights: Vec<f32> = (1..=12).map(|i| i as f32 * 0.1).collect();
        assert_eq!(merged(|args| args[7] = 0), Ok(weights));
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for (at, value, reason) in [
            (3, 8, "what is written overlaps another operand"),
            (4, 104, "what is written overlaps another operand"),
            (4, 156, "a region does not lie within memory"),
            (5, 0, "sizes of a merge are out of range"),
            (7, 1 << 20, "sizes of a merge are out of range"),
            (8, 3, "sizes of a merge are out of range"),
            (0, 1 << 20, "a region does not lie within memory"),
            (13, 0, "a scaling that is zero or not finite"),
            (13, f32::NAN.to_bits(), "a scaling that is zero or not finite"),
            (14, 3, "no such precision"),
            (13, f32::MAX.to_bits(), "a merged weight is not finite"),
        ] {
            assert_eq!(merged(|args| args[at] = value), Err(reason), "argument {at} = {value}");
        }
        assert_eq!(merge(&[0; 14], &mut Memory::dry(400, 0, &[])), Err("a wrong number of arguments"));
    }
}
