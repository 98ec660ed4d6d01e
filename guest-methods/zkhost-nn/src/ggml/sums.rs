//! Sums in f64 of products rounded to f32, in order.
//!
//! f64 adds without rounding as long as all terms and sums are multiples of one power of two below 2^53 of it. So the sum is
//! kept as such an integer, and only what does not fit is added in f64.

use super::soft::{nearest, Float};

/// A sum in f64.
#[derive(Clone, Copy)]
pub enum Sum {
    /// sum * 2^e, with |sum| < 2^53.
    Exact(i64, i32),
    Rounded(f64),
}

/// Whether a sum has at most 53 bits.
#[inline(always)]
fn fits(sum: i64) -> bool {
    const HIGH: i32 = 1 << (53 - 32);
    (-HIGH..HIGH).contains(&((sum >> 32) as i32))
}

impl Sum {
    /// The sum and a product whose last bit is below, or far above, those of the sum; None where that takes more than 53 bits.
    #[cold]
    #[inline(never)]
    fn moved(sum: i64, e: i32, term: Float) -> Option<(i64, i32)> {
        // Room for smaller products.
        const ROOM: i32 = 14;
        if sum == 0 {
            return Some((i64::from(term.m) << ROOM, term.e - ROOM));
        }
        let (down, up) = ((e - term.e).max(0), (term.e - e).max(0));
        if down > 40 || up > 28 {
            return None;
        }
        let moved = sum << down;
        if moved >> down != sum || !fits(moved) {
            return None;
        }
        let next = moved + (i64::from(term.m) << up);
        fits(next).then_some((next, e - down))
    }

    pub fn double(self) -> f64 {
        match self {
            // 2^e is normal: e is that of a product of f32.
            Self::Exact(sum, e) => sum as f64 * f64::from_bits(((e + 1023) as u64) << 52),
            Self::Rounded(sum) => sum,
        }
    }

    /// Rounded to f32.
    pub fn single(self) -> f32 {
        if let Self::Exact(sum, e) = self {
            let size = sum.unsigned_abs();
            let zeros = size.leading_zeros();
            let top = size << (zeros & 63);
            let m = nearest::<8>((top >> 32) as u32 | u32::from(top as u32 != 0)) as i32;
            let rounded = Float { m: if sum < 0 { -m } else { m }, e: e + 40 - zeros as i32 };
            // From 2^-126 to 2^127.
            if sum != 0 && (-149..=103).contains(&rounded.e) {
                return rounded.value();
            }
        }
        self.double() as f32
    }
}

/// The sum of x * y.
pub fn dot(x: &[f32], y: &[f32]) -> Sum {
    dot_of(x.iter().zip(y))
}

/// The sum of the products of pairs.
pub fn dot_of<'x>(mut pairs: impl Iterator<Item = (&'x f32, &'x f32)>) -> Sum {
    let (mut sum, mut e) = (0i64, 0);
    while let Some((x, y)) = pairs.next() {
        let next = match Float::product(*x, *y) {
            Some(term) if term.m == 0 => continue,
            Some(term) => {
                let shift = term.e.wrapping_sub(e) as u32;
                if shift < 29 && sum != 0 {
                    // The shift of 64 bits by less than 32.
                    let (low, high) = ((term.m as u32) << shift, term.m >> 1 >> (31 - shift));
                    let next = sum + (i64::from(high) << 32 | i64::from(low));
                    if fits(next) {
                        sum = next;
                        continue;
                    }
                    None
                } else {
                    Sum::moved(sum, e, term)
                }
            }
            None => None,
        };
        match next {
            Some(next) => (sum, e) = next,
            None => {
                let start = Sum::Exact(sum, e).double() + f64::from(x * y);
                return Sum::Rounded(pairs.fold(start, |sum, (x, y)| sum + f64::from(x * y)));
            }
        }
    }
    Sum::Exact(sum, e)
}

#[cfg(test)]
mod tests {
    use super::super::soft::tests::Numbers;
    use super::*;

    /// Terms of like and unlike sizes, that cancel, that are no normal numbers, that overflow.
    #[test]
    fn sums_equal_those_of_f64() {
        let mut numbers = Numbers::default();
        let (mut exact, mut rounded) = (0, 0);
        for case in 0..20_000u32 {
            let spread = [0, 3, 10, 40, 250][case as usize % 5];
            let count = 1 + numbers.below(70) as usize;
            let mut x: Vec<f32> = (0..count).map(|_| numbers.float(spread)).collect();
            let y: Vec<f32> = (0..count).map(|_| numbers.float(spread)).collect();
            if case % 7 == 0 {
                x[count - 1] = 0.0;
            }
            let wanted = x.iter().zip(&y).fold(0f64, |sum, (x, y)| sum + f64::from(x * y));
            let found = dot(&x, &y);
            match found {
                Sum::Exact(..) => exact += 1,
                Sum::Rounded(_) => rounded += 1,
            }
            let same = wanted.to_bits() == found.double().to_bits() || wanted.is_nan() && found.double().is_nan();
            assert!(same || wanted == 0.0 && found.double() == 0.0, "{x:?} {y:?}: {wanted:e} {:e}", found.double());
            assert!(wanted.is_nan() || (wanted as f32) == found.single());
        }
        assert!(exact > 5_000 && rounded > 5_000, "{exact} {rounded}");
    }
}
