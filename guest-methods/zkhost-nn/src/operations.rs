//! The operations of a plan by code, checked and run one after the other.

use crate::memory::Memory;
use crate::plan::{DType, Plan};
use crate::program::{Operands, Program};
use crate::workspace::{Backend, Workspace};
use crate::{
    choices, convolution, dense, floats, functions, ggml, masks, matmul, merge, moves, pairs, pools, quantize, sums,
    trees, Checked, Error,
};

/// An operation that needs nothing but memory.
type Plain = fn(&[u32], &mut Memory<'_>) -> Checked;

/// A table, not calls: each operation stays a function of its own, whose code is paged in only where a plan has it.
fn plain(code: u32) -> Option<Plain> {
    Some(match code {
        1 => moves::fill,
        2 => moves::copy,
        3 => moves::flip,
        4 => moves::gather,
        5 => moves::fill_from,
        8 => sums::convolution,
        9 => sums::matrix,
        10 => sums::neighbours,
        11 => sums::products,
        16 => quantize::requantize,
        17 => quantize::add,
        18 => quantize::table,
        19 => quantize::quantize,
        20 => quantize::dequantize,
        21 => quantize::dynamic,
        24 => pools::max,
        25 => pools::average,
        26 => pools::average_bytes,
        32 => choices::arg_max,
        33 => choices::top_k,
        34 => choices::threshold,
        40 => floats::binary,
        41 => floats::unary,
        42 => floats::clip,
        43 => floats::neighbours,
        44 => floats::matrix,
        45 => floats::convolution,
        46 => merge::merge,
        48 => functions::function,
        49 => functions::power,
        50 => functions::softmax,
        51 => masks::compare,
        52 => masks::select,
        53 => functions::softmax_bytes,
        80 => trees::run,
        88 => ggml::product,
        89 => ggml::norm,
        90 => ggml::rope,
        91 => ggml::attention,
        92 => ggml::swiglu,
        _ => return None,
    })
}

fn step(
    (code, args): (u32, &[u32]),
    memory: &mut Memory<'_>,
    workspace: &mut Workspace,
    backend: &mut impl Backend,
) -> Checked {
    match code {
        64 => convolution::run(args, memory, workspace, backend),
        65 => dense::run(args, memory, workspace, backend),
        66 => pairs::convolution(args, memory, workspace),
        67 => pairs::matrix(args, memory, workspace),
        68 => matmul::run(args, memory, workspace, backend),
        _ => plain(code).ok_or("no such operation")?(args, memory),
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
    each(plan, &mut Memory::new(arena, plan.kept_bytes(), plan.constants()), workspace, backend)?;
    canonical_nans(plan, arena);
    Ok(())
}

/// Makes every NaN among the outputs the same: sign and payload of one that arithmetic makes differ between CPUs.
fn canonical_nans(plan: &Plan<'_>, arena: &mut [u32]) {
    for index in plan.inputs()..plan.inputs() + plan.outputs() {
        let port = plan.port(index);
        match port.dtype {
            DType::F32 => {
                for word in plan.words(&port, arena) {
                    if *word & 0x7fff_ffff > 0x7f80_0000 {
                        *word = f32::NAN.to_bits();
                    }
                }
            }
            DType::F64 => {
                for pair in plan.words(&port, arena).as_chunks_mut::<2>().0 {
                    let value = u64::from(pair[0]) | u64::from(pair[1]) << 32;
                    if value << 1 > 0x7ff0_0000_0000_0000 << 1 {
                        *pair = [0, 0x7ff8_0000];
                    }
                }
            }
            DType::U8 | DType::S8 | DType::S32 => {}
        }
    }
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
