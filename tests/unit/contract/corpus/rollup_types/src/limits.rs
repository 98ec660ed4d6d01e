//! Sizes.
/// A hash.
pub const HASH_BYTES: usize = 4 * WORDS;
const WORDS: usize = 1 << 3;
/// A signature: two scalars and a parity.
pub const SIGNATURE: usize = HASH_BYTES * 2 + 1;
/// The most transactions.
pub const MAX_TXS: u32 = 1_000;
