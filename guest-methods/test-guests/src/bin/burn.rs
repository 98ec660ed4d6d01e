//! Runs for about as many cycles as its input, a u64, says; 0 is for ever. Commits the number of rounds.

use core::hint::black_box;

fn main() {
    let cycles: u64 = zkhost_guest::read();
    let mut rounds = 0u64;
    while cycles == 0 || rounds < cycles / 10 {
        rounds = black_box(rounds) + 1;
    }
    zkhost_guest::commit(&rounds);
}
