//! aarch64's vectors, which each of its CPUs has.

use std::arch::aarch64::*;

use super::arithmetic::{not_negative, opaque, Factor, Vector, Wide};
use super::{P, P_INVERSE};

/// Four rows: NEON, whose widening multiplication takes the low two or the high two.
#[derive(Clone, Copy)]
pub struct Neon(uint32x4_t);

impl Vector for Neon {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        Self(vld1q_u32(from))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        vst1q_u32(to, self.0);
    }
    #[inline(always)]
    unsafe fn splat32(value: u32) -> Self {
        Self(vdupq_n_u32(value))
    }
    #[inline(always)]
    unsafe fn splat64(value: u64) -> Self {
        Self(vreinterpretq_u32_u64(vdupq_n_u64(value)))
    }
    #[inline(always)]
    unsafe fn add32(self, other: Self) -> Self {
        Self(vaddq_u32(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn sub32(self, other: Self) -> Self {
        Self(vsubq_u32(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn min32(self, other: Self) -> Self {
        Self(vminq_u32(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn add64(self, other: Self) -> Self {
        Self(vreinterpretq_u32_u64(vaddq_u64(self.wide(), other.wide())))
    }
    #[inline(always)]
    unsafe fn sub64(self, other: Self) -> Self {
        Self(vreinterpretq_u32_u64(vsubq_u64(self.wide(), other.wide())))
    }
    #[inline(always)]
    unsafe fn mul_first(self, other: Self) -> Self {
        let (a, b) = (vget_low_u32(self.0), vget_low_u32(other.0));
        Self(vreinterpretq_u32_u64(vmull_u32(a, b)))
    }
    #[inline(always)]
    unsafe fn second(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn mul_second(self, other: Self) -> Self {
        Self(vreinterpretq_u32_u64(vmull_high_u32(self.0, other.0)))
    }
    #[inline(always)]
    unsafe fn high(first: Self, second: Self) -> Self {
        Self(vuzp2q_u32(first.0, second.0))
    }
    #[inline(always)]
    unsafe fn mul_low(halves: Wide<Self>, factor: Self) -> Factor<Self> {
        let low = vuzp1q_u32(halves.first.0, halves.second.0);
        Factor::new(Self(vmulq_u32(low, factor.0)))
    }

    /// One load: a product takes its second factor from any lane.
    #[inline(always)]
    unsafe fn splat_each(values: &[u32; 4]) -> [Self; 4] {
        let values = vld1q_u32(values.as_ptr());
        [
            Self(vdupq_laneq_u32::<0>(values)),
            Self(vdupq_laneq_u32::<1>(values)),
            Self(vdupq_laneq_u32::<2>(values)),
            Self(vdupq_laneq_u32::<3>(values)),
        ]
    }

    /// No 64-bit lanes are needed: an instruction has the high word of a signed product times two. Both products agree in
    /// the low word, so the lowest bits of their doubled high words are equal, and half of the difference is exact. As the
    /// quotient is signed, at most P / 2 is subtracted from, or added to, less than P / 2.
    #[inline(always)]
    unsafe fn product(self, other: Self) -> Self {
        let (a, b) = (self.signed(), other.signed());
        let inverse = vreinterpretq_s32_u32(vdupq_n_u32(opaque(P_INVERSE)));
        let p = vreinterpretq_s32_u32(vdupq_n_u32(P));
        let quotient = vmulq_s32(a, vmulq_s32(b, inverse));
        let difference = vhsubq_s32(vqdmulhq_s32(a, b), vqdmulhq_s32(quotient, p));
        not_negative(Self(vreinterpretq_u32_s32(difference)))
    }
}

impl Neon {
    #[inline(always)]
    unsafe fn wide(self) -> uint64x2_t {
        vreinterpretq_u64_u32(self.0)
    }

    #[inline(always)]
    unsafe fn signed(self) -> int32x4_t {
        vreinterpretq_s32_u32(self.0)
    }
}
