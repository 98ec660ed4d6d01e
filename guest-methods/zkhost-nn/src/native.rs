//! The host's side: the same kernels on its own memory, with advice computed instead of read.

use alloc::{vec, vec::Vec};

use crate::polynomial;
use crate::program::{Operands, Program};
use crate::workspace::{bytes_mut, Backend};
use crate::{run, Checked, Error, Plan, Workspace};

/// Computes advice and keeps it in the order in which the guest reads it.
#[derive(Default)]
struct Native {
    advice: Vec<u8>,
}

impl Backend for Native {
    fn advise<'m>(
        &mut self,
        program: &Program<'_>,
        calls: usize,
        operands: impl Fn(usize) -> Checked<Operands<'m>>,
        planes: &mut [u32],
    ) -> Checked {
        let planes = bytes_mut(planes);
        let call = planes.len() / calls;
        for (index, planes) in planes.chunks_exact_mut(call).enumerate() {
            polynomial::advise(program, &operands(index)?, planes)?;
        }
        self.advice.extend_from_slice(planes);
        Ok(())
    }

    /// What was computed holds.
    fn prove(&mut self, _: &Program<'_>, _: &[u32], _: &Operands<'_>) -> Checked {
        Ok(())
    }
}

/// What a plan gives for its inputs.
pub struct Computed {
    /// Each output's bytes.
    pub outputs: Vec<Vec<u8>>,
    /// All that the guest is told.
    pub advice: Vec<u8>,
}

/// Runs a plan. `inputs` are those of the plan one after the other, each filled up to whole words.
pub fn compute(plan: &Plan<'_>, inputs: &[u8]) -> Result<Computed, Error> {
    let refused = |reason| Error { operation: None, reason };
    let mut arena = vec![0; plan.arena_bytes() as usize / 4];
    let mut left = inputs;
    for index in 0..plan.inputs() {
        let words = plan.input(index, &mut arena);
        let (input, rest) =
            left.split_at_checked(4 * words.len()).ok_or(refused("fewer inputs than the plan takes"))?;
        bytes_mut(words).copy_from_slice(input);
        left = rest;
    }
    if !left.is_empty() {
        return Err(refused("more inputs than the plan takes"));
    }
    let mut native = Native::default();
    run(plan, &mut arena, &mut Workspace::new(), &mut native)?;
    let outputs = (0..plan.outputs()).map(|index| plan.output(index, &arena).to_vec()).collect();
    Ok(Computed { outputs, advice: native.advice })
}
