//! What is altered in a witness, and what the circuit would find.

use std::sync::Mutex;

use risc0_zkp::field::{Elem as _, ExtElem as _};
use risc0_zkp::hal::{Buffer, Hal};
use risc0_zkp::INV_RATE;
use serde::Serialize;
use zkhost_kernels::link::risc0_circuit_rv32im_cpu_poly_fp;

use crate::execute::CycleState;
use crate::prove::hal::MetaBuffer;
use crate::prove::witgen::bigint::{BigIntState, PolyOp};
use crate::prove::witgen::preflight::{Back, PreflightTrace};
use crate::prove::witgen::WitnessGenerator;
use crate::zirgen::circuit::{CircuitField, ExtVal, Val};

/// The C++ that computes columns without checking them.
pub mod kernels {
    use std::ffi::c_char;

    use risc0_circuit_rv32im_sys::{RawAccumBuffers, RawExecBuffers, RawPreflightTrace};

    extern "C" {
        #[link_name = "altered_rv32im_witgen"]
        pub fn risc0_circuit_rv32im_cpu_witgen(
            mode: u32,
            buffers: *const RawExecBuffers,
            preflight: *const RawPreflightTrace,
            cycles: u32,
        ) -> *const c_char;

        #[link_name = "altered_rv32im_accum"]
        pub fn risc0_circuit_rv32im_cpu_accum(
            buffers: *const RawAccumBuffers,
            preflight: *const RawPreflightTrace,
            cycles: u32,
        ) -> *const c_char;
    }
}

/// A column of a cell that a program of the big integer accelerator reads, changed after the witness was computed.
#[derive(Clone, Copy, Debug)]
pub struct Alteration {
    /// Which EQZ of the segment.
    pub check: usize,
    /// Words of the program before it.
    pub before: usize,
    /// A byte of the cell that is read there.
    pub byte: usize,
    /// What is added to it, in the field.
    pub add: i32,
}

/// What the circuit finds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// For each EQZ of the segment, whether the polynomial is zero at z.
    pub checks: Vec<bool>,
    /// Rows at which the constraint polynomial is not zero.
    pub violated: Vec<Violated>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violated {
    pub row: usize,
    /// The big integer operation of the row, or none.
    pub operation: Option<String>,
    /// How many words it lies before the EQZ that follows.
    pub before: Option<usize>,
}

static ALTERATIONS: Mutex<Vec<Alteration>> = Mutex::new(Vec::new());
static FOUND: Mutex<Option<Found>> = Mutex::new(None);

/// Proves a segment with an altered witness: the seal, and what the circuit finds.
pub fn prove(
    segment: &crate::execute::Segment,
    alterations: Vec<Alteration>,
) -> anyhow::Result<(Vec<u32>, Found)> {
    *ALTERATIONS.lock().unwrap() = alterations;
    *FOUND.lock().unwrap() = Some(Found::default());
    let seal = crate::prove::segment_prover()?.prove(segment)?;
    Ok((seal, FOUND.lock().unwrap().take().unwrap()))
}

/// Called where the prover would stop at an EQZ that does not hold.
pub(crate) fn check(holds: bool) {
    FOUND
        .lock()
        .unwrap()
        .get_or_insert_default()
        .checks
        .push(holds);
}

/// Rows of the trace at which an EQZ is.
fn checks(trace: &PreflightTrace) -> Vec<usize> {
    let is_check =
        |back: &Back| matches!(back, Back::BigInt(state) if state.poly_op == PolyOp::EqZero);
    trace
        .backs
        .iter()
        .enumerate()
        .filter(|(_, back)| is_check(back))
        .map(|(row, _)| row)
        .collect()
}

/// Columns of the 16 bytes of a cell.
fn columns() -> [usize; 16] {
    std::array::from_fn(|byte| BigIntState::offsets()[5 + byte])
}

/// Called after the witness was computed.
pub(crate) fn alter<H: Hal<Elem = Val>>(trace: &PreflightTrace, data: &MetaBuffer<H>) {
    let checks = checks(trace);
    data.buf.view_mut(|elems| {
        for Alteration {
            check,
            before,
            byte,
            add,
        } in ALTERATIONS.lock().unwrap().drain(..)
        {
            let row = checks[check] - before;
            assert!(
                matches!(&trace.backs[row], Back::BigInt(_)),
                "no program reads a cell there"
            );
            let elem = &mut elems[columns()[byte] * data.rows + row];
            *elem += Val::from(add.unsigned_abs()) * if add < 0 { -Val::ONE } else { Val::ONE };
        }
    });
}

/// The bytes of a cell, as the witness has them.
pub(crate) fn bytes<H: Hal<Elem = Val>>(data: &MetaBuffer<H>, row: usize) -> [Val; 16] {
    let mut bytes = [Val::ZERO; 16];
    data.buf
        .view(|elems| bytes = columns().map(|column| elems[column * data.rows + row]));
    bytes
}

/// Called after all columns were computed: evaluates the circuit's constraint polynomial at each row of the trace.
pub(crate) fn inspect<H>(witness: &WitnessGenerator<H>, mix: &MetaBuffer<H>)
where
    H: Hal<Field = CircuitField, Elem = Val, ExtElem = ExtVal>,
{
    let rows = witness.data.rows;
    // The polynomial looks back INV_RATE rows of the prover's domain for each row of the trace.
    let spread = |buffer: &MetaBuffer<H>| {
        let mut wide = vec![Val::ZERO; INV_RATE * rows * buffer.cols];
        buffer.buf.view(|elems| {
            wide.iter_mut()
                .step_by(INV_RATE)
                .zip(elems)
                .for_each(|(to, from)| *to = *from)
        });
        wide
    };
    let (accum, data) = (spread(&witness.accum), spread(&witness.data));
    let (global, mix) = (witness.global.buf.to_vec(), mix.buf.to_vec());
    let args = [&accum, &data, &global, &mix].map(|arg| arg.as_ptr().cast::<u32>());
    // Any will do: a sum of constraints, times powers of it.
    let powers = [ExtVal::ONE, ExtVal::random(&mut rand::rng())];
    let checks = checks(&witness.trace);
    let mut violated = Vec::new();
    for row in 0..rows {
        let mut value = ExtVal::ZERO;
        // SAFETY: the columns are the circuit's, INV_RATE * rows elements each.
        let error = unsafe {
            risc0_circuit_rv32im_cpu_poly_fp(
                INV_RATE * row,
                INV_RATE * rows,
                powers.as_ptr(),
                args.as_ptr(),
                &mut value,
            )
        };
        assert!(error.is_null());
        if value != ExtVal::ZERO {
            let operation = match witness.trace.backs.get(row) {
                Some(Back::BigInt(state)) => Some(format!("{:?}", state.poly_op)),
                _ => None,
            };
            let next = checks.iter().find(|check| **check >= row);
            let before = operation.as_ref().and(next).map(|check| check - row);
            violated.push(Violated {
                row,
                operation,
                before,
            });
        }
    }
    FOUND.lock().unwrap().get_or_insert_default().violated = violated;
}
