//! Reads texts that point into the input, each by a call, in the standard and the packed format by turns, and commits
//! them when all have been read. Input: a u32, how many, then the texts.

use risc0_zkvm::guest::env;

fn main() {
    let count: u32 = zkhost_guest::read();
    let read = |index| match index % 2 {
        0 => zkhost_guest::read_borrowed(),
        _ => zkhost_guest::packed::read_borrowed(),
    };
    let texts: Vec<&str> = (0..count).map(read).collect();
    texts.iter().for_each(|text| env::commit_slice(text.as_bytes()));
}
