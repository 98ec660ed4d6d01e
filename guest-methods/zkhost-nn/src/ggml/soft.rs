//! f32 in integers, for a machine without floating point: what the compiler's own routines compute, at less than half of their
//! cycles, since ranges are known here and values stay unpacked.

/// m * 2^e: m is 0, or 2^23 <= |m| <= 2^24.
#[derive(Clone, Copy, Default)]
pub struct Float {
    pub m: i32,
    pub e: i32,
}

/// A factor: a mantissa with its highest bit set, or 0, and sign and exponent: (-1)^negative * mantissa * 2^exponent.
#[derive(Clone, Copy)]
pub struct Factor {
    mantissa: u32,
    exponent: i32,
    negative: bool,
}

/// Bits of a byte.
const BITS: [u8; 256] = {
    let mut bits = [0; 256];
    let mut i = 1;
    while i < 256 {
        bits[i] = 8 - (i as u8).leading_zeros() as u8;
        i += 1;
    }
    bits
};

impl Factor {
    /// An f32 that is 0 or normal.
    #[inline(always)]
    pub const fn of(x: f32) -> Self {
        let bits = x.to_bits();
        let exponent = (bits >> 23 & 0xff) as i32;
        let mantissa = if exponent == 0 { 0 } else { bits << 8 | 0x8000_0000 };
        Self { mantissa, exponent: exponent - 127 - 31, negative: (bits as i32) < 0 }
    }

    /// An integer below 2^24.
    #[inline(always)]
    pub fn integer(x: i32) -> Self {
        let size = x.unsigned_abs();
        let bits = if size < 1 << 8 {
            BITS[size as usize]
        } else if size < 1 << 16 {
            8 + BITS[(size >> 8) as usize]
        } else {
            16 + BITS[(size >> 16 & 0xff) as usize]
        };
        let shift = 32 - u32::from(bits);
        Self { mantissa: size.wrapping_shl(shift), exponent: -(shift as i32), negative: x < 0 }
    }

    /// The product of mantissas that have 16 bits or fewer, as those of f16.
    #[inline(always)]
    pub fn exactly(self, other: Self) -> Self {
        let product = ((u64::from(self.mantissa) * u64::from(other.mantissa)) >> 32) as u32;
        let shift = !product >> 31;
        Self {
            mantissa: product << shift,
            exponent: self.exponent + other.exponent + 32 - shift as i32,
            negative: self.negative != other.negative,
        }
    }

    /// The product, rounded to f32: exact but for results outside f32's normal range.
    #[inline(always)]
    pub fn times(self, other: Self) -> Float {
        let product = u64::from(self.mantissa) * u64::from(other.mantissa);
        let (mut high, mut low) = ((product >> 32) as u32, product as u32);
        let mut e = self.exponent + other.exponent + 40;
        if high >> 31 == 0 {
            high = high << 1 | low >> 31;
            low <<= 1;
            e -= 1;
        }
        let m = nearest::<8>(high | u32::from(low != 0)) as i32;
        let m = if self.negative != other.negative { -m } else { m };
        Float { m, e }
    }
}

impl From<Float> for Factor {
    #[inline(always)]
    fn from(x: Float) -> Self {
        let size = x.m.unsigned_abs();
        // 2^24 is one more bit than others have.
        let over = size >> 24;
        Self { mantissa: (size >> over) << 8, exponent: x.e - 8 + over as i32, negative: x.m < 0 }
    }
}

/// x / 2^N, rounded to nearest even.
#[inline(always)]
pub fn nearest<const N: u32>(x: u32) -> u32 {
    let (whole, rest) = (x >> N, x & ((1 << N) - 1));
    whole + ((rest + (1 << (N - 1)) - 1 + (whole & 1)) >> N)
}

impl Float {
    /// A normal number.
    #[inline(always)]
    pub const fn of(x: f32) -> Self {
        let bits = x.to_bits();
        let size = (bits & 0x7f_ffff | 0x80_0000) as i32;
        Self { m: if (bits as i32) < 0 { -size } else { size }, e: (bits << 1 >> 24) as i32 - 150 }
    }

    /// x * y rounded to f32, any finite numbers; None where it overflows.
    #[inline(always)]
    pub fn product(x: f32, y: f32) -> Option<Self> {
        let (a, b) = (x.to_bits(), y.to_bits());
        let (first, second) = (a << 1 >> 24, b << 1 >> 24);
        // From 2^-126 to 2^127, so that rounding up is no concern.
        if first != 0 && second != 0 && (128..381).contains(&(first + second)) {
            let product = u64::from(a << 8 | 1 << 31) * u64::from(b << 8 | 1 << 31);
            let (mut high, mut low) = ((product >> 32) as u32, product as u32);
            let mut e = (first + second) as i32 - 127 - 127 - 22;
            if high >> 31 == 0 {
                high = high << 1 | low >> 31;
                low <<= 1;
                e -= 1;
            }
            let m = nearest::<8>(high | u32::from(low != 0)) as i32;
            let sign = (a ^ b) as i32 >> 31;
            return Some(Self { m: (m ^ sign) - sign, e });
        }
        Self::unusual(x * y)
    }

    /// Any number; None where it is not finite.
    #[cold]
    #[inline(never)]
    fn unusual(x: f32) -> Option<Self> {
        let bits = x.to_bits();
        let (exponent, rest) = ((bits >> 23 & 0xff) as i32, (bits & 0x7f_ffff) as i32);
        let size = if exponent == 0 { rest } else { rest | 0x80_0000 };
        let found = Self { m: if (bits as i32) < 0 { -size } else { size }, e: exponent.max(1) - 150 };
        (exponent != 255).then_some(found)
    }

    /// The nearest integer, ties to even; of numbers below 2^24.
    #[inline(always)]
    pub fn rint(self) -> i32 {
        let (size, places) = (self.m.unsigned_abs(), -self.e);
        if places > 25 || self.m == 0 {
            return 0;
        }
        if places == 0 {
            return self.m;
        }
        let whole = size >> places;
        let rest = size - (whole << places);
        let whole = (whole + ((rest + (1 << places >> 1) - 1 + (whole & 1)) >> places)) as i32;
        if self.m < 0 {
            -whole
        } else {
            whole
        }
    }

    /// The nearest integer, ties away from zero; of numbers below 2^23.
    #[inline(always)]
    pub fn round(self) -> i32 {
        let places = -self.e;
        if places > 25 {
            return 0;
        }
        let whole = ((self.m.unsigned_abs() + (1 << places >> 1)) >> places) as i32;
        if self.m < 0 {
            -whole
        } else {
            whole
        }
    }

    /// The quotient, rounded to f32; exact but for results outside f32's normal range. `other` is not 0.
    #[inline(always)]
    pub fn over(self, other: Self) -> Self {
        let [(mut size, first), (by, second)] = [self, other].map(|x| {
            // 2^24 is one more bit than others have.
            let over = x.m.unsigned_abs() >> 24;
            (x.m.unsigned_abs() >> over, x.e + over as i32)
        });
        let mut e = first - second - 31;
        if size < by {
            size <<= 1;
            e -= 1;
        }
        // The first bit, then 31 more, as many at a time as there is room for.
        let mut quotient = size / by;
        let mut left = size % by;
        for bits in [7, 7, 7, 7, 3] {
            left <<= bits;
            quotient = (quotient << bits) | (left / by);
            left %= by;
        }
        let m = nearest::<8>(quotient | u32::from(left != 0)) as i32;
        Self { m: if (self.m ^ other.m) < 0 { -m } else { m }, e: e + 8 }
    }

    pub fn minus(self, other: Self) -> Self {
        self.plus(Self { m: -other.m, e: other.e })
    }

    /// The sum, rounded to f32; exact but where it overflows.
    #[inline(always)]
    pub fn plus(self, other: Self) -> Self {
        const GUARD: u32 = 3;
        if self.m == 0 {
            return other;
        }
        if other.m == 0 {
            return self;
        }
        let distance = self.e - other.e;
        let (big, small, shift, mut e) =
            if distance >= 0 { (self.m, other.m, distance, self.e) } else { (other.m, self.m, -distance, other.e) };
        let shift = shift.min(31) as u32;
        let small = small << GUARD;
        let mut shifted = small >> shift;
        if shifted << shift != small {
            shifted |= 1;
        }
        let sum = (big << GUARD) + shifted;
        let mut size = sum.unsigned_abs();
        if size >= 1 << 27 {
            while size >= 1 << 27 {
                size = size >> 1 | size & 1;
                e += 1;
            }
        } else if size < 1 << 26 {
            if size == 0 {
                return Self { m: 0, e: 0 };
            }
            while size < 1 << 26 {
                size <<= 1;
                e -= 1;
            }
        }
        let m = nearest::<GUARD>(size) as i32;
        Self { m: if sum < 0 { -m } else { m }, e }
    }

    /// As an f32, which it must be.
    pub fn value(self) -> f32 {
        let mut size = self.m.unsigned_abs();
        let mut e = self.e;
        if size == 0 {
            return 0.0;
        }
        if size == 1 << 24 {
            (size, e) = (1 << 23, e + 1);
        }
        // The exponent of a normal one is 1 or more; below, bits at the end are zeros.
        let exponent = e + 127 + 23;
        let bits = if exponent >= 1 {
            (exponent as u32) << 23 | size & 0x7f_ffff
        } else {
            size.checked_shr((1 - exponent) as u32).unwrap_or(0)
        };
        f32::from_bits(bits | if self.m < 0 { 1 << 31 } else { 0 })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Random numbers, the same each time.
    pub struct Numbers(u64);

    impl Default for Numbers {
        fn default() -> Self {
            Self(5)
        }
    }

    impl Numbers {
        pub fn bits(&mut self) -> u32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 32) as u32
        }

        pub fn below(&mut self, limit: u32) -> u32 {
            self.bits() % limit
        }

        /// A number whose exponent is at most so far from 0; some with few bits, so that there are ties.
        pub fn float(&mut self, spread: u32) -> f32 {
            let exponent = (127 + self.below(2 * spread + 1)).saturating_sub(spread);
            let mantissa = (self.bits() & 0x7f_ffff) & [u32::MAX, 0x7f_f000, 0x70_0000][self.below(3) as usize];
            f32::from_bits((self.bits() & (1 << 31)) | (exponent.min(254) << 23) | mantissa)
        }
    }

    fn float(x: f32) -> Float {
        Float::product(x, 1.0).unwrap()
    }

    #[test]
    fn products_and_sums_equal_the_floats() {
        let mut numbers = Numbers::default();
        for case in 0..2_000_000u32 {
            let spread = [0, 1, 3, 12, 30][case as usize % 5];
            let (x, y) = (numbers.float(spread), numbers.float(spread));
            let product = Factor::of(x).times(Factor::of(y));
            assert_eq!(product.value().to_bits(), (x * y).to_bits(), "{x:e} * {y:e}");
            let again = Factor::from(product).times(Factor::of(y));
            assert_eq!(again.value().to_bits(), ((x * y) * y).to_bits(), "{x:e} * {y:e} * {y:e}");
            let sum = float(x).plus(float(y));
            assert_eq!(sum.value().to_bits(), (x + y).to_bits(), "{x:e} + {y:e}");
            let z = numbers.float(spread);
            assert_eq!(sum.plus(product).plus(float(z)).value().to_bits(), (((x + y) + x * y) + z).to_bits());
            let near = f32::from_bits(x.to_bits() ^ numbers.below(4));
            assert_eq!(float(x).plus(float(-near)).value().to_bits(), (x - near).to_bits(), "{x:e} - {near:e}");
            assert_eq!(float(x).over(float(y)).value().to_bits(), (x / y).to_bits(), "{x:e} / {y:e}");
            if x.abs() < 4e6 {
                assert_eq!(float(x).rint(), x.round_ties_even() as i32, "{x:e}");
                assert_eq!(float(x).round(), x.round() as i32, "{x:e}");
            }
            let i = (numbers.bits() as i32) >> (7 + numbers.below(24));
            assert_eq!(Factor::integer(i).times(Factor::of(x)).value(), i as f32 * x, "{i} * {x:e}");
            let [d, e] = [x, y].map(|x| f32::from_bits(x.to_bits() & !0x1fff));
            let term = Factor::of(d).exactly(Factor::of(e)).times(Factor::integer(i));
            assert_eq!(term.value(), (d * e) * i as f32, "{d:e} * {e:e} * {i}");
        }
    }

    #[test]
    fn products_of_any_numbers() {
        let mut numbers = Numbers::default();
        for _ in 0..1_000_000 {
            let [x, y] = [(); 2].map(|()| f32::from_bits(numbers.bits()));
            if x.is_finite() && y.is_finite() {
                match Float::product(x, y) {
                    Some(Float { m, e }) => assert_eq!(f64::from(m) * 2f64.powi(e), f64::from(x * y), "{x:e} * {y:e}"),
                    None => assert!(!(x * y).is_finite()),
                }
            }
        }
    }
}
