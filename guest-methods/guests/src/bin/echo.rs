//! Commits what it reads: to try a host out, and to see words go through the zkVM unchanged.
//!
//! Input: any bytes, all of standard input. Journal: the same bytes.
#![no_std]
#![no_main]

risc0_zkvm::guest::entry!(main);

fn main() {
    zkhost_guest::commit_bytes(&zkhost_guest::read_to_end());
}
