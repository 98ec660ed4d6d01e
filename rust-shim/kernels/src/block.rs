//! A block of rows of one value.

/// Rows evaluated at once. Larger blocks spread the cost of walking the program over more rows, until what is live in
/// them no longer fits the second-level cache.
pub const ROWS: usize = 32;

/// A block of rows of one value.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Block(pub [u32; ROWS]);

impl Block {
    pub const ZERO: Self = Self([0; ROWS]);
}
