//! Proves what a model computes: the interpreter of `zkhost_nn`, for the plan that is appended to this program.
//!
//! The plan lies at `PLAN`, in a segment of the program, so the image ID stands for the model too. A program without one
//! reads the plan from the input and commits to it by a salted digest.
//!
//! Input: without an appended plan, its length in words, a salt of 32 bytes and the plan. Where inputs are hashed, a salt of
//! 32 bytes. The model's inputs, each filled up to whole words. Then advice, checked as it is used.
//!
//! Journal: a word, 1 | input mode << 8 | (2 where the plan was read) << 16; the SHA-256 of salt and plan where the plan was
//! read; then the inputs (public), the SHA-256 of salt and inputs (hashed) or nothing (private); then each output, filled up
//! with zeros to whole words.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::{vec, vec::Vec};
use core::arch::asm;

use risc0_zkvm::guest::env;
use risc0_zkvm::sha::rust_crypto::{Digest, Sha256};
use risc0_zkvm_platform::{fileno, syscall::sys_read_words};
use zkhost_nn::program::{Operands, Program};
use zkhost_nn::{bytes, run, Backend, Checked, InputMode, Plan, Workspace};

risc0_zkvm::guest::entry!(main);

/// Where a plan is appended: above everything that is allocated.
const PLAN: usize = 0x8000_0000;
const SALT: usize = 8;

fn main() {
    let appended = appended();
    let mut journal = 1;
    let mut digest = None;
    let words: &[u32] = match appended {
        Some(words) => words,
        None => {
            let mut length = [0];
            read(&mut length);
            let salted: Vec<u32> = read_new(SALT + length[0] as usize);
            digest = Some(Sha256::digest(bytes(&salted)));
            journal |= 2 << 16;
            &salted.leak()[SALT..]
        }
    };
    let plan = Plan::new(words).unwrap_or_else(|error| panic!("{error}"));
    let mode = plan.input_mode();
    let salt = if mode == InputMode::Hashed { read_new(SALT) } else { Vec::new() };
    let mut arena = vec![0; plan.arena_bytes() as usize / 4];
    let mut hasher = Sha256::new();
    hasher.update(bytes(&salt));
    env::commit_slice(&[journal | (mode as u32) << 8]);
    if let Some(digest) = digest {
        env::commit_slice(&digest);
    }
    for index in 0..plan.inputs() {
        let input = plan.input(index, &mut arena);
        read(input);
        match mode {
            InputMode::Public => env::commit_slice(input),
            InputMode::Hashed => hasher.update(bytes(input)),
            InputMode::Private => {}
        }
    }
    if mode == InputMode::Hashed {
        env::commit_slice(&hasher.finalize());
    }
    run(&plan, &mut arena, &mut Workspace::new(), &mut Accelerator).unwrap_or_else(|error| panic!("{error}"));
    for index in 0..plan.outputs() {
        let output = plan.output(index, &arena);
        env::commit_slice(output);
        env::commit_slice(&[0u8; 3][..output.len().next_multiple_of(4) - output.len()]);
    }
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

fn read_new(words: usize) -> Vec<u32> {
    let mut new = vec![0; words];
    read(&mut new);
    new
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
