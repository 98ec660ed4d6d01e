//! SHA-256 (FIPS 180-4) by the zkVM's own call, which takes whole blocks.

use risc0_zkvm_platform::syscall::sys_sha_buffer;

use crate::inference::Hasher;
use crate::workspace::{bytes, bytes_mut};

const BLOCK: usize = 64;
/// The block's last bytes, for the length in bits.
const LENGTH: usize = 8;
const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// A hash of what comes in pieces. Whole blocks of a piece are hashed where they lie.
pub struct Sha {
    /// In the digest's byte order, as the call has it.
    state: [u32; 8],
    /// Of which `length % BLOCK` bytes wait for more.
    block: [u32; BLOCK / 4],
    /// Bytes hashed.
    length: u64,
}

impl Sha {
    fn waiting(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }

    /// Hashes the block that waits.
    fn compress(&mut self) {
        compress(&mut self.state, &self.block);
    }
}

/// Hashes whole blocks.
fn compress(state: &mut [u32; 8], blocks: &[u32]) {
    let state = &raw mut *state;
    // SAFETY: the state and the blocks are words; the call reads as many blocks as there are, and writes the state.
    unsafe { sys_sha_buffer(state, state, blocks.as_ptr().cast(), (blocks.len() / (BLOCK / 4)) as u32) }
}

impl Hasher for Sha {
    fn new() -> Self {
        Self { state: INITIAL.map(u32::to_be), block: [0; BLOCK / 4], length: 0 }
    }

    fn update(&mut self, mut data: &[u8]) {
        let waiting = self.waiting();
        self.length += data.len() as u64;
        if waiting > 0 || data.len() < BLOCK {
            let (now, rest) = data.split_at(data.len().min(BLOCK - waiting));
            bytes_mut(&mut self.block)[waiting..][..now.len()].copy_from_slice(now);
            if waiting + now.len() < BLOCK {
                return;
            }
            self.compress();
            data = rest;
        }
        let (blocks, rest) = data.as_chunks::<BLOCK>();
        // SAFETY: any bytes are words.
        if let ([], words, []) = unsafe { blocks.as_flattened().align_to() } {
            compress(&mut self.state, words);
        } else {
            for block in blocks {
                bytes_mut(&mut self.block).copy_from_slice(block);
                self.compress();
            }
        }
        bytes_mut(&mut self.block)[..rest.len()].copy_from_slice(rest);
    }

    fn finish(mut self) -> [u8; 32] {
        let waiting = self.waiting();
        let block = bytes_mut(&mut self.block);
        block[waiting] = 0x80;
        block[waiting + 1..].fill(0);
        if waiting + 1 > BLOCK - LENGTH {
            self.compress();
            self.block.fill(0);
        }
        bytes_mut(&mut self.block)[BLOCK - LENGTH..].copy_from_slice(&(8 * self.length).to_be_bytes());
        self.compress();
        let mut digest = [0; 32];
        digest.copy_from_slice(bytes(&self.state));
        digest
    }
}
