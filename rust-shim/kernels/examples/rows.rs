//! Microseconds a row for each circuit's polynomial with each instruction set, on one thread.
//!
//!     . tools/env.sh && cargo run --release --locked -p zkhost-kernels --example rows

use std::time::Instant;

use risc0_zkp::field::baby_bear::{BabyBearElem, BabyBearExtElem};
use zkhost_kernels::block::{Block, ROWS};
use zkhost_kernels::circuit::{Circuit, KECCAK, RECURSION, RV32IM};
use zkhost_kernels::evaluate::{evaluate, Rows};
use zkhost_kernels::vectors::isa::Isa;

const STEPS: usize = 1 << 14;

fn main() {
    for circuit in [&RV32IM, &KECCAK, &RECURSION] {
        measure(circuit);
    }
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
        let started = Instant::now();
        for first in (0..STEPS).step_by(ROWS) {
            let rows = Rows {
                first,
                steps: STEPS,
                args: &args,
            };
            // SAFETY: the columns are the circuit's, `steps` elements each.
            unsafe { evaluate(isa, program, &weights, &mut memory, rows) };
        }
        let row = started.elapsed().as_secs_f64() * 1e6 / STEPS as f64;
        println!("  {isa}: {row:.3} us a row");
    }
}
