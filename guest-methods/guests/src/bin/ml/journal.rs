//! The journal, and the end of the program: what `risc0_zkvm::guest::env` does, with a fraction of its code and calls.

use alloc::vec::Vec;

use risc0_zkvm_platform::fileno;
use risc0_zkvm_platform::syscall::{sys_halt, sys_write};
use zkhost_nn::zkvm::Sha;
use zkhost_nn::{bytes_mut, Hasher};

/// Bytes that are written together.
const TOGETHER: usize = 256;

/// What is committed, hashed as it is written.
pub struct Journal {
    sha: Sha,
    waiting: Vec<u8>,
}

impl Journal {
    pub fn new() -> Self {
        Self { sha: Sha::new(), waiting: Vec::with_capacity(TOGETHER) }
    }

    /// Appends to the journal.
    pub fn commit(&mut self, data: &[u8]) {
        if self.waiting.len() + data.len() > TOGETHER {
            self.flush();
        }
        if data.len() > TOGETHER {
            write(&mut self.sha, data);
        } else {
            self.waiting.extend_from_slice(data);
        }
    }

    fn flush(&mut self) {
        write(&mut self.sha, &self.waiting);
        self.waiting.clear();
    }

    /// Ends the program. Its output is the digest of risc0's structure "risc0.Output": the digest of this name, those of the
    /// journal and of the assumptions (there are none: zeros), and the number of digests.
    pub fn halt(mut self) -> ! {
        self.flush();
        let (mut name, mut output) = (Sha::new(), Sha::new());
        name.update(b"risc0.Output");
        output.update(&name.finish());
        output.update(&self.sha.finish());
        output.update(&[0; 32]);
        output.update(&2u16.to_le_bytes());
        let mut words = [0; 8];
        bytes_mut(&mut words).copy_from_slice(&output.finish());
        sys_halt(0, &words)
    }
}

fn write(sha: &mut Sha, data: &[u8]) {
    // SAFETY: the call reads the slice.
    unsafe { sys_write(fileno::JOURNAL, data.as_ptr(), data.len()) };
    sha.update(data);
}
