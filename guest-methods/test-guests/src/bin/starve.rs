//! Reads what it should not.
//!
//! Input: a u32, 1 to read by `env::read`, 0 to read by `zkhost_guest::read` and 2 to do so inside of another read; a
//! u64, the number of u64 that follow; these, of which it reads one more than there is.

use risc0_zkvm::guest::env;
use serde::{Deserialize, Deserializer};

/// Takes its words from standard input instead of from the deserializer.
struct Greedy(u64);

impl<'de> Deserialize<'de> for Greedy {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self(zkhost_guest::read()))
    }
}

fn main() {
    let by: u32 = env::read();
    let read = match by {
        0 => zkhost_guest::read::<u64>,
        1 => env::read::<u64>,
        _ => || zkhost_guest::read::<Greedy>().0,
    };
    let count = read();
    let sum = (0..=count).fold(0u64, |sum, _| sum.wrapping_add(read()));
    unreachable!("read more than there was: {sum}");
}
