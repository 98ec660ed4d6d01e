//! Reads one u64 more than there is.
//!
//! Input: a u32, 1 to read by `env::read` and 0 to read by `zkhost_guest::read`; a u64, the number of u64 that follow;
//! these.

use risc0_zkvm::guest::env;

fn main() {
    let by_env: u32 = env::read();
    let read = if by_env == 1 { env::read::<u64> } else { zkhost_guest::read::<u64> };
    let count = read();
    let sum = (0..=count).fold(0u64, |sum, _| sum.wrapping_add(read()));
    unreachable!("read more than there was: {sum}");
}
