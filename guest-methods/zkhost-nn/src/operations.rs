//! The operations of a plan by code, checked and run one after the other.

use crate::memory::Memory;
use crate::plan::Plan;
use crate::program::{Operands, Program};
use crate::workspace::{Backend, Workspace};
use crate::{
    choices, convolution, dense, floats, functions, ggml, masks, merge, moves, pairs, pools, quantize, sums, trees,
    Checked, Error,
};

fn step(
    (code, args): (u32, &[u32]),
    memory: &mut Memory<'_>,
    workspace: &mut Workspace,
    backend: &mut impl Backend,
) -> Checked {
    match code {
        1 => moves::fill(args, memory),
        2 => moves::copy(args, memory),
        3 => moves::flip(args, memory),
        4 => moves::gather(args, memory),
        5 => moves::fill_from(args, memory),
        8 => sums::convolution(args, memory),
        9 => sums::matrix(args, memory),
        10 => sums::neighbours(args, memory),
        11 => sums::products(args, memory),
        16 => quantize::requantize(args, memory),
        17 => quantize::add(args, memory),
        18 => quantize::table(args, memory),
        19 => quantize::quantize(args, memory),
        20 => quantize::dequantize(args, memory),
        21 => quantize::dynamic(args, memory),
        24 => pools::max(args, memory),
        25 => pools::average(args, memory),
        26 => pools::average_bytes(args, memory),
        66 => pairs::convolution(args, memory, workspace),
        67 => pairs::matrix(args, memory, workspace),
        32 => choices::arg_max(args, memory),
        33 => choices::top_k(args, memory),
        34 => choices::threshold(args, memory),
        40 => floats::binary(args, memory),
        41 => floats::unary(args, memory),
        42 => floats::clip(args, memory),
        43 => floats::neighbours(args, memory),
        44 => floats::matrix(args, memory),
        45 => floats::convolution(args, memory),
        46 => merge::merge(args, memory),
        48 => functions::function(args, memory),
        49 => functions::power(args, memory),
        50 => functions::softmax(args, memory),
        51 => masks::compare(args, memory),
        52 => masks::select(args, memory),
        53 => functions::softmax_bytes(args, memory),
        64 => convolution::run(args, memory, workspace, backend),
        65 => dense::run(args, memory, workspace, backend),
        80 => trees::run(args, memory),
        88 => ggml::product(args, memory),
        89 => ggml::norm(args, memory),
        90 => ggml::rope(args, memory),
        91 => ggml::attention(args, memory),
        92 => ggml::swiglu(args, memory),
        _ => Err("no such operation"),
    }
}

fn each(
    plan: &Plan<'_>,
    memory: &mut Memory<'_>,
    workspace: &mut Workspace,
    backend: &mut impl Backend,
) -> Result<(), Error> {
    let mut operations = plan.operations();
    let mut index = 0;
    loop {
        let at = |reason| Error { operation: Some(index), reason };
        match operations.next().map_err(at)? {
            None => return Ok(()),
            Some(operation) => step(operation, memory, workspace, backend).map_err(at)?,
        }
        index += 1;
    }
}

/// Runs a plan on its arena, which holds the inputs, and of which the outputs are then part.
pub fn run(
    plan: &Plan<'_>,
    arena: &mut [u32],
    workspace: &mut Workspace,
    backend: &mut impl Backend,
) -> Result<(), Error> {
    if arena.len() * 4 != plan.arena_bytes() as usize {
        return Err(Error { operation: None, reason: "an arena of another size" });
    }
    each(plan, &mut Memory::new(arena, plan.kept_bytes(), plan.constants()), workspace, backend)
}

/// Checks every operation of a plan as `run` does, without running any.
pub fn validate(plan: &Plan<'_>, workspace: &mut Workspace) -> Result<(), Error> {
    let mut memory = Memory::dry(plan.arena_bytes(), plan.kept_bytes(), plan.constants());
    each(plan, &mut memory, workspace, &mut Nothing)
}

/// Where nothing runs.
struct Nothing;

impl Backend for Nothing {
    fn advise<'m>(
        &mut self,
        _: &Program<'_>,
        _: usize,
        _: impl Fn(usize) -> Checked<Operands<'m>>,
        _: &mut [u32],
    ) -> Checked {
        Err("nothing is advised here")
    }

    fn prove(&mut self, _: &Program<'_>, _: &[u32], _: &Operands<'_>) -> Checked {
        Err("nothing is proved here")
    }
}
