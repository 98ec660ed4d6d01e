//! Numbers with 32 bits of mantissa: what functions of f32 are computed in, with eight bits to spare, in integers alone.
//!
//! Every operation truncates, so each is off by less than one part in 2^31; a result is rounded once, to nearest even, when
//! it becomes an f32. `zkhost/ml/reference/wide.py` is the same in numpy.

/// `mantissa * 2^(exponent - 31)`, the mantissa's top bit set; a mantissa of 0 is zero, below all others in its exponent too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wide {
    pub negative: bool,
    pub mantissa: u32,
    pub exponent: i32,
}

pub const ZERO: Wide = Wide { negative: false, mantissa: 0, exponent: -2000 };
pub const ONE: Wide = power_of_two(0);
pub const TWO: Wide = power_of_two(1);
/// Stands for what is larger than any f32, and for a quotient by zero.
pub const HUGE: Wide = power_of_two(1000);
pub const HALF_PI: Wide = Wide { negative: false, mantissa: 0xc90f_daa2, exponent: 0 };
pub const QUARTER_PI: Wide = Wide { negative: false, mantissa: 0xc90f_daa2, exponent: -1 };
pub const SQRT_HALF: Wide = Wide { negative: false, mantissa: 0xb504_f333, exponent: -1 };

pub const fn power_of_two(exponent: i32) -> Wide {
    Wide { negative: false, mantissa: 1 << 31, exponent }
}

impl Wide {
    /// A finite f32, exactly.
    pub fn new(x: f32) -> Self {
        let bits = x.to_bits();
        let (negative, exponent, fraction) = (bits >> 31 == 1, (bits >> 23 & 0xff) as i32, bits & 0x7f_ffff);
        if exponent == 0 {
            return Self { negative, ..Self::fixed(fraction.into(), 149) };
        }
        Self { negative, mantissa: (fraction | 0x80_0000) << 8, exponent: exponent - 127 }
    }

    /// Rounded to nearest even; too large a number is an infinity.
    pub fn to_f32(self) -> f32 {
        let sign = u32::from(self.negative) << 31;
        if self.mantissa == 0 {
            return f32::from_bits(sign);
        }
        if self.exponent > 127 {
            return f32::from_bits(sign | 0x7f80_0000);
        }
        let bits = if self.exponent >= -126 {
            normal(self.mantissa, self.exponent).to_bits()
        } else {
            let shift = (-118 - self.exponent).min(34) as u32;
            let (mantissa, half) = (u64::from(self.mantissa), 1u64 << (shift - 1));
            ((mantissa + half - 1 + (mantissa >> shift & 1)) >> shift) as u32
        };
        f32::from_bits(sign | bits)
    }

    /// `value * 2^-bits`.
    pub fn fixed(value: i64, bits: i32) -> Self {
        let magnitude = value.unsigned_abs();
        if magnitude == 0 {
            return ZERO;
        }
        let (high, low) = ((magnitude >> 32) as u32, magnitude as u32);
        let shift = if high == 0 { 32 + low.leading_zeros() } else { high.leading_zeros() };
        Self { negative: value < 0, mantissa: (magnitude << shift >> 32) as u32, exponent: 63 - shift as i32 - bits }
    }

    /// A positive number of 2^-30, at least 2^28, times 2^exponent.
    pub fn unit(value: i32, exponent: i32) -> Self {
        let (mut mantissa, mut exponent) = ((value as u32) << 1, exponent);
        while mantissa < 1 << 31 {
            mantissa <<= 1;
            exponent -= 1;
        }
        Self { negative: false, mantissa, exponent }
    }

    /// The number in units of 2^-bits, truncated towards zero; it must be below 2^(63 - bits).
    pub fn to_fixed(self, bits: i32) -> i64 {
        let shift = self.exponent - 31 + bits;
        let magnitude = if shift >= 0 {
            u64::from(self.mantissa) << shift.min(31)
        } else if shift > -32 {
            u64::from(self.mantissa >> -shift)
        } else {
            0
        };
        if self.negative {
            -(magnitude as i64)
        } else {
            magnitude as i64
        }
    }

    pub fn scale(self, powers: i32) -> Self {
        Self { exponent: self.exponent + powers, ..self }
    }

    pub fn abs(self) -> Self {
        Self { negative: false, ..self }
    }

    pub fn negate(self) -> Self {
        Self { negative: !self.negative, ..self }
    }

    pub fn mul(self, other: Self) -> Self {
        let negative = self.negative != other.negative;
        if self.mantissa == 0 || other.mantissa == 0 {
            return Self { negative, ..ZERO };
        }
        let product = u64::from(self.mantissa) * u64::from(other.mantissa);
        let (high, low) = ((product >> 32) as u32, product as u32);
        let exponent = self.exponent + other.exponent;
        if high >> 31 == 1 {
            Self { negative, mantissa: high, exponent: exponent + 1 }
        } else {
            Self { negative, mantissa: high << 1 | low >> 31, exponent }
        }
    }

    pub fn div(self, other: Self) -> Self {
        let negative = self.negative != other.negative;
        if other.mantissa == 0 {
            return Self { negative, ..HUGE };
        }
        if self.mantissa == 0 {
            return Self { negative, ..ZERO };
        }
        let exponent = self.exponent - other.exponent;
        if self.mantissa < other.mantissa {
            Self { negative, mantissa: quotient(self.mantissa, 0, other.mantissa), exponent: exponent - 1 }
        } else {
            let mantissa = quotient(self.mantissa >> 1, self.mantissa << 31, other.mantissa);
            Self { negative, mantissa, exponent }
        }
    }

    pub fn add(self, other: Self) -> Self {
        let larger = (self.exponent, self.mantissa) >= (other.exponent, other.mantissa);
        if self.mantissa == 0 || other.mantissa == 0 {
            return if other.mantissa == 0 { self } else { other };
        }
        let (a, b) = if larger { (self, other) } else { (other, self) };
        let distance = (a.exponent - b.exponent) as u32;
        if a.negative == b.negative {
            let (sum, over) = a.mantissa.overflowing_add(if distance < 32 { b.mantissa >> distance } else { 0 });
            return if over {
                Self { mantissa: 1 << 31 | sum >> 1, exponent: a.exponent + 1, ..a }
            } else {
                Self { mantissa: sum, ..a }
            };
        }
        let taken = (u64::from(b.mantissa) << 31) >> distance.min(63);
        let left = (u64::from(a.mantissa) << 31) - taken;
        Self { negative: a.negative, ..Self::fixed(left as i64, 62 - a.exponent) }
    }

    /// The root of a number that is not negative.
    pub fn sqrt(self) -> Self {
        if self.mantissa == 0 {
            return ZERO;
        }
        let odd = self.exponent & 1;
        let root = (u64::from(self.mantissa) << (31 + odd)).isqrt();
        Self { negative: false, mantissa: root as u32, exponent: self.exponent >> 1 }
    }
}

/// A positive number in f32's normal range, `mantissa * 2^(exponent - 31)`, rounded to nearest even.
#[inline(always)]
pub fn normal(mantissa: u32, exponent: i32) -> f32 {
    let rounded = (mantissa >> 8) + (((mantissa & 0xff) + (mantissa >> 8 & 1) + 127) >> 8);
    f32::from_bits((((exponent + 126) as u32) << 23) + rounded)
}

/// `(high * 2^32 + low) / divisor`, with the divisor's top bit set and high below it: in halves, as Knuth's algorithm D.
pub fn quotient(high: u32, low: u32, divisor: u32) -> u32 {
    let (upper, lower) = (divisor >> 16, divisor & 0xffff);
    let step = |high: u32, next: u32| {
        let (mut digit, mut rest) = (high / upper, high % upper);
        while digit >> 16 != 0 || digit * lower > (rest << 16 | next) {
            digit -= 1;
            rest += upper;
            if rest >> 16 != 0 {
                break;
            }
        }
        (digit, (high << 16 | next).wrapping_sub(digit.wrapping_mul(divisor)))
    };
    let (first, rest) = step(high, low >> 16);
    let (second, _) = step(rest, low & 0xffff);
    first << 16 | second
}

/// A polynomial at `w * 2^-32`, its coefficients and itself in units of 2^-30, each product rounded down.
#[inline(always)]
pub fn polynomial<const N: usize>(coefficients: &[i32; N], w: i32) -> i32 {
    let mut value = coefficients[N - 1];
    for coefficient in coefficients[..N - 1].iter().rev() {
        value = ((i64::from(value) * i64::from(w)) >> 32) as i32 + coefficient;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_exact() {
        let mut state = 5u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        for case in 0..200_000 {
            let divisor = (if case % 3 == 0 { 0x8000_0000 + next() % 3 } else { next() }) | 1 << 31;
            let high = if case % 5 == 0 { divisor - 1 } else { next() % divisor };
            let low = if case % 7 == 0 { u32::MAX } else { next() };
            let wanted = ((u64::from(high) << 32 | u64::from(low)) / u64::from(divisor)) as u32;
            assert_eq!(quotient(high, low, divisor), wanted, "{high} {low} {divisor}");
        }
    }

    #[test]
    fn numbers_keep_their_bits() {
        let mut bits = 1u32;
        for _ in 0..200_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let x = f32::from_bits(if bits.is_multiple_of(5) { bits & 0x807f_ffff } else { bits });
            if x.is_finite() {
                assert_eq!(Wide::new(x).to_f32().to_bits(), x.to_bits());
            }
        }
    }

    /// Sums and products of f32 have more bits than f32 has: rounding them is off from f32's own by no more than one unit.
    #[test]
    fn results_are_near_those_of_f64() {
        let mut bits = 9u32;
        let mut next = || {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits((bits >> 9 | 0x3f80_0000).wrapping_add((bits & 0xf) << 23) | bits << 27 & 0x8000_0000)
        };
        for _ in 0..100_000 {
            let (x, y) = (next(), next());
            let (a, b) = (Wide::new(x), Wide::new(y));
            let (x, y) = (f64::from(x), f64::from(y));
            for (wide, exact) in
                [(a.add(b), x + y), (a.mul(b), x * y), (a.div(b), x / y), (a.abs().sqrt(), x.abs().sqrt())]
            {
                let value = f64::from(wide.mantissa) * 2f64.powi(wide.exponent - 31);
                let value = if wide.negative { -value } else { value };
                assert!((value - exact).abs() <= exact.abs() * 2f64.powi(-31), "{x} {y}: {value} {exact}");
            }
        }
    }
}
