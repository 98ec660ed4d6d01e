//! Program binaries: a guest ELF joined with risc0's kernel, and the image ID computed from that.

use object::elf::{FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::LittleEndian;
use risc0_binfmt::ProgramBinary;
use risc0_zkos_v1compat::V1COMPAT_ELF;
use risc0_zkvm::Digest;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Kind, Result, ShimError};
use crate::host::Host;
use crate::receipt::bytes;
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
        image_id: bytes(compute(request.program)?),
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
        image_id: bytes(compute(&program)?),
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

/// The image ID of a program binary.
pub fn compute(program: &[u8]) -> Result<Digest> {
    loading(program, || risc0_zkvm::compute_image_id(program))
}

/// Runs `load`, risc0's loading of a program, with what it says or panics of as an error of kind InvalidProgram.
pub fn loading<T>(program: &[u8], load: impl FnOnce() -> anyhow::Result<T>) -> Result<T> {
    let invalid = |reason: &str| invalid(program, reason);
    guarded(|| {
        let binary =
            ProgramBinary::decode(program).map_err(|error| invalid(&format!("{error:#}")))?;
        bounded(binary.user_elf).map_err(|reason| invalid(&reason))?;
        bounded(binary.kernel_elf).map_err(|reason| invalid(&reason))?;
        load().map_err(|error| invalid(&format!("{error:#}")))
    })
    .map_err(|error| match error.kind {
        Kind::Internal => invalid(&error.message),
        _ => error,
    })
}

/// What a program's segments may take of the guest's memory.
const MAX_LOADED_BYTES: u64 = 256 << 20;

/// Refuses an ELF that asks for more memory than its loading may cost: risc0 takes 20 bytes of host memory and some time
/// for each word, also for those that an ELF of a few bytes only declares.
fn bounded(elf: &[u8]) -> std::result::Result<(), String> {
    let parsed = || -> object::Result<u64> {
        let header = FileHeader32::<LittleEndian>::parse(elf)?;
        let segments = header.program_headers(header.endian()?, elf)?;
        let loaded = segments
            .iter()
            .filter(|segment| segment.p_type(LittleEndian) == PT_LOAD)
            .map(|segment| u64::from(segment.p_memsz(LittleEndian)));
        Ok(loaded.sum())
    };
    match parsed() {
        Ok(bytes) if bytes > MAX_LOADED_BYTES => Err(format!(
            "its segments take {bytes} bytes of memory, more than {MAX_LOADED_BYTES}"
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("Elf parse error: {error}")),
    }
}
