//! Microseconds a row for each circuit's polynomial, and a permutation for Poseidon2, with each instruction set, on one
//! thread. The least of many repetitions, which other work on the machine changes little.
//!
//!     . tools/env.sh && cargo run --release --locked -p zkhost-kernels --example rows

use std::time::Instant;

use risc0_zkp::core::hash::poseidon2::{M_INT_DIAG_HZN, ROUND_CONSTANTS};
use risc0_zkp::field::baby_bear::{BabyBearElem, BabyBearExtElem};
use zkhost_kernels::block::{Block, ROWS};
use zkhost_kernels::circuit::{Circuit, KECCAK, RECURSION, RV32IM};
use zkhost_kernels::evaluate::{evaluate, Rows};
use zkhost_kernels::vectors::isa::Isa;
use zkhost_kernels::vectors::poseidon2::{hash_rows, Constants, BATCH, DIGEST, RATE};

const STEPS: usize = 1 << 14;

fn main() {
    for circuit in [&RV32IM, &KECCAK, &RECURSION] {
        measure(circuit);
    }
    permute();
}

/// Microseconds of the fastest of some calls.
fn least(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let times = (0..calls).map(|index| {
        let started = Instant::now();
        call(index);
        started.elapsed().as_secs_f64() * 1e6
    });
    times.fold(f64::INFINITY, f64::min)
}

fn measure(circuit: &Circuit) {
    let started = Instant::now();
    let program = circuit.program();
    let made = started.elapsed().as_secs_f64() * 1e3;
    let terms: usize = program.sums.iter().map(|sum| sum.terms.len()).sum();
    println!(
        "{}: {} operations, {} products, {terms} terms in {} sums, {} slots; made in {made:.1} ms",
        circuit.name,
        program.ops.len(),
        program.products.len(),
        program.sums.len(),
        program.slots,
    );
    let mut args = vec![vec![7; 128]; circuit.args()];
    for (group, arg) in circuit.groups.iter().enumerate() {
        if let Some(arg) = *arg {
            args[arg] = vec![7; circuit.taps.group_size(group) * STEPS];
        }
    }
    let args: Vec<*const u32> = args.iter().map(|arg| arg.as_ptr()).collect();
    let weights = program.weights(BabyBearExtElem::from(BabyBearElem::new(3)));
    let mut memory = vec![Block::ZERO; program.slots];
    for isa in Isa::available() {
        let block = least(STEPS / ROWS, |index| {
            let rows = Rows {
                first: index * ROWS,
                steps: STEPS,
                args: &args,
            };
            // SAFETY: the columns are the circuit's, `steps` elements each.
            unsafe { evaluate(isa, program, &weights, &mut memory, rows) };
        });
        println!("  {isa}: {:.3} us a row", block / ROWS as f64);
    }
}

fn permute() {
    let words = |elements: &[BabyBearElem]| -> Vec<u32> {
        elements.iter().map(|e| e.as_u32_montgomery()).collect()
    };
    let (round, diagonal) = (words(ROUND_CONSTANTS), words(M_INT_DIAG_HZN));
    let constants = Constants::new(&round, &diagonal);
    let matrix = [7; RATE * BATCH];
    let mut output = [[0; DIGEST]; BATCH];
    println!("Poseidon2:");
    for isa in Isa::available() {
        let batch = least(1000, |_| {
            hash_rows(isa, constants, &matrix, BATCH, 0, &mut output)
        });
        println!("  {isa}: {:.3} us a permutation", batch / BATCH as f64);
    }
}
