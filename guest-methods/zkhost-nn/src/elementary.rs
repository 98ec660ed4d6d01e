//! Elementary functions of `Wide` numbers. `zkhost/ml/reference/elementary.py` is the same in numpy, step by step.

use crate::constants::{ATAN, ATANH, COS, ERF, ERFC, EXP, EXPM1, SIN, TWO_OVER_PI};
use crate::wide::{normal, polynomial, Wide, HALF_PI, HUGE, ONE, QUARTER_PI, SQRT_HALF, TWO, ZERO};

/// log2(e) in units of 2^-30, and ln 2 in units of 2^-40.
const LOG2_E: i32 = 1_549_082_005;
const LN_2: i64 = 762_123_384_786;
/// sqrt(2 / pi), and 0.044715.
const GELU_SCALE: Wide = Wide { negative: false, mantissa: 0xcc42_299e, exponent: -1 };
const GELU_CUBE: Wide = Wide { negative: false, mantissa: 0xb727_136a, exponent: -5 };

/// e^(t * 2^-40), for numbers below 128.
pub fn exp_fixed(t: i64) -> Wide {
    let (value, power) = exp_parts(t);
    Wide::unit(value, power)
}

/// The same as value * 2^(power - 30), the value within 2^29 and 2^31.
#[inline(always)]
fn exp_parts(t: i64) -> (i32, i32) {
    let scaled = ((i64::from((t >> 17) as i32) * i64::from(LOG2_E)) >> 32) as i32;
    let power = (scaled + (1 << 20)) >> 21;
    let rest = t - i64::from(power) * LN_2;
    (polynomial(&EXP, (rest >> 8) as i32), power)
}

/// e^(t * 2^-40) for t up to 0: rounded to f32, and truncated to units of 2^-40.
#[inline(always)]
pub fn exp_below(t: i64) -> (f32, i64) {
    let (value, power) = exp_parts(t);
    if power < -125 {
        return (Wide::unit(value, power).to_f32(), 0);
    }
    let part = match power {
        -10.. => i64::from(value) << (10 + power),
        -41.. => i64::from(value >> (-10 - power)),
        _ => 0,
    };
    let small = value >> 30 == 0;
    let (mantissa, exponent) = if small { ((value as u32) << 2, power - 1) } else { ((value as u32) << 1, power) };
    (normal(mantissa, exponent), part)
}

/// e^x.
pub fn exp(x: Wide) -> Wide {
    if x.exponent >= 7 {
        return if x.negative { ZERO } else { HUGE };
    }
    exp_fixed(x.to_fixed(40))
}

/// e^x - 1.
pub fn expm1(x: Wide) -> Wide {
    if x.exponent < -2 {
        return x.mul(Wide::unit(polynomial(&EXPM1, x.to_fixed(32) as i32), 0));
    }
    exp(x).add(ONE.negate())
}

/// 2 artanh(s), for s of at most 0.1716.
fn twice_artanh(s: Wide) -> Wide {
    s.mul(Wide::unit(polynomial(&ATANH, s.mul(s).to_fixed(32) as i32), 1))
}

/// The natural logarithm of a positive number.
pub fn log(x: Wide) -> Wide {
    if x.exponent >= HUGE.exponent {
        return HUGE;
    }
    // x = (1 + part * 2^-32) * 2^power, with 1 + part between the roots of 1/2 and 2
    let above = x.mantissa > SQRT_HALF.mantissa;
    let power = x.exponent + i32::from(above);
    let number = if above { i64::from(x.mantissa) } else { i64::from(x.mantissa) << 1 };
    let part = number - (1 << 32);
    let of_part = twice_artanh(Wide::fixed(part, 32).div(Wide::fixed(number + (1 << 32), 32)));
    if power == 0 {
        return of_part;
    }
    Wide::fixed(i64::from(power) * LN_2 + of_part.to_fixed(40), 40)
}

/// log(1 + x), for x above -1.
pub fn log1p(x: Wide) -> Wide {
    if x.exponent < -2 {
        return twice_artanh(x.div(TWO.add(x)));
    }
    log(ONE.add(x))
}

/// 1 / (1 + e^-x).
pub fn sigmoid(x: Wide) -> Wide {
    let small = exp(Wide { negative: true, ..x });
    let over = if x.negative { small } else { ONE };
    over.div(ONE.add(small))
}

/// log(1 + e^x).
pub fn softplus(x: Wide) -> Wide {
    let small = log1p(exp(Wide { negative: true, ..x }));
    if x.negative {
        small
    } else {
        x.add(small)
    }
}

pub fn tanh(x: Wide) -> Wide {
    let grown = expm1(x.abs().scale(1));
    Wide { negative: x.negative, ..grown.div(grown.add(TWO)) }
}

pub fn sinh(x: Wide) -> Wide {
    let grown = expm1(x.abs());
    Wide { negative: x.negative, ..grown.add(grown.div(grown.add(ONE))).scale(-1) }
}

pub fn cosh(x: Wide) -> Wide {
    let grown = exp(x.abs());
    grown.add(ONE.div(grown)).scale(-1)
}

pub fn asinh(x: Wide) -> Wide {
    let (a, square) = (x.abs(), x.mul(x));
    let found = log1p(a.add(square.div(ONE.add(ONE.add(square).sqrt()))));
    Wide { negative: x.negative, ..found }
}

/// For x of at least 1.
pub fn acosh(x: Wide) -> Wide {
    let above = x.add(ONE.negate());
    log1p(above.add(above.mul(above.add(TWO)).sqrt()))
}

/// For x within -1 and 1.
pub fn atanh(x: Wide) -> Wide {
    let a = x.abs();
    Wide { negative: x.negative, ..log1p(a.scale(1).div(ONE.add(a.negate()))).scale(-1) }
}

pub fn atan(x: Wide) -> Wide {
    let inverse = x.exponent >= 0;
    let a = if inverse { ONE.div(x.abs()) } else { x.abs() };
    let turned = a.exponent >= -1;
    let v = if turned { a.add(ONE.negate()).div(a.add(ONE)) } else { a };
    let small = v.mul(Wide::unit(polynomial(&ATAN, v.mul(v).to_fixed(32) as i32), 0));
    let found = if turned { QUARTER_PI.add(small) } else { small };
    let found = if inverse { HALF_PI.add(found.negate()) } else { found };
    Wide { negative: x.negative, ..found }
}

/// For x from -1 to 1.
pub fn asin(x: Wide) -> Wide {
    atan(x.div(ONE.add(x).mul(ONE.add(x.negate())).sqrt()))
}

/// For x from -1 to 1.
pub fn acos(x: Wide) -> Wide {
    atan(ONE.add(x.negate()).div(ONE.add(x)).sqrt()).scale(1)
}

/// erf(v) for v * v = w below 1/2.
fn small_erf(v: Wide, square: Wide) -> Wide {
    v.mul(Wide::unit(polynomial(&ERF, square.to_fixed(32) as i32), 0))
}

/// erfc(a) for a of 0.7 to 16, with a * a in units of 2^-40.
fn large_erfc(a: Wide, square: u64) -> Wide {
    if square >= 1 << 47 {
        return ZERO;
    }
    let t = TWO.div(TWO.add(a));
    let factor = Wide::unit(polynomial(&ERFC, (t.to_fixed(32) - (1 << 31)) as i32), -1);
    exp_fixed(-(square as i64)).mul(t).mul(factor)
}

/// The square of an f32 of 1/2 to 16, times 2^-half, in units of 2^-40.
fn square_fixed(x: Wide, half: i32) -> u64 {
    (u64::from(x.mantissa) * u64::from(x.mantissa)) >> (22 - 2 * x.exponent + half)
}

/// For an f32.
pub fn erf(x: Wide) -> Wide {
    let (a, square) = (x.abs(), x.mul(x));
    let found = if square.exponent < -1 {
        small_erf(a, square)
    } else if a.exponent >= 4 {
        ONE
    } else {
        ONE.add(large_erfc(a, square_fixed(x, 0)).negate())
    };
    Wide { negative: x.negative, ..found }
}

/// x * (1 + erf(x / sqrt 2)) / 2, for an f32.
pub fn gelu(x: Wide) -> Wide {
    if x.exponent >= 4 {
        return if x.negative { Wide { negative: true, ..ZERO } } else { x };
    }
    let a = x.abs().mul(SQRT_HALF);
    let square = a.mul(a);
    let share = if square.exponent < -1 {
        ONE.add(Wide { negative: x.negative, ..small_erf(a, square) }).scale(-1)
    } else {
        let tail = large_erfc(a, square_fixed(x, 1)).scale(-1);
        if x.negative {
            tail
        } else {
            ONE.add(tail.negate())
        }
    };
    x.mul(share)
}

/// x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2.
pub fn gelu_tanh(x: Wide) -> Wide {
    let cube = x.mul(x).mul(x);
    x.mul(sigmoid(x.add(cube.mul(GELU_CUBE)).mul(GELU_SCALE).scale(1)))
}

/// x * tanh(log(1 + e^x)).
pub fn mish(x: Wide) -> Wide {
    let grown = exp(x);
    let part = grown.mul(grown.add(TWO));
    x.mul(part.div(part.add(TWO)))
}

/// An f32 as a number of quarter turns, 0 to 3, and an angle of at most pi / 4.
fn turns(x: Wide) -> (u32, Wide) {
    if x.exponent < -1 {
        return (0, x);
    }
    // x * 2 / pi in units of 2^-62, modulo 4: from the 96 bits of 2 / pi that matter
    let start = (x.exponent + 7) as usize;
    let (word, shift) = (start / 32, start % 32);
    let bits = |i: usize| {
        let pair = u64::from(TWO_OVER_PI[word + i]) << 32 | u64::from(TWO_OVER_PI[word + i + 1]);
        pair << shift >> 32
    };
    let mantissa = u64::from(x.mantissa >> 8);
    let product =
        ((mantissa * bits(0)) << 32).wrapping_add(mantissa * bits(1)).wrapping_add((mantissa * bits(2)) >> 32);
    let quarter = (product.wrapping_add(1 << 61) >> 62) as u32;
    let rest = product.wrapping_sub(u64::from(quarter) << 62) as i64;
    let angle = Wide::fixed(rest, 62).mul(HALF_PI);
    if x.negative {
        (quarter.wrapping_neg() & 3, angle.negate())
    } else {
        (quarter, angle)
    }
}

fn sin_of(y: Wide) -> Wide {
    y.mul(Wide::unit(polynomial(&SIN, y.mul(y).to_fixed(31) as i32), 0))
}

fn cos_of(y: Wide) -> Wide {
    Wide::unit(polynomial(&COS, y.mul(y).to_fixed(31) as i32), 0)
}

/// For an f32; `quarters` are added: 0 for the sine, 1 for the cosine.
pub fn sin(x: Wide, quarters: u32) -> Wide {
    let (quarter, angle) = turns(x);
    let quarter = (quarter + quarters) & 3;
    let found = if quarter & 1 == 0 { sin_of(angle) } else { cos_of(angle) };
    Wide { negative: found.negative != (quarter >> 1 == 1), ..found }
}

/// For an f32.
pub fn tan(x: Wide) -> Wide {
    let (quarter, angle) = turns(x);
    let (sin, cos) = (sin_of(angle), cos_of(angle));
    if quarter & 1 == 0 {
        sin.div(cos)
    } else {
        cos.div(sin).negate()
    }
}
