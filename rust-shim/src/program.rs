//! Program binaries: a guest ELF joined with risc0's kernel, and the image ID computed from that.

use risc0_binfmt::ProgramBinary;
use risc0_zkos_v1compat::V1COMPAT_ELF;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Result, ShimError};
use crate::host::Host;
use crate::{fail, guarded};

#[derive(Deserialize)]
pub struct ImageIdRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    program: &'a [u8],
}

#[derive(Serialize)]
pub struct ImageIdReply {
    image_id: ByteBuf,
}

/// `image_id {program}`: the image ID of a program binary.
pub fn image_id(request: ImageIdRequest<'_>, _: &Host) -> Result<ImageIdReply> {
    Ok(ImageIdReply {
        image_id: compute(request.program)?,
    })
}

#[derive(Deserialize)]
pub struct BinaryRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    elf: &'a [u8],
}

#[derive(Serialize)]
pub struct BinaryReply {
    program: ByteBuf,
    image_id: ByteBuf,
}

/// `program_binary {elf}`: what risc0 runs, made of a guest's ELF, and its image ID.
pub fn program_binary(request: BinaryRequest<'_>, _: &Host) -> Result<BinaryReply> {
    let program = ProgramBinary::new(request.elf, V1COMPAT_ELF).encode();
    Ok(BinaryReply {
        image_id: compute(&program)?,
        program: ByteBuf::from(program),
    })
}

/// An error that says the bytes are no program binary, and what they may be instead.
pub fn invalid(program: &[u8], reason: &str) -> ShimError {
    let error = fail!(InvalidProgram, "not a program binary: {reason}");
    if program.starts_with(b"\x7fELF") {
        return error
            .hint("this is a plain ELF: make the program binary with zkhost.program_binary(elf)");
    }
    error.hint("build the guest with `zkhost build` for this version of risc0")
}

fn compute(program: &[u8]) -> Result<ByteBuf> {
    // risc0's ELF loader may panic on what is no ELF at all.
    let digest = guarded(|| {
        risc0_zkvm::compute_image_id(program)
            .map_err(|error| invalid(program, &format!("{error:#}")))
    })
    .map_err(|error| match error.kind {
        crate::error::Kind::Internal => invalid(program, &error.message),
        _ => error,
    })?;
    Ok(ByteBuf::from(digest.as_bytes().to_vec()))
}
