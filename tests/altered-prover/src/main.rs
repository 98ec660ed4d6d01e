//! Proves a segment, whatever it is: `altered-prover SEGMENT SEAL [CHECK:BEFORE:BYTE:ADD ...]`.
//!
//! SEGMENT is a bincode `risc0_zkvm::Segment`, as zkhost's executor leaves it. The seal is written to SEAL, its words in
//! little-endian order, and what the circuit finds is printed as JSON. Each further argument adds ADD to the column of byte
//! BYTE of the cell that is read BEFORE words before the CHECK-th EQZ.

use std::{env, fs};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use zkhost_altered_prover::alteration::{prove, Alteration};
use zkhost_altered_prover::execute::Segment;

/// What `risc0_zkvm::Segment` begins with.
#[derive(Deserialize)]
struct Outer {
    _index: u32,
    inner: Segment,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [segment, seal, alterations @ ..] = arguments.as_slice() else {
        anyhow::bail!("altered-prover SEGMENT SEAL [CHECK:BEFORE:BYTE:ADD ...]");
    };
    let outer: Outer = bincode::deserialize(&fs::read(segment)?).context("a segment")?;
    let alterations = alterations
        .iter()
        .map(|text| alteration(text))
        .collect::<Result<_>>()?;
    let (words, found) = prove(&outer.inner, alterations)?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    fs::write(seal, bytes)?;
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

fn alteration(text: &str) -> Result<Alteration> {
    let numbers: Vec<i32> = text
        .split(':')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context("an alteration")?;
    let [check, before, byte, add] = numbers[..] else {
        anyhow::bail!("{text}: expected CHECK:BEFORE:BYTE:ADD");
    };
    Ok(Alteration {
        check: check.try_into()?,
        before: before.try_into()?,
        byte: byte.try_into()?,
        add,
    })
}
