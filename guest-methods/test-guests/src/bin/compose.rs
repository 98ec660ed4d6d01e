//! Proof composition: succeeds only under the assumption that another guest ran and left a certain journal.
//!
//! Input: that guest's image ID (eight u32) and a frame with the journal. Journal: the same bytes.

use risc0_zkvm::guest::env;

fn main() {
    let image_id: [u32; 8] = zkhost_guest::read();
    let journal = zkhost_guest::read_frame();
    env::verify(image_id, &journal).expect("env::verify never gives an error");
    zkhost_guest::commit_bytes(&journal);
}
