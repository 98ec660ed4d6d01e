//! Arithmetic of the base field, Baby Bear, on many elements at a time, and what risc0's prover needs of it.
//!
//! Elements are as risc0 keeps them in memory: u32 in Montgomery form. This folder is compiled twice, within this crate and
//! within risc0-zkp (`rust-shim/zkp`), so it uses nothing outside it but the standard library.

pub(crate) mod arithmetic;
pub mod extension;
pub mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod poseidon2;
pub mod transform;
mod word;
#[cfg(target_arch = "x86_64")]
mod x86;

/// The modulus, 15 * 2^27 + 1.
pub const P: u32 = 15 * (1 << 27) + 1;

/// The inverse of P modulo 2^32.
pub const P_INVERSE: u32 = 0x8800_0001;

const _: () = assert!(P.wrapping_mul(P_INVERSE) == 1);

/// One in Montgomery form: 2^32 modulo P.
pub const ONE: u32 = ((1 << 32) % P as u64) as u32;

/// The sum of two elements.
pub const fn add(a: u32, b: u32) -> u32 {
    let sum = a + b;
    if sum < P {
        sum
    } else {
        sum - P
    }
}

/// The product of two elements.
pub const fn product(a: u32, b: u32) -> u32 {
    let product = a as u64 * b as u64;
    let multiple = (product as u32).wrapping_mul(P_INVERSE) as u64 * P as u64;
    // The low words agree, so the difference of the high words is the quotient, if not negative.
    let (quotient, borrow) = ((product >> 32) as u32).overflowing_sub((multiple >> 32) as u32);
    if borrow {
        quotient.wrapping_add(P)
    } else {
        quotient
    }
}
