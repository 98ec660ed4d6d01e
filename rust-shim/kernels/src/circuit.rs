//! The circuits, as risc0 defines them.

use std::sync::OnceLock;

use risc0_zkp::adapter::PolyExtStepDef;
use risc0_zkp::taps::TapSet;

use crate::lower;
use crate::program::Program;

/// risc0's own sources, compiled from where cargo unpacked them.
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic
)]
mod definitions {
    include!(concat!(env!("OUT_DIR"), "/definitions.rs"));
}

/// A constraint polynomial and where a prover keeps what it reads.
pub struct Circuit {
    /// Which of the three it is.
    pub index: usize,
    pub name: &'static str,
    pub polynomial: PolyExtStepDef,
    pub taps: &'static TapSet<'static>,
    /// The index in the prover's `args` of each register group (accum, code, data). A group that the
    /// polynomial does not read has none.
    pub groups: [Option<usize>; 3],
    /// The index in the prover's `args` of the globals: the circuit's output, then its mix.
    pub globals: [Option<usize>; 2],
    program: OnceLock<Program>,
}

impl Circuit {
    const fn new(
        index: usize,
        name: &'static str,
        polynomial: PolyExtStepDef,
        taps: &'static TapSet<'static>,
        groups: [Option<usize>; 3],
        globals: [Option<usize>; 2],
    ) -> Self {
        Self {
            index,
            name,
            polynomial,
            taps,
            groups,
            globals,
            program: OnceLock::new(),
        }
    }

    /// The polynomial as a program over blocks of rows, made at the first call.
    pub fn program(&self) -> &Program {
        self.program.get_or_init(|| lower::program(self))
    }

    /// How many pointers the prover's `args` has.
    pub fn args(&self) -> usize {
        let used = self.groups.iter().chain(&self.globals).flatten();
        used.max().map_or(0, |last| last + 1)
    }
}

/// The RISC-V circuit: segments. Its `args`: accum, data, output, mix (`eval_check` of risc0-circuit-rv32im).
pub static RV32IM: Circuit = Circuit::new(
    0,
    "rv32im",
    definitions::rv32im::polynomial::DEF,
    definitions::rv32im::taps::TAPSET,
    [Some(0), None, Some(1)],
    [Some(2), Some(3)],
);

/// The Keccak accelerator's circuit. Its `args`: data, output (`eval_check` of risc0-circuit-keccak).
pub static KECCAK: Circuit = Circuit::new(
    1,
    "keccak",
    definitions::keccak::polynomial::DEF,
    definitions::keccak::taps::TAPSET,
    [None, None, Some(0)],
    [Some(1), None],
);

/// The recursion circuit: lift, join, resolve. Its `args`: code, output, data, mix, accum (`ffi.cpp` of
/// risc0-circuit-recursion-sys).
pub static RECURSION: Circuit = Circuit::new(
    2,
    "recursion",
    definitions::recursion::polynomial::DEF,
    definitions::recursion::taps::TAPSET,
    [Some(4), Some(0), Some(2)],
    [Some(1), Some(3)],
);
