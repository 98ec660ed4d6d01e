//! Rows for a caller that asks for one at a time: each thread keeps the block that it evaluated last.

use std::cell::RefCell;

use risc0_zkp::field::baby_bear::{BabyBearElem, BabyBearExtElem};

use crate::block::{Block, ROWS};
use crate::circuit::Circuit;
use crate::evaluate::{evaluate, Rows};
use crate::vectors::isa::Isa;

/// What one evaluation of the domain has in common. The mix is drawn by Fiat-Shamir from a commitment to all the
/// columns, so that no two evaluations of different columns share it.
#[derive(Clone, PartialEq)]
struct Key {
    steps: usize,
    args: Vec<*const u32>,
    mix: BabyBearExtElem,
}

/// A block of rows of one evaluation.
pub(crate) struct Window {
    isa: Isa,
    key: Key,
    weights: Vec<[u32; 4]>,
    memory: Vec<Block>,
    first: usize,
    /// A bit for each row that has been evaluated and not been asked for.
    fresh: u64,
}

const _: () = assert!(ROWS <= 64);

thread_local! {
    static WINDOWS: [RefCell<Option<Window>>; 3] = const { [const { RefCell::new(None) }; 3] };
}

/// The polynomial at a row.
///
/// # Safety
///
/// `args` are the circuit's groups and globals as risc0's prover passes them, `steps` elements a column.
pub unsafe fn row(
    circuit: &Circuit,
    cycle: usize,
    steps: usize,
    mix: BabyBearExtElem,
    args: &[*const u32],
) -> BabyBearExtElem {
    WINDOWS.with(|windows| {
        let mut window = windows[circuit.index].borrow_mut();
        let current = window.as_ref().is_some_and(|window| {
            window.key.steps == steps && window.key.mix == mix && window.key.args == args
        });
        if !current {
            let memory = window.take().map(|window| window.memory);
            // Who proves asks before whether the choice can be met.
            let isa = Isa::chosen().unwrap_or(Isa::Scalar);
            *window = Some(Window::new(
                isa,
                circuit,
                steps,
                mix,
                args,
                memory.unwrap_or_default(),
            ));
        }
        let window = window.as_mut().expect("it was just made");
        window.row(circuit, cycle)
    })
}

impl Window {
    /// # Safety
    ///
    /// As of [`row`]: also while the window is used.
    pub(crate) unsafe fn new(
        isa: Isa,
        circuit: &Circuit,
        steps: usize,
        mix: BabyBearExtElem,
        args: &[*const u32],
        mut memory: Vec<Block>,
    ) -> Self {
        let program = circuit.program();
        let uniforms =
            program.uniforms(|arg, offset| BabyBearElem::new_raw(*args[arg].add(offset)));
        memory.resize(program.slots, Block::ZERO);
        for (block, &uniform) in memory.iter_mut().zip(&program.uniform_slots) {
            block.0 = [uniforms[uniform as usize].as_u32_montgomery(); ROWS];
        }
        Self {
            isa,
            key: Key {
                steps,
                args: args.to_vec(),
                mix,
            },
            weights: program.weights(mix),
            memory,
            first: 0,
            fresh: 0,
        }
    }

    pub(crate) unsafe fn row(&mut self, circuit: &Circuit, cycle: usize) -> BabyBearExtElem {
        let program = circuit.program();
        let (first, bit) = (cycle - cycle % ROWS, 1 << (cycle % ROWS));
        if first != self.first || self.fresh & bit == 0 {
            let rows = Rows {
                first,
                steps: self.key.steps,
                args: &self.key.args,
            };
            evaluate(self.isa, program, &self.weights, &mut self.memory, rows);
            self.first = first;
            self.fresh = u64::MAX >> (64 - ROWS);
        }
        self.fresh &= !bit;
        let value = program
            .result
            .map(|slot| BabyBearElem::new_raw(self.memory[slot as usize].0[cycle % ROWS]));
        BabyBearExtElem::from(value)
    }
}
