//! The GPU that a build with CUDA proves on.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::host::Host;

#[derive(Deserialize)]
pub struct Request {}

#[derive(Serialize)]
pub struct Device {
    name: String,
    memory_bytes: u64,
}

/// The devices, or why there are none; neither in a build without CUDA.
#[derive(Serialize)]
pub struct Reply {
    devices: Vec<Device>,
    error: Option<String>,
}

/// `gpu_devices {}`: what the driver offers to a build with CUDA. risc0 proves on the first.
pub fn devices(_: Request, _: &Host) -> Result<Reply> {
    let (devices, error) = match found() {
        Ok(devices) => (devices, None),
        Err(error) => (vec![], Some(error)),
    };
    Ok(Reply { devices, error })
}

/// An error in a build with CUDA where there is no device: risc0 would panic.
#[cfg(feature = "cuda")]
pub fn need_device() -> Result<()> {
    let why = match found() {
        Ok(devices) if !devices.is_empty() => return Ok(()),
        Ok(_) => "the driver offers none".to_owned(),
        Err(error) => error,
    };
    Err(crate::fail!(
        ProverUnavailable,
        "this build of zkhost proves on an NVIDIA GPU, and there is none: {why}"
    )
    .hint("look at nvidia-smi and CUDA_VISIBLE_DEVICES, use r0vm (RISC0_PROVER=ipc), or install zkhost without CUDA"))
}

#[cfg(all(feature = "prove", not(feature = "cuda")))]
pub fn need_device() -> Result<()> {
    Ok(())
}

#[cfg(feature = "cuda")]
fn found() -> std::result::Result<Vec<Device>, String> {
    let devices = zkhost_cuda::devices().map_err(|error| error.to_string())?;
    Ok(devices
        .into_iter()
        .map(|device| Device {
            name: device.name,
            memory_bytes: device.memory_bytes as u64,
        })
        .collect())
}

#[cfg(not(feature = "cuda"))]
fn found() -> std::result::Result<Vec<Device>, String> {
    Ok(vec![])
}
