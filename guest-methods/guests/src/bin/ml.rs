//! Proves what a model computes: the interpreter of `zkhost_nn`, for the plan that is appended to this program.
//!
//! The plan lies at `PLAN`, in a segment of the program, so the image ID stands for the model too. A program without one
//! first reads the plan's length in words, a salt of 32 bytes and the plan, and commits to the SHA-256 of salt and plan.
//! All else that is read and committed is said in `zkhost_nn::inference`.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use core::arch::asm;

use risc0_zkvm::guest::env;
use risc0_zkvm::sha::rust_crypto::{Digest, Sha256};
use risc0_zkvm_platform::{fileno, syscall::sys_read_words};
use zkhost_nn::program::{Operands, Program};
use zkhost_nn::{bytes, infer, Backend, Checked, Hasher, Host, Plan};

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
    infer(&plan, digest, &mut Accelerator).unwrap_or_else(|error| panic!("{error}"));
}

/// A plan from the input, and its digest.
fn given() -> (&'static [u32], [u8; 32]) {
    let mut length = [0];
    read(&mut length);
    let mut salted = vec![0; SALT + length[0] as usize];
    read(&mut salted);
    let digest = Sha256::digest(bytes(&salted)).into();
    (&salted.leak()[SALT..], digest)
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

/// The zkVM's big integer accelerator, and the host for advice.
struct Accelerator;

impl Backend for Accelerator {
    fn advise<'m>(
        &mut self,
        _: &Program<'_>,
        _: usize,
        _: impl Fn(usize) -> Checked<Operands<'m>>,
        planes: &mut [u32],
    ) -> Checked {
        read(planes);
        Ok(())
    }

    #[inline(always)]
    fn prove(&mut self, program: &Program<'_>, loads: &[u32], operands: &Operands<'_>) -> Checked {
        let words = program.words();
        // Words of the program that loads, of the program itself (exactly), of constants, of temporary space.
        let header = [loads.len() as u32, words.len() as u32, 0, 0];
        let base = operands.addresses();
        // SAFETY: the call reads the programs and the operands, all of them live slices as long as `Program` and `Operands`
        // checked, and writes nothing: neither program stores.
        unsafe {
            asm!(
                "ecall",
                in("t0") risc0_zkvm_platform::syscall::ecall::BIGINT2,
                in("t1") loads.as_ptr(),
                in("t2") words.as_ptr(),
                in("t3") words.as_ptr(),
                in("a0") header.as_ptr(),
                in("a1") base[0],
                in("a2") base[1],
                in("a3") base[2],
                in("a4") base[3],
                in("a5") base[4],
                in("a6") base[5],
            );
        }
        Ok(())
    }
}

impl Host for Accelerator {
    type Hasher = Sha;

    fn read(&mut self, to: &mut [u32]) -> Checked {
        read(to);
        Ok(())
    }

    fn commit(&mut self, data: &[u8]) {
        env::commit_slice(data);
    }
}

/// SHA-256 on the zkVM's accelerator.
struct Sha(Sha256);

impl Hasher for Sha {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
