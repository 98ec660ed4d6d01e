//! Between s32, f32 and bytes: requantisation, quantisation, tables, sums of two quantised tensors.

use crate::choices::Type;
use crate::fused;
use crate::memory::{as_f32, as_f32_mut, as_i32, as_u32, as_u32_mut, bytes, product, words, Memory};
use crate::moves::AXES;
use crate::plan::arguments;
use crate::requantize::{round, valid, Output, Requantize, OFFSET};
use crate::sums::pairs;
use crate::Checked;

/// Elements as (outer, channels, inner): which of the parameters is whose.
struct Channels {
    outer: usize,
    channels: usize,
    inner: usize,
    count: u64,
    /// Parameters: one, or one a channel.
    parameters: usize,
}

impl Channels {
    fn new([outer, channels, inner]: [u32; 3], parameters: u32) -> Checked<Self> {
        let count = product(&[outer, channels, inner])?;
        if count == 0 || (parameters != 1 && parameters != channels) {
            return Err("parameters for another number of channels");
        }
        let (outer, channels, inner) = (outer as usize, channels as usize, inner as usize);
        Ok(Self { outer, channels, inner, count, parameters: parameters as usize })
    }

    /// Calls `each` with a parameter's index and the elements it is for.
    fn each(&self, mut each: impl FnMut(usize, core::ops::Range<usize>)) {
        if self.parameters == 1 {
            return each(0, 0..self.count as usize);
        }
        for index in 0..self.outer * self.channels {
            each(index % self.channels, index * self.inner..(index + 1) * self.inner);
        }
    }
}

fn scales<'a>(memory: &Memory<'a>, at: u32, count: u32) -> Checked<&'a [f32]> {
    let scales = as_f32(memory.constant(words(at, count.into()))?);
    if scales.iter().all(|scale| valid(*scale)) {
        Ok(scales)
    } else {
        Err("a scale is not positive and finite")
    }
}

/// `x, y, outer, channels, inner, scales, their number, zero, low, high`: s32 to bytes.
pub fn requantize(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, y, outer, channels, inner, scale, count, zero, low, high] = arguments(args)?;
    let layout = Channels::new([outer, channels, inner], count)?;
    let (scales, output) = (scales(memory, scale, count)?, Output::new(zero, low, high)?);
    let Some(([y], [x])) = memory.split([bytes(y, layout.count)], [words(x, layout.count)])? else {
        return Ok(());
    };
    let x = as_i32(x);
    layout.each(|index, range| {
        let requantize = Requantize::new(scales[index], output);
        let channel = requantize.channel(0);
        for (y, x) in y[range.clone()].iter_mut().zip(&x[range]) {
            let lane = x.wrapping_add(OFFSET) as u32;
            *y = if lane < 1 << 24 { requantize.apply(&channel, lane << 7) } else { requantize.emulate(*x) };
        }
    });
    Ok(())
}

/// `x, y, outer, channels, inner, scales, zeros, number of both, low, high, added`: f32 to bytes. Zeros, low and high are of
/// the tensor's own type, s8 or u8; `added` is what bytes have more, 128 for s8.
pub fn quantize(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, y, outer, channels, inner, scale, zero, count, low, high, added] = arguments(args)?;
    let layout = Channels::new([outer, channels, inner], count)?;
    let scales = scales(memory, scale, count)?;
    let zeros = as_i32(memory.constant(words(zero, count.into()))?);
    let (low, high, added) = (low as i32, high as i32, added as i32);
    if !zeros.iter().chain([&low, &high]).all(|value| (0..256).contains(&value.wrapping_add(added))) || low > high {
        return Err("a quantisation's range is not one");
    }
    let Some(([y], [x])) = memory.split([bytes(y, layout.count)], [words(x, layout.count)])? else {
        return Ok(());
    };
    let x = as_f32(x);
    layout.each(|index, range| {
        let quantize = Quantize::new(scales[index], zeros[index], low, high, added);
        for (y, x) in y[range.clone()].iter_mut().zip(&x[range]) {
            *y = quantize.apply(*x);
        }
    });
    Ok(())
}

/// So many bytes are looked up: each of the 256 that there are takes a product of floats.
const MANY: usize = 320;

/// `type, x, y, outer, channels, inner, scales, zeros, number of both`: bytes or s32 to f32.
pub fn dequantize(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [kind, x, y, outer, channels, inner, scale, zero, count] = arguments(args)?;
    let layout = Channels::new([outer, channels, inner], count)?;
    let kind = Type::new(kind)?;
    let scales = as_f32(memory.constant(words(scale, count.into()))?);
    let zeros = as_i32(memory.constant(words(zero, count.into()))?);
    if matches!(kind, Type::Float | Type::Double) {
        return Err("floats are not dequantised");
    }
    let Some(([y], [x])) = memory.split([words(y, layout.count)], [kind.region(x, layout.count)])? else {
        return Ok(());
    };
    let y = as_f32_mut(y);
    layout.each(|index, range| {
        let (scale, zero) = (scales[index], zeros[index]);
        let float = |value: i32| value.wrapping_sub(zero) as f32 * scale;
        if kind != Type::Byte {
            y[range.clone()].iter_mut().zip(&as_i32(x)[range]).for_each(|(y, x)| *y = float(*x));
        } else if range.len() < MANY {
            y[range.clone()].iter_mut().zip(&x[range]).for_each(|(y, x)| *y = float((*x).into()));
        } else {
            let table: [f32; 256] = core::array::from_fn(|value| float(value as i32));
            y[range.clone()].iter_mut().zip(&x[range]).for_each(|(y, x)| *y = table[usize::from(*x)]);
        }
    });
    Ok(())
}

/// `x, count, y, scale, zero`: DynamicQuantizeLinear.
pub fn dynamic(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, count, y, scale, zero] = arguments(args)?;
    let writes = [bytes(y, count.into()), words(scale, 1), bytes(zero, 1)];
    let Some(([y, scale_at, zero_at], [x])) = memory.split(writes, [words(x, count.into())])? else {
        return Ok(());
    };
    let x = as_f32(x);
    let (mut low, mut high) = (0f32, 0f32);
    for x in x {
        if !x.is_finite() {
            return Err("a value to quantise is not finite");
        }
        low = if *x < low { *x } else { low };
        high = if *x > high { *x } else { high };
    }
    let scale = if high == low { 1.0 } else { (high - low) / 255.0 };
    let zero = round(0.0 - low / scale, 0, 255);
    // The quotient is clamped before it is rounded, as MLAS does, which leaves the same integers.
    let quantize = Quantize::new(scale, zero, 0, 255, 0);
    for (y, x) in y.iter_mut().zip(x) {
        *y = quantize.apply(*x);
    }
    as_f32_mut(scale_at)[0] = scale;
    zero_at[0] = zero as u8;
    Ok(())
}

/// `size, x, count, table, y`: a table's entries, of 1 or 4 bytes.
pub fn table(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [size, x, count, table, y] = arguments(args)?;
    let element = |at, count| crate::memory::elements(size, at, count);
    let reads = [bytes(x, count.into()), element(table, 256)?];
    let Some(([y], [x, table])) = memory.split([element(y, count.into())?], reads)? else { return Ok(()) };
    if size == 4 {
        let table = as_u32(table);
        for (y, x) in as_u32_mut(y).iter_mut().zip(x) {
            *y = table[usize::from(*x)];
        }
        return Ok(());
    }
    let table: &[u8; 256] = table.try_into().map_err(|_| "a table of 256 bytes")?;
    let (mut y, mut x) = (y.chunks_exact_mut(8), x.chunks_exact(8));
    for (y, x) in y.by_ref().zip(x.by_ref()) {
        for i in 0..8 {
            y[i] = table[usize::from(x[i])];
        }
    }
    for (y, x) in y.into_remainder().iter_mut().zip(x.remainder()) {
        *y = table[usize::from(*x)];
    }
    Ok(())
}

/// `a, b, tables, fixed-point, y, low, high, added, shape, strides of a, strides of b`: QLinearAdd. The tables are 2 x 256
/// f32 and a ratio: y = clamp(rint(ratio * A[a] + B[b])), the product added by a fused multiply-add. Where `fixed-point` is 1,
/// the products and B follow as s32, rounded, in units of 2^-16.
pub fn add(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 8 + 3 * AXES] = arguments(args)?;
    let [a, b, tables, points, y, low, high, added] = [all[0], all[1], all[2], all[3], all[4], all[5], all[6], all[7]];
    if points > 1 {
        return Err("no such sum");
    }
    let tables = memory.constant(words(tables, 513 + 512 * u64::from(points)))?;
    let (floats, points) = (as_f32(&tables[..4 * 513]), as_i32(&tables[4 * 513..]));
    let (low, high) = (low as i32, high as i32);
    if low > high || low < -128 || high > 255 || !floats.iter().all(|value| value.is_finite()) {
        return Err("a sum's range or factors are none");
    }
    let (shape, strides) = (&all[8..14], &all[14..]);
    let exact = Sum { floats, low, high, added: added as i32 };
    let y = bytes(y, product(shape)?);
    if points.is_empty() {
        return pairs(1, a, b, y, &all[8..], memory, |a, b, at, y| y[at] = exact.apply(a[0], b[0]));
    }
    let (a_points, b_points) = points.split_at(256);
    let (Ok(a_points), Ok(b_points)) = (a_points.try_into(), b_points.try_into()) else { return Err("no such sum") };
    let sum = FixedSum { a: a_points, b: b_points, low, high, added: added as i32, exact: &exact };
    if strides[..AXES] == strides[AXES..] && strides[AXES - 1] == 1 && shape[..AXES - 1].iter().all(|size| *size == 1) {
        let count = shape[AXES - 1].into();
        let Some(([y], [a, b])) = memory.split([y], [bytes(a, count), bytes(b, count)])? else { return Ok(()) };
        for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
            *y = sum.apply(*a, *b);
        }
        return Ok(());
    }
    pairs(1, a, b, y, &all[8..], memory, |a, b, at, y| y[at] = sum.apply(a[0], b[0]))
}

/// QLinearAdd by tables of f32, one of each operand's bytes behind the other, and the ratio of the first.
#[derive(Clone, Copy)]
struct Sum<'t> {
    floats: &'t [f32],
    low: i32,
    high: i32,
    added: i32,
}

impl Sum<'_> {
    #[cold]
    #[inline(never)]
    fn apply(&self, a: u8, b: u8) -> u8 {
        let ratio = fused::Factor::new(self.floats[512]);
        let sum = fused::Sum::new(self.floats[256 + usize::from(b)]);
        let sum = sum.add_product(ratio, fused::Factor::new(self.floats[usize::from(a)]));
        let sum = sum.to_f32().unwrap_or(if sum.is_negative() { f32::MIN } else { f32::MAX });
        (round(sum, self.low, self.high) + self.added) as u8
    }
}

/// The same by tables in units of 2^-16, where these decide.
#[derive(Clone, Copy)]
struct FixedSum<'t> {
    a: &'t [i32; 256],
    b: &'t [i32; 256],
    low: i32,
    high: i32,
    added: i32,
    exact: &'t Sum<'t>,
}

impl FixedSum<'_> {
    #[inline(always)]
    fn apply(&self, a: u8, b: u8) -> u8 {
        // The tables are off by half a unit each; f32 rounds twice, B and the sum, by at most 4 units below 2^11.
        const NEAR: i32 = 12;
        let value = self.a[usize::from(a)].wrapping_add(self.b[usize::from(b)]).wrapping_add((1 << 15) + NEAR);
        if value & 0xffff <= 2 * NEAR {
            return self.exact.apply(a, b);
        }
        ((value >> 16).max(self.low).min(self.high) + self.added) as u8
    }
}

/// QuantizeLinear of one scale and zero point: clamp(rint(x / scale)) + zero.
///
/// The fast path multiplies with the scale's reciprocal in fixed point. Its error, and that of f32's own rounding of the
/// quotient, matter only near a half: there the floats decide.
struct Quantize {
    scale: f32,
    /// 2^55 / mantissa of the scale.
    reciprocal: u32,
    exponent: i32,
    zero: i32,
    low: i32,
    high: i32,
    added: i32,
}

impl Quantize {
    fn new(scale: f32, zero: i32, low: i32, high: i32, added: i32) -> Self {
        let bits = scale.to_bits();
        let mantissa = bits & 0x7f_ffff | 0x80_0000;
        // A byte at a time: a remainder has 24 bits.
        let (mut quotient, mut rest) = (u64::from((1 << 31) / mantissa), (1 << 31) % mantissa);
        for _ in 0..3 {
            rest <<= 8;
            quotient = quotient << 8 | u64::from(rest / mantissa);
            rest %= mantissa;
        }
        let reciprocal = quotient.min(u32::MAX.into()) as u32;
        Self { scale, reciprocal, exponent: (bits >> 23) as i32, zero, low, high, added }
    }

    #[inline(always)]
    fn apply(&self, x: f32) -> u8 {
        let bits = x.to_bits();
        let exponent = (bits >> 23 & 0xff) as i32;
        // x / scale = product * 2^(distance - 29), between 2^(distance - 1) and 2^(distance + 1)
        let distance = exponent - self.exponent;
        let mut value = 0;
        if !(-1..=8).contains(&distance) || exponent == 0 || exponent == 255 {
            // Below a half it is 0, and zeros are, which images are full of; large numbers, NaN and denormal ones are left to
            // the floats.
            let denormal = exponent == 0 && bits & 0x7f_ffff != 0;
            if distance > 8 || denormal || exponent == 255 || self.exponent < 32 {
                return self.exact(x);
            }
        } else {
            let mantissa = (bits & 0x7f_ffff | 0x80_0000) << 8;
            let product = ((u64::from(mantissa) * u64::from(self.reciprocal)) >> 34) as u32;
            let shift = (29 - distance) as u32;
            // Units of the product: 1 for each floor, and 2^30 * 2^-24 for the quotient's rounding.
            const NEAR: u32 = 80;
            let sum = product + (1 << (shift - 1)) + NEAR;
            if sum & ((1 << shift) - 1) <= 2 * NEAR {
                return self.exact(x);
            }
            value = (sum >> shift) as i32;
        }
        let value = if (bits as i32) < 0 { -value } else { value };
        ((value + self.zero).max(self.low).min(self.high) + self.added) as u8
    }

    #[cold]
    #[inline(never)]
    fn exact(&self, x: f32) -> u8 {
        let value = nearest((x / self.scale).to_bits()).unwrap_or(self.low - self.zero);
        ((value + self.zero).clamp(self.low, self.high) + self.added) as u8
    }
}

/// An f32 rounded half to even, in integers, so that no code of floats is needed for it: exact below 2^10, as large from there on.
/// None of a NaN.
fn nearest(bits: u32) -> Option<i32> {
    const LARGE: i32 = 1 << 10;
    let (exponent, fraction) = (bits >> 23 & 0xff, bits & 0x7f_ffff);
    let value = match exponent {
        255 if fraction > 0 => return None,
        ..126 => 0,
        126..137 => {
            let (mantissa, shift) = (fraction | 0x80_0000, 150 - exponent);
            let (whole, rest) = (mantissa >> shift, mantissa & ((1 << shift) - 1));
            (whole + u32::from(rest + (whole & 1) > 1 << (shift - 1))) as i32
        }
        _ => LARGE,
    };
    Some(if (bits as i32) < 0 { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_in_integers_is_half_to_even() {
        for value in (-4200..4200).map(|step| step as f32 / 4.0) {
            for bits in [value.to_bits() - u32::from(value != 0.0), value.to_bits(), value.to_bits() + 1] {
                let wanted = f32::from_bits(bits).round_ties_even().clamp(-1024.0, 1024.0) as i32;
                assert_eq!(nearest(bits), Some(wanted), "{value}");
            }
        }
        assert_eq!(nearest(f32::NAN.to_bits()), None);
        assert_eq!(nearest(f32::NEG_INFINITY.to_bits()), Some(-1024));
        assert_eq!(nearest(1), Some(0));
    }

    /// All kinds of numbers: random bits, ties and their neighbours, zeros, infinities, NaN; many scales.
    #[test]
    fn quantising_equals_the_floats() {
        let mut state = 3u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        for case in 0..2000u32 {
            let exponent = if case % 4 == 0 { 1 + next() % 253 } else { 110 + next() % 30 };
            let scale = f32::from_bits(exponent << 23 | if case % 3 == 0 { 0 } else { next() & 0x7f_ffff });
            let added = if case % 2 == 0 { 128 } else { 0 };
            let (low, high) = (-added, 255 - added);
            let zero = low + (next() % 256) as i32;
            let quantize = Quantize::new(scale, zero, low, high, added);
            for step in 0..500 {
                let x = match step % 5 {
                    0 => f32::from_bits(next()),
                    1 => ((next() % 520) as f32 - 260.0 + 0.5) * scale,
                    2 => f32::from_bits(
                        (((next() % 520) as f32 - 259.5) * scale).to_bits().wrapping_add(next() % 5).wrapping_sub(2),
                    ),
                    3 => (next() as f32 / 4e9 - 0.5) * 600.0 * scale,
                    _ => [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE, 1e-45]
                        [next() as usize % 7],
                };
                let quotient = x / scale;
                let (low, high) = ((low - zero) as f32, (high - zero) as f32);
                let clamped = if quotient.is_nan() { low } else { quotient.clamp(low, high) };
                let wanted = (clamped.round_ties_even() as i32 + zero + added) as u8;
                assert_eq!(quantize.apply(x), wanted, "{x:e} / {scale:e} + {zero}");
            }
        }
    }

    /// QLinearAdd for every two bytes, by the processor's fused multiply-add: in units of 2^-16, and where floats decide.
    #[test]
    fn sums_of_two_bytes_equal_the_floats() {
        let mut state = 5u64;
        let mut next = |from: f32, to: f32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            from + (to - from) * ((state >> 40) as f32 / 16_777_216.0)
        };
        for _ in 0..60 {
            let (ratio, other, fixed) = (next(0.01, 2.0), next(0.01, 2.0), next(-400.0, 400.0));
            let (mut floats, mut a_points, mut b_points) = (vec![0f32; 513], [0i32; 256], [0i32; 256]);
            for byte in 0..256 {
                let value = byte as f32 - 128.0;
                (floats[byte], floats[256 + byte]) = (value, other.mul_add(value, fixed));
                a_points[byte] = (f64::from(ratio) * f64::from(value) * 65536.0).round_ties_even() as i32;
                b_points[byte] = (f64::from(floats[256 + byte]) * 65536.0).round_ties_even() as i32;
            }
            floats[512] = ratio;
            let exact = Sum { floats: &floats, low: -128, high: 127, added: 128 };
            let sum = FixedSum { a: &a_points, b: &b_points, low: -128, high: 127, added: 128, exact: &exact };
            for (a, b) in (0..=255u8).flat_map(|a| (0..=255u8).map(move |b| (a, b))) {
                let float = ratio.mul_add(floats[usize::from(a)], floats[256 + usize::from(b)]);
                let wanted = (float.round_ties_even().clamp(-128.0, 127.0) as i32 + 128) as u8;
                assert_eq!((exact.apply(a, b), sum.apply(a, b)), (wanted, wanted), "{ratio} {other} {fixed} {a} {b}");
            }
        }
    }
}
