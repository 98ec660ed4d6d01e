//! Exact integer inference: plans, their validation, and the kernels that run them.
//!
//! The crate is compiled twice from the same source: into the guest `ml`, and into the host's native library, which computes
//! what the guest will be told as advice. A plan (`plan`) is a list of operations over one arena of memory and a region of
//! constants. Every operation is checked before it runs: each region it names lies within its space, what it writes
//! overlaps nothing it reads, and what it asks of the accelerator keeps to the rules of `program`. `validate` does the
//! same checks without running anything.
//!
//! Products (convolutions, dense layers, matrix products) are checked on risc0's big integer accelerator: see `program`
//! for what one of its programs proves, and why.
#![cfg_attr(target_os = "zkvm", no_std)]

extern crate alloc;

mod choices;
mod constants;
mod convolution;
mod dense;
mod elementary;
mod floats;
mod functions;
mod fused;
mod ggml;
mod inference;
mod lanes;
mod masks;
mod matmul;
mod memory;
mod merge;
#[cfg(any(target_os = "zkvm", test))]
mod model;
mod moves;
#[cfg(not(target_os = "zkvm"))]
pub mod native;
mod operations;
mod pairs;
mod plan;
#[cfg(not(target_os = "zkvm"))]
pub mod polynomial;
mod polyphase;
mod pools;
pub mod program;
mod quantize;
pub mod requantize;
mod rescale;
mod sums;
mod tables;
mod trees;
mod wide;
mod workspace;
#[cfg(target_os = "zkvm")]
pub mod zkvm;

pub use inference::{infer, Hasher, Host};
#[cfg(any(target_os = "zkvm", test))]
pub use model::{Element, Embedded, Model, Outputs, Tensor};
pub use operations::{run, validate};
pub use plan::{DType, Mode, Plan, Port, MAGIC};
pub use workspace::{bytes, bytes_mut, Backend, Workspace};

/// Where and why a plan is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The operation's position in the plan; none for what is wrong with the plan as a whole.
    pub operation: Option<u32>,
    pub reason: &'static str,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.operation {
            Some(index) => write!(f, "operation {index}: {}", self.reason),
            None => f.write_str(self.reason),
        }
    }
}

/// What a check gives: a reason where it fails. The operation's position is added by `operations`.
pub type Checked<T = ()> = Result<T, &'static str>;
