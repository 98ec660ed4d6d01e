//! risc0's rv32im prover without the checks that it makes of itself, and with a witness that can be altered.
//!
//! An honest prover refuses to go on where a constraint does not hold. One that lies does not: what stops it is the
//! verifier alone. This is such a prover, for tests. The executor, the trace, the circuit and the protocol are risc0's,
//! compiled from its own source by build.rs; [`alteration`] is what is ours.
#![allow(clippy::all, warnings)]

pub mod alteration;

include!(concat!(env!("OUT_DIR"), "/prover/lib.rs"));
