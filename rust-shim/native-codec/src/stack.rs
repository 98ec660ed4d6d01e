//! How much of the machine's stack values nested in one another may take. What goes deeper is left to the reference
//! engine, which has a limit of its own, and an error for it.

use crate::object::Stop;

/// Little enough for the smallest stacks that threads of Python have; enough for 512 uses of a type in itself.
const BYTES: usize = 640 << 10;

#[derive(Clone, Copy)]
pub struct Stack {
    floor: usize,
}

impl Stack {
    /// Begins here.
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            floor: here().saturating_sub(BYTES),
        }
    }

    #[inline(always)]
    pub fn check(self) -> Result<(), Stop> {
        if here() < self.floor {
            Err(Stop)
        } else {
            Ok(())
        }
    }
}

/// An address in the frame of the function that asks; all stacks of the supported machines grow downwards.
#[inline(always)]
fn here() -> usize {
    let place = 0u8;
    (&raw const place) as usize
}
