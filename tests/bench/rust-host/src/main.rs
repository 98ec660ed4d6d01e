//! A plain Rust host: `rust-host execute|prove PROGRAM.bin [RECEIPT]` with the factors 17 and 23, timed from inside.
//! `rust-host burn|prove-burn PROGRAM.bin CYCLES` executes, or proves and verifies, the guest `burn` for so many cycles.
//! `rust-host verify PROGRAM.bin RECEIPT` verifies a receipt that another host wrote.
//! `rust-host stream PROGRAM.bin CYCLES` runs `burn` for so many cycles, its segments written to a temporary folder.

use std::{env, fs, time::Instant};

use anyhow::{bail, Context, Result};
use risc0_zkvm::{
    compute_image_id, Executor, ExecutorEnv, ExecutorImpl, LocalProver, Prover, Receipt,
};

#[cfg(feature = "kernels")]
use zkhost_kernels as _;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (mode, program) = match args.as_slice() {
        [mode, program, ..] => (mode.as_str(), fs::read(program)?),
        _ => bail!(
            "usage: rust-host execute|burn|prove|prove-burn|verify|stream PROGRAM.bin [RECEIPT or CYCLES]"
        ),
    };
    let receipt_path = args.get(2);
    let host = LocalProver::new("local");
    let input = || ExecutorEnv::builder().write(&17u64)?.write(&23u64)?.build();
    let burning = || -> Result<ExecutorEnv> {
        let cycles: u64 = args.get(2).context("burn needs CYCLES")?.parse()?;
        ExecutorEnv::builder()
            .write_slice(&cycles.to_le_bytes())
            .build()
    };

    let started = Instant::now();
    match mode {
        "execute" => {
            host.execute(input()?, &program)?;
        }
        "burn" => {
            host.execute(burning()?, &program)?;
        }
        "prove-burn" => {
            let receipt = host.prove(burning()?, &program)?.receipt;
            receipt.verify(compute_image_id(&program)?)?;
        }
        "prove" => {
            let receipt = host.prove(input()?, &program)?.receipt;
            receipt.verify(compute_image_id(&program)?)?;
            if let Some(path) = receipt_path {
                fs::write(path, bincode::serialize(&receipt)?)?;
            }
        }
        "verify" => {
            let bytes = fs::read(receipt_path.context("verify needs RECEIPT")?)?;
            let receipt: Receipt = bincode::deserialize(&bytes)?;
            receipt.verify(compute_image_id(&program)?)?;
        }
        "stream" => {
            ExecutorImpl::from_elf(burning()?, &program)?.run()?;
        }
        other => bail!("unknown mode {other}"),
    }
    println!("{:.6}", started.elapsed().as_secs_f64());
    Ok(())
}
