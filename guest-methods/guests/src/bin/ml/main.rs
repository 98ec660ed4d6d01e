//! Proves what a model computes: the interpreter of `zkhost_nn`, for the plan that is appended to this program.
//!
//! The plan lies at `PLAN`, in a segment of the program, so the image ID stands for the model too. A program without one
//! first reads the plan's length in words, a salt of 32 bytes and the plan, and commits to the SHA-256 of salt and plan.
//! All else that is read and committed is said in `zkhost_nn::inference`.
#![no_std]
#![no_main]

extern crate alloc;

mod journal;

use alloc::vec;

use risc0_zkvm_platform::{fileno, syscall::sys_read_words};
use zkhost_nn::zkvm::{Accelerator, Sha};
use zkhost_nn::{bytes, infer, Hasher, Plan};

use journal::Journal;

risc0_zkvm::guest::entry!(main);

/// Where a plan is appended: above everything that is allocated.
const PLAN: usize = 0x8000_0000;
const SALT: usize = 8;

fn main() {
    let (words, digest) = match appended() {
        Some(words) => (words, None),
        None => {
            let (words, digest) = given();
            (words, Some(digest))
        }
    };
    let plan = Plan::new(words).unwrap_or_else(|error| panic!("{error}"));
    let mut journal = Journal::new();
    infer(&plan, digest, &mut Accelerator(read, |data: &[u8]| journal.commit(data)))
        .unwrap_or_else(|error| panic!("{error}"));
    journal.halt();
}

/// A plan from the input, and its digest.
fn given() -> (&'static [u32], [u8; 32]) {
    let mut length = [0];
    read(&mut length);
    let mut salted = vec![0; SALT + length[0] as usize];
    read(&mut salted);
    let mut sha = Sha::new();
    sha.update(bytes(&salted));
    (&salted.leak()[SALT..], sha.finish())
}

/// The appended plan's words; None where there is none.
fn appended() -> Option<&'static [u32]> {
    let start = core::ptr::without_provenance::<u32>(PLAN);
    // SAFETY: the address is in the guest's memory, all of which is initialised, and nothing is allocated there: the
    // allocator starts at the program's end, and a plan's arena and a workspace do not reach that far.
    unsafe {
        if start.read_volatile() != zkhost_nn::MAGIC {
            return None;
        }
        let length = start.add(2).read_volatile() / 4;
        Some(core::slice::from_raw_parts(start, (length as usize).min(MOST)))
    }
}

/// Words of an appended plan at most: up to the end of memory.
const MOST: usize = (0xbfff_0000 - PLAN) / 4;

/// Fills `to` from the input.
fn read(to: &mut [u32]) {
    if to.is_empty() {
        return;
    }
    // SAFETY: `to` is memory to write to, and the call writes no more than its length.
    let count = unsafe { sys_read_words(fileno::STDIN, to.as_mut_ptr(), to.len()) };
    assert!(count == 4 * to.len(), "the input ends too early");
}
