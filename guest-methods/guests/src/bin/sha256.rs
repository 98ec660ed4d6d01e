//! Proves the SHA-256 of an input that stays private.
//!
//! Input: any bytes, all of standard input. Journal: the 32 bytes of their digest.
#![no_std]
#![no_main]

use risc0_zkvm::sha::rust_crypto::{Digest, Sha256};

risc0_zkvm::guest::entry!(main);

fn main() {
    let mut hasher = Sha256::new();
    let mut buffer = [0; 4096];
    loop {
        let count = zkhost_guest::read_some(&mut buffer);
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    zkhost_guest::commit_bytes(&hasher.finalize());
}
