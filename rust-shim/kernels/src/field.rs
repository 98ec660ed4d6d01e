//! The base field, Baby Bear, as risc0 keeps it in memory: u32 in Montgomery form.

/// Rows evaluated at once. Larger blocks spread the cost of walking the program over more rows, until what is live in
/// them no longer fits the second-level cache.
pub const ROWS: usize = 32;

/// The modulus, 15 * 2^27 + 1.
pub const P: u32 = 15 * (1 << 27) + 1;

/// The inverse of P modulo 2^32.
pub const P_INVERSE: u32 = 0x8800_0001;

const _: () = assert!(P.wrapping_mul(P_INVERSE) == 1);

/// A block of rows of one value.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Block(pub [u32; ROWS]);

impl Block {
    pub const ZERO: Self = Self([0; ROWS]);
}
