//! risc0's circuits on the CPU, their constraint polynomials evaluated many rows at a time.
//!
//! Three quarters of a proof's time in risc0's CPU prover is one function, called once for each row of the domain: a
//! circuit's constraint polynomial, generated as straight-line C++ over single field elements. This crate takes that
//! function's place at link time. It reads the polynomial from the definition that risc0's verifier uses
//! (`poly_ext.rs`), turns it into a short program over blocks of [`ROWS`] rows ([`program`]), and runs that program with
//! the widest vectors the CPU has ([`vectors`], [`evaluate`]). What risc0 asks for is still a row; the block it is in is
//! evaluated at the first row and kept for the others ([`window`]).
//!
//! A wrong result cannot make a false receipt: a proof whose polynomial was evaluated wrongly does not verify.
//!
//! [`ROWS`]: block::ROWS

pub mod block;
pub mod circuit;
pub mod evaluate;
pub mod link;
mod lower;
pub mod program;
#[cfg(witness_generators)]
mod rows;
#[cfg(test)]
mod tests;
pub mod vectors;
mod window;
