//! From the ELF that cargo built to the program that risc0 runs, and its image ID.

use std::fs;
use std::panic;
use std::path::Path;

use risc0_binfmt::ProgramBinary;
use risc0_zkos_v1compat::V1COMPAT_ELF;

use crate::error::{At, Error, Result};

/// A program binary: the guest's ELF joined with risc0's kernel, and the image ID of the two.
#[derive(Debug)]
pub struct Program {
    /// What risc0 runs.
    pub binary: Vec<u8>,
    /// Eight little-endian words.
    pub image_id: [u32; 8],
}

impl Program {
    /// The program made of a guest's ELF.
    pub fn from_elf(path: &Path) -> Result<Self> {
        let elf = fs::read(path).at(path)?;
        let program = |reason: String| Error::Program {
            path: path.to_owned(),
            reason,
        };
        let binary = ProgramBinary::new(&elf, V1COMPAT_ELF).encode();
        // risc0's loader may panic on what is no ELF at all.
        let digest = panic::catch_unwind(|| risc0_binfmt::compute_image_id(&binary))
            .map_err(|_| program("risc0's loader cannot read it".to_owned()))?
            .map_err(|error| program(format!("{error:#}")))?;
        let image_id = <[u32; 8]>::try_from(digest.as_words())
            .map_err(|_| program("no image ID".to_owned()))?;
        Ok(Self { binary, image_id })
    }
}

/// An image ID as it is shown: 64 hex digits.
pub fn image_id_hex(image_id: &[u32; 8]) -> String {
    hex::encode(image_id.map(u32::to_le_bytes).concat())
}
