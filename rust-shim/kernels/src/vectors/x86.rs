//! x86-64's vectors. Its widening multiplication takes the even lanes: the first half; the second are moved to their place.

use std::arch::x86_64::*;

use super::arithmetic::Vector;

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
    unsafe fn splat32(value: u32) -> Self {
        Self(_mm256_set1_epi32(value as i32))
    }
    #[inline(always)]
    unsafe fn splat64(value: u64) -> Self {
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
    unsafe fn mul_first(self, other: Self) -> Self {
        Self(_mm256_mul_epu32(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn second(self) -> Self {
        Self(_mm256_castps_si256(_mm256_movehdup_ps(
            _mm256_castsi256_ps(self.0),
        )))
    }
    #[inline(always)]
    unsafe fn high(first: Self, second: Self) -> Self {
        Self(_mm256_blend_epi32::<0b1010_1010>(
            first.second().0,
            second.0,
        ))
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
    unsafe fn splat32(value: u32) -> Self {
        Self(_mm512_set1_epi32(value as i32))
    }
    #[inline(always)]
    unsafe fn splat64(value: u64) -> Self {
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
    unsafe fn mul_first(self, other: Self) -> Self {
        Self(_mm512_mul_epu32(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn second(self) -> Self {
        Self(_mm512_castps_si512(_mm512_movehdup_ps(
            _mm512_castsi512_ps(self.0),
        )))
    }
    #[inline(always)]
    unsafe fn high(first: Self, second: Self) -> Self {
        Self(_mm512_mask_blend_epi32(0xaaaa, first.second().0, second.0))
    }
}
