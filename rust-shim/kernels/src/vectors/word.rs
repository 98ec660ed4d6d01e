//! Vectors of machine words, for every CPU.

use super::arithmetic::Vector;

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
    unsafe fn splat32(value: u32) -> Self {
        Self(u64::from(value) | u64::from(value) << 32)
    }
    #[inline(always)]
    unsafe fn splat64(value: u64) -> Self {
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
    unsafe fn mul_first(self, other: Self) -> Self {
        Self((self.0 & LOW) * (other.0 & LOW))
    }
    #[inline(always)]
    unsafe fn second(self) -> Self {
        Self(self.0 >> 32)
    }
    #[inline(always)]
    unsafe fn high(first: Self, second: Self) -> Self {
        Self((first.0 >> 32) | (second.0 & !LOW))
    }
}
