//! risc0's own r0vm with this workspace's kernels.

use std::process::ExitCode;

#[cfg(feature = "cuda")]
use zkhost_cuda as _;
use zkhost_kernels::vectors::isa::Isa;

fn main() -> ExitCode {
    if let Err(error) = Isa::chosen() {
        eprintln!("r0vm: {error}");
        return ExitCode::FAILURE;
    }
    risc0_r0vm::main();
    ExitCode::SUCCESS
}
