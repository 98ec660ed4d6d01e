//! Sums of products of f32 by fused multiply-adds, in integers: the bits of IEEE 754 at a tenth of soft float's cycles.
//!
//! A number is `m * 2^e` with `m` in 30 bits. The fast path adds the high word of a product to a sum shifted to its
//! exponent: what is lost makes the sum too small by less than 2 of its last units. That decides how it is rounded to 24
//! bits except where the bits below are within 2 of a half; there, where much cancels, and outside of the normal
//! exponents, `exact` computes with 64 bits and a sticky one.

/// The exponent of a sum that is zero: below all others.
const ZERO: i32 = -2000;
/// That of a factor that is zero: with another's, still above `ZERO` and below all that can matter.
const ZERO_FACTOR: i32 = -800;
/// That of a sum which left f32; it cannot come back.
const OVERFLOW: i32 = 1000;
/// Exponents of sums whose f32 are normal.
const NORMAL: core::ops::RangeInclusive<i32> = -155..=97;

/// A finite factor: `m * 2^(e - 16)`, 2^30 <= |m| < 2^31, or zero.
#[derive(Clone, Copy)]
pub struct Factor {
    m: i32,
    e: i32,
}

/// A sum, rounded to an f32: `m * 2^e`, 2^29 <= |m| <= 2^30, or zero. Its zero has no sign.
#[derive(Clone, Copy)]
pub struct Sum {
    m: i32,
    e: i32,
}

/// A finite f32's mantissa of 24 bits with its sign, and its exponent; a zero's exponent is `zero`.
#[inline(always)]
fn parts(x: f32, zero: i32) -> (i32, i32) {
    let bits = x.to_bits();
    let (mut mantissa, mut exponent) = (bits & 0x7f_ffff, (bits >> 23 & 255) as i32);
    if exponent != 0 {
        mantissa |= 0x80_0000;
    } else if mantissa == 0 {
        return (0, zero);
    } else {
        let shift = mantissa.leading_zeros() - 8;
        mantissa <<= shift;
        exponent = 1 - shift as i32;
    }
    let sign = bits as i32 >> 31;
    ((mantissa as i32 ^ sign) - sign, exponent - 150)
}

impl Factor {
    #[inline(always)]
    pub fn new(x: f32) -> Self {
        let (m, e) = parts(x, ZERO_FACTOR - 9);
        Self { m: m << 7, e: e + 9 }
    }

    #[inline(always)]
    pub fn is_negative(self) -> bool {
        self.m < 0
    }

    /// As two words of memory.
    #[inline(always)]
    pub fn words(self) -> [u32; 2] {
        [self.m as u32, self.e as u32]
    }

    #[inline(always)]
    pub fn from_words([m, e]: [u32; 2]) -> Self {
        Self { m: m as i32, e: e as i32 }
    }
}

impl Sum {
    pub const NONE: Self = Self { m: 0, e: ZERO };

    #[inline(always)]
    pub fn new(x: f32) -> Self {
        let (m, e) = parts(x, ZERO + 6);
        Self { m: m << 6, e: e - 6 }
    }

    /// `a * b + self`, rounded once.
    #[inline(always)]
    pub fn add_product(self, a: Factor, b: Factor) -> Self {
        let product = high(a.m, b.m);
        let e = a.e.wrapping_add(b.e);
        let above = e.wrapping_sub(self.e);
        let found = if above >= 0 {
            round(product.wrapping_add(self.m >> above.min(31)), e)
        } else {
            round((product >> above.wrapping_neg().min(31)).wrapping_add(self.m), self.e)
        };
        found.unwrap_or_else(|| exact(i64::from(a.m) * i64::from(b.m), e, i64::from(self.m) << 32, self.e))
    }

    /// `self * factor`, rounded.
    #[inline(always)]
    pub fn times(self, factor: Factor) -> Self {
        if factor.m == 1 << 30 {
            let e = self.e.wrapping_add(factor.e).wrapping_add(14);
            if NORMAL.contains(&e) {
                return Self { m: self.m, e };
            }
        }
        let e = self.e.wrapping_add(factor.e).wrapping_add(15);
        let found = round(high(self.m, factor.m) << 1, e);
        found.unwrap_or_else(|| exact(i64::from(self.m) * i64::from(factor.m) * 2, e, 0, ZERO))
    }

    /// `self + other`, rounded.
    #[inline(always)]
    pub fn plus(self, other: Self) -> Self {
        let (large, small) = if self.e >= other.e { (self, other) } else { (other, self) };
        let by = large.e.wrapping_sub(small.e).min(31);
        let kept = small.m >> by;
        // Sums of rounded numbers are often halves: the last bit says whether anything was lost.
        let t = large.m.wrapping_add(kept) | i32::from(kept << by != small.m);
        let size = (t ^ t >> 31) >> 28;
        let (m, e) = if size >= 4 {
            (to_even(t, 7) >> 1, large.e.wrapping_add(1))
        } else if size >= 2 {
            (to_even(t, 6), large.e)
        } else if size == 1 {
            (to_even(t, 5).wrapping_mul(2), large.e.wrapping_sub(1))
        } else {
            (0, ZERO)
        };
        if NORMAL.contains(&e) {
            return Self { m, e };
        }
        exact(i64::from(self.m) << 31, self.e + 1, i64::from(other.m) << 31, other.e + 1)
    }

    #[inline(always)]
    pub fn is_negative(self) -> bool {
        self.m < 0
    }

    /// As an f32; None where it is too large for one.
    #[inline(always)]
    pub fn to_f32(self) -> Option<f32> {
        let sign = self.m as u32 & 1 << 31;
        let mantissa = self.m.unsigned_abs() >> 6;
        let exponent = self.e.wrapping_add(155);
        // The mantissa's top bit adds one to the exponent, or two where rounding had carried.
        let bits = if exponent >= 0 {
            if exponent > 252 && (exponent > 253 || mantissa == 1 << 24) {
                return None;
            }
            ((exponent as u32) << 23) + mantissa
        } else {
            mantissa >> exponent.wrapping_neg().min(31)
        };
        Some(f32::from_bits(sign | bits))
    }
}

/// The high word of a product.
#[inline(always)]
fn high(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b)) >> 32) as i32
}

/// Rounds `t * 2^e`, of which up to 2 units, but less, are missing. None where they decide.
#[inline(always)]
fn round(t: i32, e: i32) -> Option<Sum> {
    let size = (t ^ t >> 31) >> 28;
    let sum = if size >= 4 {
        near(t & 127, 63)?;
        Sum { m: (t.wrapping_add(64) & !127) >> 1, e: e.wrapping_add(1) }
    } else if size >= 2 {
        near(t & 63, 31)?;
        Sum { m: t.wrapping_add(32) & !63, e }
    } else if size == 1 {
        near(t & 31, 15)?;
        Sum { m: (t.wrapping_add(16) & !31).wrapping_mul(2), e: e.wrapping_sub(1) }
    } else if (t ^ t >> 31) >> 27 == 1 {
        near(t & 15, 7)?;
        Sum { m: (t.wrapping_add(8) & !15).wrapping_mul(4), e: e.wrapping_sub(2) }
    } else {
        return None;
    };
    NORMAL.contains(&sum.e).then_some(sum)
}

/// None where the bits that are dropped may be a half with what is missing: `below` is the last number below a half.
#[inline(always)]
fn near(bits: i32, below: i32) -> Option<()> {
    ((bits - below) as u32 > 1).then_some(())
}

/// A number without its last `drop` bits, rounded half to even.
#[inline(always)]
fn to_even(t: i32, drop: u32) -> i32 {
    t.wrapping_add((1 << (drop - 1)) - 1).wrapping_add(t >> drop & 1) & !((1 << drop) - 1)
}

/// `x * 2^(ex - 32) + y * 2^(ey - 32)`, rounded to an f32, subnormal ones included. |x| and |y| are at most 2^62, one is less.
#[cold]
#[inline(never)]
fn exact(x: i64, ex: i32, y: i64, ey: i32) -> Sum {
    if x == 0 && y == 0 {
        return Sum::NONE;
    }
    let above = ex - ey;
    let (sum, e) = if above >= 0 { (x + shifted(y, above), ex) } else { (shifted(x, -above) + y, ey) };
    let size = sum.unsigned_abs();
    if size == 0 {
        return Sum::NONE;
    }
    // Counting zeros takes long where there is no instruction for it; few sums have many.
    let bits = match size >> 60 {
        0 => 64 - size.leading_zeros() as i32,
        1 => 61,
        2 | 3 => 62,
        _ => 63,
    };
    // 24 bits are kept, or those down to 2^-149.
    let drop = (bits - 24).max(-117 - e);
    let (mantissa, e) = match drop {
        ..=0 => (size as u32, e - 32),
        33..=63 => {
            let (top, rest, drop) = ((size >> 32) as u32, size as u32, drop - 32);
            let (kept, part, half) = (top >> drop, top & ((1 << drop) - 1), 1 << (drop - 1));
            let up = part > half || (part == half && (rest != 0 || kept & 1 == 1));
            (kept + u32::from(up), e + drop)
        }
        1..=32 => {
            let (kept, rest, half) = (size >> drop, size & ((1 << drop) - 1), 1 << (drop - 1));
            let up = rest > half || (rest == half && kept & 1 == 1);
            (kept as u32 + u32::from(up), e - 32 + drop)
        }
        _ => (0, 0),
    };
    if mantissa == 0 {
        return Sum::NONE;
    }
    // A carry out of the mantissa, so that what is too large has too large an exponent.
    let (mantissa, e) = if mantissa == 1 << 24 { (mantissa >> 1, e + 1) } else { (mantissa, e) };
    let shift = if mantissa >> 23 == 0 { mantissa.leading_zeros() as i32 - 2 } else { 6 };
    let m = (mantissa << shift) as i32;
    Sum { m: if sum < 0 { -m } else { m }, e: if e - shift > 98 { OVERFLOW } else { e - shift } }
}

/// `x / 2^by`; where bits are lost, the last one is set.
fn shifted(x: i64, by: i32) -> i64 {
    if by > 62 {
        return i64::from(x != 0) | x >> 63;
    }
    let kept = x >> by;
    kept | i64::from(kept << by != x)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u32 {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 32) as u32
        }

        /// An f32 whose exponent is one of `spread` around 1, and whose mantissa has few or many bits.
        fn number(&mut self, spread: u32) -> f32 {
            let exponent = 127 - spread / 2 + self.next() % spread;
            let mantissa = self.next() & [0x7f_ffff, 0x7f_f000, 0x40_0001, 0x60_0000][self.next() as usize % 4];
            f32::from_bits((self.next() & 1) << 31 | exponent << 23 | mantissa)
        }
    }

    /// A sum's bits; its zero has no sign.
    fn bits(x: f32) -> u32 {
        if x == 0.0 {
            0
        } else {
            x.to_bits()
        }
    }

    fn check(a: f32, b: f32, c: f32) {
        let sum = Sum::new(c).add_product(Factor::new(a), Factor::new(b));
        let wanted = libm::fmaf(a, b, c);
        if wanted.is_finite() {
            assert_eq!(sum.to_f32().map(bits), Some(bits(wanted)), "{a:?} * {b:?} + {c:?} = {wanted:?}");
        } else {
            assert_eq!(sum.to_f32(), None, "{a:?} * {b:?} + {c:?}");
        }
        let product = Sum::new(a).times(Factor::new(b));
        let wanted = a * b;
        assert_eq!(product.to_f32().map(bits), wanted.is_finite().then(|| bits(wanted)), "{a:?} * {b:?}");
        let total = Sum::new(a).plus(Sum::new(c));
        let wanted = a + c;
        assert_eq!(total.to_f32().map(bits), wanted.is_finite().then(|| bits(wanted)), "{a:?} + {c:?}");
    }

    #[test]
    fn sums_have_the_bits_of_ieee() {
        let mut random = Random(1);
        for spread in [1, 2, 4, 10, 30, 80, 250] {
            for _ in 0..400_000 {
                let (a, b, c) = (random.number(spread), random.number(spread), random.number(spread));
                check(a, b, c);
            }
        }
    }

    #[test]
    fn ties_and_cancellation() {
        let mut random = Random(2);
        for _ in 0..400_000 {
            let (a, b) = (random.number(6), random.number(6));
            let product = a * b;
            // All but a few bits of the product, and halves of a unit beside it.
            check(a, b, -product);
            check(a, b, f32::from_bits((-product).to_bits().wrapping_add(random.next() % 5).wrapping_sub(2)));
            let step = (random.next() % 60) as i32 - 30;
            check(a, 1.0, a * (step as f32).exp2());
            check(a, 0.5, (a * (step as f32).exp2()).trunc());
        }
    }

    #[test]
    fn any_bits() {
        let mut random = Random(3);
        let mut number = || loop {
            let x = f32::from_bits(random.next());
            if x.is_finite() {
                return x;
            }
        };
        for _ in 0..1_000_000 {
            check(number(), number(), number());
        }
        let odd =
            [0.0, -0.0, 1.0, -1.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::from_bits(1), f32::from_bits(0x7f_ffff)];
        let more =
            [f32::EPSILON, 1.0 - f32::EPSILON / 2.0, f32::from_bits(0x80_0001), 2f32.powi(-75), 2f32.powi(64), 3.0];
        let all: Vec<f32> = odd.into_iter().chain(more).flat_map(|x| [x, -x]).collect();
        for a in &all {
            for b in &all {
                all.iter().for_each(|c| check(*a, *b, *c));
            }
        }
    }

    #[test]
    fn chains_round_at_each_step() {
        let mut random = Random(4);
        for _ in 0..200_000 {
            let (mut sum, mut wanted) = (Sum::NONE, 0f32);
            for _ in 0..8 {
                let (a, b) = (random.number(5), random.number(5));
                sum = sum.add_product(Factor::new(a), Factor::from_words(Factor::new(b).words()));
                wanted = libm::fmaf(a, b, wanted);
            }
            assert_eq!(sum.to_f32().map(bits), Some(bits(wanted)));
        }
    }

    #[test]
    fn what_left_f32_does_not_come_back() {
        let large = Factor::new(f32::MAX);
        let over = Sum::NONE.add_product(large, large);
        assert_eq!(over.to_f32(), None);
        let barely = Sum::new(f32::MAX).add_product(Factor::new(2f32.powi(103)), Factor::new(1.0));
        assert_eq!(barely.add_product(Factor::new(-1e38), Factor::new(1.0)).to_f32(), None);
        assert_eq!(over.add_product(large, Factor::new(f32::MIN)).to_f32(), None);
        assert_eq!(over.times(Factor::new(1e-38)).times(Factor::new(1e-38)).to_f32(), None);
    }
}
