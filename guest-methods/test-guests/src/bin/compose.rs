//! Proof composition: succeeds only under the assumptions that other guests ran and left certain journals.
//!
//! Input: the exit code to end with, the number of assumptions, and for each that guest's image ID (eight u32) and a frame
//! with the journal. Journal: the same journals, one after the other.

use risc0_zkvm::guest::env;

fn main() {
    let code: u32 = zkhost_guest::read();
    let count: u32 = zkhost_guest::read();
    for _ in 0..count {
        let image_id: [u32; 8] = zkhost_guest::read();
        let journal = zkhost_guest::read_frame();
        env::verify(image_id, &journal).expect("env::verify never gives an error");
        zkhost_guest::commit_bytes(&journal);
    }
    if code != 0 {
        env::exit(u8::try_from(code).expect("an exit code is a byte"));
    }
}
