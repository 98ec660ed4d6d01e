//! Baby Bear arithmetic on vectors of rows.
//!
//! A [`Vector`] is seen as lanes of 32 bits, a row each, or as half as many lanes of 64 bits, whose low and high words are
//! an even and an odd row: x86's widening multiplication takes the even ones. The arithmetic is written once, over what
//! each instruction set has.

use super::{P, P_INVERSE};

/// The operations of an instruction set.
///
/// # Safety
///
/// All may be called only where the CPU has the instruction set, which [`super::isa::Isa`] tells.
pub trait Vector: Copy {
    /// Rows in a vector.
    const LANES: usize;
    unsafe fn load(from: *const u32) -> Self;
    unsafe fn store(self, to: *mut u32);
    /// The value in every 64-bit lane.
    unsafe fn splat(value: u64) -> Self;
    unsafe fn add32(self, other: Self) -> Self;
    unsafe fn sub32(self, other: Self) -> Self;
    /// The lesser of each unsigned lane.
    unsafe fn min32(self, other: Self) -> Self;
    unsafe fn add64(self, other: Self) -> Self;
    unsafe fn sub64(self, other: Self) -> Self;
    /// The products of the even lanes.
    unsafe fn mul_even(self, other: Self) -> Self;
    /// The odd lanes at the place of the even ones; what is in the odd ones does not matter.
    unsafe fn odd(self) -> Self;
    /// The odd lanes of `even` at the place of the even ones, and the odd lanes of `odd`.
    unsafe fn interleave(even: Self, odd: Self) -> Self;
}

/// A field element that is the same in every row, at the even lanes and the odd ones.
#[inline(always)]
pub unsafe fn constant<V: Vector>(value: u32) -> V {
    V::splat(u64::from(value) | u64::from(value) << 32)
}

#[inline(always)]
pub unsafe fn add<V: Vector>(a: V, b: V) -> V {
    let sum = a.add32(b);
    sum.min32(sum.sub32(constant(P)))
}

#[inline(always)]
pub unsafe fn sub<V: Vector>(a: V, b: V) -> V {
    let difference = a.sub32(b);
    difference.min32(difference.add32(constant(P)))
}

#[inline(always)]
pub unsafe fn mul<V: Vector>(a: V, b: V) -> V {
    Wide {
        even: a.mul_even(b),
        odd: a.odd().mul_even(b.odd()),
    }
    .reduce()
}

/// A vector with its odd lanes at hand, to be multiplied more than once.
#[derive(Clone, Copy)]
pub struct Factor<V> {
    even: V,
    odd: V,
}

impl<V: Vector> Factor<V> {
    #[inline(always)]
    pub unsafe fn new(value: V) -> Self {
        Self {
            even: value,
            odd: value.odd(),
        }
    }

    /// The same value in every row.
    #[inline(always)]
    pub unsafe fn constant(value: u32) -> Self {
        let value = constant(value);
        Self {
            even: value,
            odd: value,
        }
    }
}

/// Sums of products, not reduced: 64 bits a row.
#[derive(Clone, Copy)]
pub struct Wide<V> {
    even: V,
    odd: V,
}

impl<V: Vector> Wide<V> {
    #[inline(always)]
    pub unsafe fn zero() -> Self {
        let zero = V::splat(0);
        Self {
            even: zero,
            odd: zero,
        }
    }

    /// Adds a product, which is less than P^2. 2^64 holds four of them, or two and what [`Wide::fold`] leaves.
    #[inline(always)]
    pub unsafe fn add(self, a: Factor<V>, b: Factor<V>) -> Self {
        Self {
            even: self.even.add64(a.even.mul_even(b.even)),
            odd: self.odd.add64(a.odd.mul_even(b.odd)),
        }
    }

    /// Subtracts P * 2^32, which is 2.13 P^2, once from what is not less.
    #[inline(always)]
    pub unsafe fn fold(self) -> Self {
        let p = V::splat(u64::from(P) << 32);
        Self {
            even: self.even.min32(self.even.sub32(p)),
            odd: self.odd.min32(self.odd.sub32(p)),
        }
    }

    /// The sum divided by 2^32 modulo P (Montgomery's reduction), if it is less than P * 2^32.
    #[inline(always)]
    pub unsafe fn reduce(self) -> V {
        let p = V::splat(opaque(u64::from(P)));
        let inverse = V::splat(opaque(u64::from(P_INVERSE)));
        // What is subtracted agrees in the low word; the high word of the difference is more than -P and less than P.
        let even = self.even.sub64(self.even.mul_even(inverse).mul_even(p));
        let odd = self.odd.sub64(self.odd.mul_even(inverse).mul_even(p));
        let difference = V::interleave(even, odd);
        difference.min32(difference.add32(constant(P)))
    }
}

/// The value, unknown to the compiler: it makes shifts and additions of multiplications by constants of few bits, which
/// take longer here.
#[inline(always)]
fn opaque(value: u64) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        let mut value = value;
        // SAFETY: no instruction.
        unsafe {
            std::arch::asm!("/* {0} */", inlateout(reg) value, options(pure, nomem, nostack, preserves_flags));
        }
        value
    }
    #[cfg(not(target_arch = "x86_64"))]
    value
}

/// Two rows in a machine word, for CPUs whose vectors are not used.
#[derive(Clone, Copy)]
pub struct Word(u64);

const LOW: u64 = 0xffff_ffff;

impl Word {
    #[inline(always)]
    fn halves(self, other: Self, operation: impl Fn(u32, u32) -> u32) -> Self {
        let low = operation(self.0 as u32, other.0 as u32);
        let high = operation((self.0 >> 32) as u32, (other.0 >> 32) as u32);
        Self(u64::from(low) | u64::from(high) << 32)
    }
}

impl Vector for Word {
    const LANES: usize = 2;
    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        Self(u64::from(*from) | u64::from(*from.add(1)) << 32)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        *to = self.0 as u32;
        *to.add(1) = (self.0 >> 32) as u32;
    }
    #[inline(always)]
    unsafe fn splat(value: u64) -> Self {
        Self(value)
    }
    #[inline(always)]
    unsafe fn add32(self, other: Self) -> Self {
        self.halves(other, u32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn sub32(self, other: Self) -> Self {
        self.halves(other, u32::wrapping_sub)
    }
    #[inline(always)]
    unsafe fn min32(self, other: Self) -> Self {
        self.halves(other, u32::min)
    }
    #[inline(always)]
    unsafe fn add64(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
    #[inline(always)]
    unsafe fn sub64(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
    #[inline(always)]
    unsafe fn mul_even(self, other: Self) -> Self {
        Self((self.0 & LOW) * (other.0 & LOW))
    }
    #[inline(always)]
    unsafe fn odd(self) -> Self {
        Self(self.0 >> 32)
    }
    #[inline(always)]
    unsafe fn interleave(even: Self, odd: Self) -> Self {
        Self((even.0 >> 32) | (odd.0 & !LOW))
    }
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    /// Eight rows: AVX2.
    #[derive(Clone, Copy)]
    pub struct Avx2(__m256i);

    impl Vector for Avx2 {
        const LANES: usize = 8;
        #[inline(always)]
        unsafe fn load(from: *const u32) -> Self {
            Self(_mm256_loadu_si256(from.cast()))
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut u32) {
            _mm256_storeu_si256(to.cast(), self.0);
        }
        #[inline(always)]
        unsafe fn splat(value: u64) -> Self {
            Self(_mm256_set1_epi64x(value as i64))
        }
        #[inline(always)]
        unsafe fn add32(self, other: Self) -> Self {
            Self(_mm256_add_epi32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn sub32(self, other: Self) -> Self {
            Self(_mm256_sub_epi32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn min32(self, other: Self) -> Self {
            Self(_mm256_min_epu32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn add64(self, other: Self) -> Self {
            Self(_mm256_add_epi64(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn sub64(self, other: Self) -> Self {
            Self(_mm256_sub_epi64(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn mul_even(self, other: Self) -> Self {
            Self(_mm256_mul_epu32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn odd(self) -> Self {
            Self(_mm256_castps_si256(_mm256_movehdup_ps(
                _mm256_castsi256_ps(self.0),
            )))
        }
        #[inline(always)]
        unsafe fn interleave(even: Self, odd: Self) -> Self {
            Self(_mm256_blend_epi32::<0b1010_1010>(even.odd().0, odd.0))
        }
    }

    /// Sixteen rows: AVX-512F.
    #[derive(Clone, Copy)]
    pub struct Avx512(__m512i);

    impl Vector for Avx512 {
        const LANES: usize = 16;
        #[inline(always)]
        unsafe fn load(from: *const u32) -> Self {
            Self(_mm512_loadu_si512(from.cast()))
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut u32) {
            _mm512_storeu_si512(to.cast(), self.0);
        }
        #[inline(always)]
        unsafe fn splat(value: u64) -> Self {
            Self(_mm512_set1_epi64(value as i64))
        }
        #[inline(always)]
        unsafe fn add32(self, other: Self) -> Self {
            Self(_mm512_add_epi32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn sub32(self, other: Self) -> Self {
            Self(_mm512_sub_epi32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn min32(self, other: Self) -> Self {
            Self(_mm512_min_epu32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn add64(self, other: Self) -> Self {
            Self(_mm512_add_epi64(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn sub64(self, other: Self) -> Self {
            Self(_mm512_sub_epi64(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn mul_even(self, other: Self) -> Self {
            Self(_mm512_mul_epu32(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn odd(self) -> Self {
            Self(_mm512_castps_si512(_mm512_movehdup_ps(
                _mm512_castsi512_ps(self.0),
            )))
        }
        #[inline(always)]
        unsafe fn interleave(even: Self, odd: Self) -> Self {
            Self(_mm512_mask_blend_epi32(0xaaaa, even.odd().0, odd.0))
        }
    }
}
