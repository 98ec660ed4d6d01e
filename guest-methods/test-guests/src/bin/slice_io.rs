//! Asks the host over the channel `zkhost_test::SYS_DOUBLE` and commits what it answers.
//!
//! Input: a frame, which is sent as it is.

use risc0_zkvm::{declare_syscall, guest::env};

mod zkhost_test {
    use super::declare_syscall;
    declare_syscall!(pub SYS_DOUBLE);
}

fn main() {
    let question = zkhost_guest::read_frame();
    let answer: &[u8] = env::send_recv_slice::<u8, u8>(zkhost_test::SYS_DOUBLE, &question);
    zkhost_guest::commit_bytes(answer);
}
