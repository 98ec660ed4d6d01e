//! Functions of each f32, powers, and softmax: integers alone, so the same on every machine (see `wide`).

use crate::constants::ATANH;
use crate::elementary as el;
use crate::ggml::soft::Float;
use crate::memory::{as_f32, as_f32_mut, bytes, product, words, Memory};
use crate::moves::AXES;
use crate::plan::arguments;
use crate::sums::pairs;
use crate::wide::{normal, polynomial, quotient, Wide, HUGE, ONE, SQRT_HALF, ZERO};
use crate::Checked;

/// A function of a finite number other than zero, and of two parameters.
type Apply = fn(Wide, [Wide; 2]) -> Wide;

/// Values at 0, -0, infinity and -infinity.
type Limits = [f32; 4];

const INF: f32 = f32::INFINITY;
const ODD: Limits = [0.0, -0.0, f32::NAN, f32::NAN];
const GATE: Limits = [0.0, -0.0, INF, -0.0];
const HALF_PI: f32 = core::f32::consts::FRAC_PI_2;

/// Where a function has no value, its limits (none: its formula holds there too), and its formula.
type Kind = (fn(f32) -> bool, Option<Limits>, Apply);

/// What a kind of function is.
fn kind(kind: u32) -> Checked<Kind> {
    let everywhere: fn(f32) -> bool = |_| false;
    let unit: fn(f32) -> bool = |x| x.abs() > 1.0;
    Ok(match kind {
        0 => (everywhere, Some([1.0, 1.0, INF, 0.0]), |x, _| el::exp(x)),
        1 => (|x| x < 0.0, Some([-INF, -INF, INF, f32::NAN]), |x, _| el::log(x)),
        2 => (everywhere, Some([0.5, 0.5, 1.0, 0.0]), |x, _| el::sigmoid(x)),
        3 => (everywhere, Some([0.0, -0.0, 1.0, -1.0]), |x, _| el::tanh(x)),
        4 => (everywhere, Some([0.0, -0.0, 1.0, -1.0]), |x, _| el::erf(x)),
        5 => (everywhere, Some([core::f32::consts::LN_2, core::f32::consts::LN_2, INF, 0.0]), |x, _| el::softplus(x)),
        6 => (everywhere, Some(GATE), |x, _| el::gelu(x)),
        7 => (everywhere, Some(GATE), |x, _| el::gelu_tanh(x)),
        8 => (everywhere, Some(GATE), |x, _| el::mish(x)),
        9 => (everywhere, Some(ODD), |x, _| el::sin(x, 0)),
        10 => (everywhere, Some([1.0, 1.0, f32::NAN, f32::NAN]), |x, _| el::sin(x, 1)),
        11 => (everywhere, Some(ODD), |x, _| el::tan(x)),
        12 => (unit, Some(ODD), |x, _| el::asin(x)),
        13 => (unit, Some([HALF_PI, HALF_PI, f32::NAN, f32::NAN]), |x, _| el::acos(x)),
        14 => (everywhere, Some([0.0, -0.0, HALF_PI, -HALF_PI]), |x, _| el::atan(x)),
        15 => (everywhere, Some([0.0, -0.0, INF, -INF]), |x, _| el::sinh(x)),
        16 => (everywhere, Some([1.0, 1.0, INF, INF]), |x, _| el::cosh(x)),
        17 => (everywhere, Some([0.0, -0.0, INF, -INF]), |x, _| el::asinh(x)),
        18 => (|x| x < 1.0, Some([f32::NAN, f32::NAN, INF, f32::NAN]), |x, _| el::acosh(x)),
        19 => (unit, Some(ODD), |x, _| el::atanh(x)),
        20 => (everywhere, None, elu),
        21 => (everywhere, None, celu),
        22 => (everywhere, None, |x, [alpha, _]| x.mul(el::sigmoid(x.mul(alpha)))),
        _ => return Err("no such function of an f32"),
    })
}

/// gamma * x, or gamma * alpha * (e^x - 1) below zero.
fn elu(x: Wide, [alpha, gamma]: [Wide; 2]) -> Wide {
    if !x.negative || x.mantissa == 0 {
        return gamma.mul(x);
    }
    gamma.mul(alpha.mul(el::expm1(x)))
}

/// x, or alpha * (e^(x / alpha) - 1) below zero.
fn celu(x: Wide, [alpha, _]: [Wide; 2]) -> Wide {
    if !x.negative || x.mantissa == 0 {
        return x;
    }
    alpha.mul(el::expm1(x.div(alpha)))
}

/// `kind, x, y, count, alpha, gamma`: a function of each element; NaN gives NaN.
pub fn function(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [number, x, y, count, alpha, gamma] = arguments(args)?;
    let (undefined, limits, apply) = kind(number)?;
    let (alpha, gamma) = (f32::from_bits(alpha), f32::from_bits(gamma));
    if !alpha.is_finite() || !gamma.is_finite() || (number == 21 && alpha == 0.0) {
        return Err("a parameter of a function is out of range");
    }
    let parameters = [Wide::new(alpha), Wide::new(gamma)];
    let Some(([y], [x])) = memory.split([words(y, count.into())], [words(x, count.into())])? else {
        return Ok(());
    };
    for (y, x) in as_f32_mut(y).iter_mut().zip(as_f32(x)) {
        let bits = x.to_bits();
        let (magnitude, negative) = (bits & 0x7fff_ffff, (bits >> 31) as usize);
        *y = match limits {
            _ if magnitude > 0x7f80_0000 => f32::NAN,
            Some(limits) if magnitude == 0 => limits[negative],
            Some(limits) if magnitude == 0x7f80_0000 => limits[2 + negative],
            _ if undefined(*x) => f32::NAN,
            _ => apply(Wide::new(*x), parameters).to_f32(),
        };
    }
    Ok(())
}

/// `a, b, y, shape, strides of a, strides of b`: a to the power of b.
pub fn power(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 3 + 3 * AXES] = arguments(args)?;
    let [a, b, y] = [all[0], all[1], all[2]];
    pairs(4, a, b, words(y, product(&all[3..9])?), &all[3..], memory, |a, b, at, y| {
        as_f32_mut(y)[at] = to_the_power(as_f32(a)[0], as_f32(b)[0]);
    })
}

/// x^y with the special values of C's `pow`.
fn to_the_power(x: f32, y: f32) -> f32 {
    let magnitude = f32::from_bits(x.to_bits() & 0x7fff_ffff);
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f32::NAN;
    }
    let (whole, odd) = parity(y);
    let negative = x.to_bits() >> 31 == 1;
    let found = if magnitude == 0.0 || magnitude == INF || (!y.is_finite() && magnitude != 1.0) {
        if (y > 0.0) == (magnitude > 1.0) {
            HUGE
        } else {
            ZERO
        }
    } else if negative && !whole {
        return f32::NAN;
    } else if magnitude == 1.0 {
        ONE
    } else {
        finite_power(Wide::new(magnitude), Wide::new(y))
    };
    Wide { negative: negative && odd, ..found }.to_f32()
}

/// Whether a number is whole, and odd. An infinity is whole and even.
fn parity(y: f32) -> (bool, bool) {
    let wide = Wide::new(y);
    match wide.exponent {
        31.. => (true, false),
        0..=30 => {
            let fraction = wide.mantissa << (wide.exponent + 1);
            (fraction == 0, fraction == 0 && wide.mantissa >> (31 - wide.exponent) & 1 == 1)
        }
        _ => (false, false),
    }
}

/// x^y for a positive x other than 1. The logarithm has to be exact to some 2^-40 of itself, so it is taken in 64 bits.
fn finite_power(x: Wide, y: Wide) -> Wide {
    const LN_2: i64 = 49_946_518_145_322_874; // of 2^-56
    let above = x.mantissa > SQRT_HALF.mantissa;
    let power = x.exponent + i32::from(above);
    let number = if above { i64::from(x.mantissa) } else { i64::from(x.mantissa) << 1 };
    let (part, whole) = (Wide::fixed(number - (1 << 32), 32), Wide::fixed(number + (1 << 32), 32));
    let s = part.div(whole);
    // The quotient's further 32 bits, from what was left
    let dividend = u64::from(part.mantissa) << if part.mantissa < whole.mantissa { 32 } else { 31 };
    let rest = dividend.wrapping_sub(u64::from(s.mantissa) * u64::from(whole.mantissa)) as u32;
    let long = u64::from(s.mantissa) << 32 | u64::from(quotient(rest, 0, whole.mantissa));
    let square = s.mul(s);
    let series: [i32; 4] = [ATANH[1], ATANH[2], ATANH[3], ATANH[4]];
    let more = s.mul(square).mul(Wide::unit(polynomial(&series, square.to_fixed(32) as i32), 1));
    let bits = if power == 0 { 62 } else { 56 };
    let shift = 62 - bits - s.exponent;
    let twice = if part.mantissa == 0 || shift > 63 { 0 } else { (long >> shift) as i64 };
    let twice = if s.negative { -twice } else { twice };
    let log = i64::from(power) * LN_2 + twice + more.to_fixed(bits);
    let magnitude = log.unsigned_abs();
    let zeros = magnitude.leading_zeros() as i32;
    let magnitude = magnitude << zeros;
    let factor = u64::from(y.mantissa >> 8);
    let product = factor * (magnitude >> 32) + ((factor * (magnitude & 0xffff_ffff)) >> 32);
    let exponent = 63 - zeros - bits + y.exponent;
    let t = if exponent < -49 {
        0
    } else if exponent < 7 {
        product >> (14 - exponent)
    } else {
        1 << 47
    };
    let falls = (log < 0) != y.negative;
    if t >= 1 << 47 {
        return if falls { ZERO } else { HUGE };
    }
    el::exp_fixed(if falls { -(t as i64) } else { t as i64 })
}

/// `x, y, rows, width, logarithm`: softmax of each row, or its logarithm.
pub fn softmax(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, y, rows, width, logarithm] = arguments(args)?;
    if width == 0 || width >= 1 << 23 || logarithm > 1 {
        return Err("a row of nothing has no softmax");
    }
    let count = product(&[rows, width])?;
    let Some(([y], [x])) = memory.split([words(y, count)], [words(x, count)])? else { return Ok(()) };
    let width = width as usize;
    for (y, x) in as_f32_mut(y).chunks_exact_mut(width).zip(as_f32(x).chunks_exact(width)) {
        row(x, y, logarithm == 1);
    }
    Ok(())
}

fn row(x: &[f32], y: &mut [f32], logarithm: bool) {
    // In integers: each comparison of floats is a call.
    let (mut least, mut most) = (i32::MAX, i32::MIN);
    for x in x {
        let x = ordered(x.to_bits() as i32);
        (least, most) = (least.min(x), most.max(x));
    }
    let (low, high) = (ordered((-INF).to_bits() as i32), ordered(INF.to_bits() as i32));
    // Infinity, NaN of either sign, or nothing but -infinity.
    if most >= high || least < low || most == low {
        return y.fill(f32::NAN);
    }
    let most = f32::from_bits(ordered(most) as u32);
    let most = Distance::from(most);
    let mut sum = 0i64;
    for (y, x) in y.iter_mut().zip(x) {
        let (share, part) = match most.fixed(*x) {
            Some(distance) if distance > -(1 << 47) => el::exp_below(distance),
            _ => (0.0, 0),
        };
        sum += part;
        *y = share;
    }
    if !logarithm {
        let factor = ONE.div(Wide::fixed(sum, 40));
        for y in y {
            *y = scaled(*y, factor);
        }
        return;
    }
    // The largest is e^0 = 1: what is beside it has all its bits.
    let log = el::log1p(Wide::fixed(sum - (1 << 40), 40)).negate();
    for (y, x) in y.iter_mut().zip(x) {
        *y = if *x == -INF { -INF } else { most.wide(*x).add(log).to_f32() };
    }
}

/// A number that is not negative, times a positive factor, rounded to f32.
#[inline(always)]
fn scaled(x: f32, factor: Wide) -> f32 {
    let bits = x.to_bits();
    let product = u64::from(bits << 8 | 1 << 31) * u64::from(factor.mantissa);
    let (mut mantissa, mut exponent) = ((product >> 32) as u32, (bits >> 23) as i32 - 127 + factor.exponent);
    if mantissa >> 31 == 1 {
        exponent += 1;
    } else {
        mantissa = mantissa << 1 | product as u32 >> 31;
    }
    if bits < f32::MIN_POSITIVE.to_bits() || !(-126..=126).contains(&exponent) {
        return Wide::new(x).mul(factor).to_f32();
    }
    normal(mantissa, exponent)
}

/// An f32's bits as an integer in the order of numbers, NaN beyond the infinities of their sign; and back.
#[inline(always)]
fn ordered(bits: i32) -> i32 {
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// How far numbers are below the largest.
struct Distance {
    most: f32,
    /// In units of 2^-40, where that has room.
    fixed: Option<i64>,
}

impl Distance {
    fn from(most: f32) -> Self {
        Self { most, fixed: units(most) }
    }

    /// In units of 2^-40; none beyond 2^23.
    fn fixed(&self, x: f32) -> Option<i64> {
        if let (Some(most), Some(x)) = (self.fixed, units(x)) {
            return Some(x - most);
        }
        units(x - self.most)
    }

    fn wide(&self, x: f32) -> Wide {
        match (self.fixed, units(x)) {
            (Some(most), Some(x)) => Wide::fixed(x - most, 40),
            _ => Wide::new(x - self.most),
        }
    }
}

/// A number in units of 2^-40, truncated towards zero; none from 2^21 on.
#[inline(always)]
fn units(x: f32) -> Option<i64> {
    let bits = x.to_bits();
    let (exponent, mantissa) = (bits >> 23 & 0xff, bits & 0x7f_ffff | 0x80_0000);
    // mantissa * 2^(exponent - 150)
    let magnitude = match exponent {
        148.. => return None,
        110.. => i64::from(mantissa) << (exponent - 110),
        87.. => i64::from(mantissa >> (110 - exponent)),
        _ => 0,
    };
    Some(if bits >> 31 == 1 { -magnitude } else { magnitude })
}

/// `x, y, rows, width, table, factor, zero`: softmax of bytes. The table has 256 f32, e to the power of each byte less
/// 255, scaled: t = table[x + 255 - max], y = rint((t * factor) / sum of t) + zero, at most 255.
pub fn softmax_bytes(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, y, rows, width, table, factor, zero] = arguments(args)?;
    let factor = f32::from_bits(factor);
    let table = as_f32(memory.constant(words(table, 256))?);
    // All bits of numbers that are not negative are in their order.
    let entries = || table.iter().map(|entry| entry.to_bits());
    let positive = entries().all(|entry| entry < INF.to_bits()) && table[255] > 0.0;
    if width == 0 || !positive || !(1.0..=16_777_216.0).contains(&factor) || zero > 255 {
        return Err("a softmax of bytes has no such parameters");
    }
    let count = product(&[rows, width])?;
    let Some(([y], [x])) = memory.split([bytes(y, count)], [bytes(x, count)])? else { return Ok(()) };
    // Where sums and products are normal numbers, and no term is denormal, all is done in integers.
    let least = entries().filter(|entry| *entry > 0).min().unwrap_or(0);
    let bits = (table[255].to_bits() >> 23) + 1 + (u32::BITS - width.leading_zeros());
    let fast = least >= f32::MIN_POSITIVE.to_bits() && bits <= 254 && (table[255] * factor).is_finite();
    let width = width as usize;
    for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
        let table = &table[255 - usize::from(x.iter().copied().max().unwrap_or(255))..];
        let shares = Shares { table, factor, zero };
        if fast {
            shares.row(x, y);
        } else {
            let sum = x.iter().fold(0f32, |sum, x| sum + table[usize::from(*x)]);
            for (y, x) in y.iter_mut().zip(x) {
                *y = shares.exact(*x, sum);
            }
        }
    }
    Ok(())
}

/// A row's shares of its sum, as bytes.
struct Shares<'t> {
    /// From the largest byte's entry on, backwards.
    table: &'t [f32],
    factor: f32,
    zero: u32,
}

impl Shares<'_> {
    fn exact(&self, x: u8, sum: f32) -> u8 {
        let value = libm::rintf(self.table[usize::from(x)] * self.factor / sum) as u32;
        value.saturating_add(self.zero).min(255) as u8
    }

    /// The same in integers, for entries that are 0 or normal numbers. Where a share is so near to a half that roundings decide,
    /// floats do.
    fn row(&self, x: &[u8], y: &mut [u8]) {
        let term = |x: &u8| self.table[usize::from(*x)];
        let sum = x.iter().map(term).fold(Float::default(), |sum, term| match term.to_bits() {
            0 => sum,
            _ => sum.plus(Float::of(term)),
        });
        let sum = sum.value();
        let factor = Wide::new(self.factor).div(Wide::new(sum));
        for (y, x) in y.iter_mut().zip(x) {
            let bits = term(x).to_bits();
            // The share is product * 2^-shift.
            let product = ((u64::from(bits << 8 | 1 << 31) * u64::from(factor.mantissa)) >> 35) as u32;
            let shift = 27 + 127 - factor.exponent - (bits >> 23) as i32;
            // The floats' product and quotient round by 2^-24 of the share each, 64 units of the largest product.
            const NEAR: u32 = 80;
            let value = match shift {
                31.. => 0,
                16.. => {
                    let shares = product + (1 << (shift - 1)) + NEAR;
                    if shares & ((1 << shift) - 1) <= 2 * NEAR {
                        *y = self.exact(*x, sum);
                        continue;
                    }
                    shares >> shift
                }
                _ => {
                    *y = self.exact(*x, sum);
                    continue;
                }
            };
            *y = if bits == 0 { self.zero } else { value + self.zero }.min(255) as u8;
        }
    }
}

#[cfg(test)]
#[path = "functions_tests.rs"]
mod tests;
