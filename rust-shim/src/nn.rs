//! Models: what a plan computes, and the program that proves it. The work is done by the crate `zkhost_nn`, which the guest
//! `ml` is made of too.

use object::elf::{FileHeader32, ProgramHeader32, PT_LOAD};
use object::pod::{bytes_of, from_bytes_mut};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{LittleEndian, U16, U32};
use risc0_binfmt::ProgramBinary;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use zkhost_nn::{Hasher, Plan, Workspace};

use crate::error::{Result, ShimError};
use crate::host::Host;
use crate::receipt::bytes;
use crate::{fail, program};

/// The circuit that the accelerated kernels were reviewed for (docs/ml/soundness.md): what a lane bound must exclude is for
/// this one. Another one needs another review before this changes.
#[cfg(feature = "prove")]
const _: () = {
    use risc0_zkp::adapter::CircuitInfo;
    let circuit = u128::from_be_bytes(risc0_circuit_rv32im::CircuitImpl::CIRCUIT_INFO.0);
    assert!(circuit == u128::from_be_bytes(*b"RV32IM:v2rev2___"));
};

/// Where the guest `ml` looks for its plan.
const PLAN_ADDRESS: u32 = 0x8000_0000;
const SALT_BYTES: usize = 32;

#[derive(Deserialize)]
pub struct PlanRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    plan: &'a [u8],
}

#[derive(Serialize)]
pub struct PlanReply {
    inputs: u32,
    outputs: u32,
    arena_bytes: u32,
}

/// `nn_validate {plan}`: checks every operation of a plan as the guest does when it runs.
pub fn validate(request: PlanRequest<'_>, _: &Host) -> Result<PlanReply> {
    let words = words(request.plan);
    let plan = checked(&words, request.plan)?;
    Ok(PlanReply {
        inputs: plan.inputs(),
        outputs: plan.outputs(),
        arena_bytes: plan.arena_bytes(),
    })
}

#[derive(Deserialize)]
pub struct ComputeRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    plan: &'a [u8],
    /// What the guest reads apart from plan and advice.
    #[serde(borrow, with = "serde_bytes")]
    given: &'a [u8],
    /// Present where the plan is an input too.
    #[serde(borrow, default, with = "serde_bytes")]
    model_salt: Option<&'a [u8]>,
}

#[derive(Serialize)]
pub struct ComputeReply {
    /// Of one sample after the other.
    outputs: Vec<ByteBuf>,
    /// All that the guest reads.
    stdin: ByteBuf,
    /// What the guest commits.
    journal: ByteBuf,
}

/// `nn_compute {plan, given, model_salt?}`: what a plan computes, with what the guest needs to prove it. What `given` has, in
/// which order, is said in `zkhost_nn::inference`.
pub fn compute(request: ComputeRequest<'_>, _: &Host) -> Result<ComputeReply> {
    let words = words(request.plan);
    let plan = checked(&words, request.plan)?;
    let (mut stdin, mut digest) = (Vec::new(), None);
    if let Some(salt) = request.model_salt {
        let salt = sized("model_salt", salt)?;
        stdin.extend_from_slice(&(plan.bytes().len() as u32 / 4).to_le_bytes());
        stdin.extend_from_slice(salt);
        stdin.extend_from_slice(plan.bytes());
        digest = Some(Sha256::digest(&stdin[4..]).into());
    }
    let computed =
        zkhost_nn::native::compute::<Sha>(&plan, digest, request.given).map_err(refused)?;
    stdin.extend_from_slice(&computed.stdin);
    Ok(ComputeReply {
        outputs: computed.outputs.into_iter().map(ByteBuf::from).collect(),
        stdin: ByteBuf::from(stdin),
        journal: ByteBuf::from(computed.journal),
    })
}

struct Sha(Sha256);

impl Hasher for Sha {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

fn sized<'a>(what: &str, salt: &'a [u8]) -> Result<&'a [u8]> {
    if salt.len() == SALT_BYTES {
        return Ok(salt);
    }
    Err(fail!(
        Shim,
        "{what} has {} bytes, not {SALT_BYTES}",
        salt.len()
    ))
}

#[derive(Deserialize)]
pub struct ImageRequest<'a> {
    /// The program binary of the guest `ml`.
    #[serde(borrow, with = "serde_bytes")]
    program: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    plan: &'a [u8],
}

#[derive(Serialize)]
pub struct ImageReply {
    program: ByteBuf,
    image_id: ByteBuf,
}

/// `nn_image {program, plan}`: the guest `ml` with a plan appended as a segment of its own, and the image ID of both.
pub fn image(request: ImageRequest<'_>, _: &Host) -> Result<ImageReply> {
    let words = words(request.plan);
    checked(&words, request.plan)?;
    let invalid = |reason: &str| program::invalid(request.program, reason);
    let binary =
        ProgramBinary::decode(request.program).map_err(|error| invalid(&format!("{error:#}")))?;
    let elf = appended(binary.user_elf, request.plan).map_err(|error| invalid(&error))?;
    let program = ProgramBinary::new(&elf, binary.kernel_elf).encode();
    Ok(ImageReply {
        image_id: bytes(program::compute(&program)?),
        program: ByteBuf::from(program),
    })
}

/// An ELF with one more loaded segment. The table of segments is written anew at the end.
fn appended(elf: &[u8], data: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let text = |error: object::Error| error.to_string();
    let header = FileHeader32::<LittleEndian>::parse(elf).map_err(text)?;
    let segments = header
        .program_headers(LittleEndian, elf)
        .map_err(text)?
        .to_vec();
    let end = |segment: &ProgramHeader32<LittleEndian>| {
        u64::from(segment.p_vaddr(LittleEndian)) + u64::from(segment.p_memsz(LittleEndian))
    };
    let loaded = segments
        .iter()
        .filter(|segment| segment.p_type(LittleEndian) == PT_LOAD);
    if loaded.map(end).max().unwrap_or_default() > u64::from(PLAN_ADDRESS) {
        return Err("its segments reach into the place of a plan".to_owned());
    }
    let word = |value: u32| U32::new(LittleEndian, value);
    let mut out = elf.to_vec();
    out.resize(out.len().next_multiple_of(4096), 0);
    let segment = ProgramHeader32 {
        p_type: word(PT_LOAD),
        p_offset: word(out.len() as u32),
        p_vaddr: word(PLAN_ADDRESS),
        p_paddr: word(PLAN_ADDRESS),
        p_filesz: word(data.len() as u32),
        p_memsz: word(data.len() as u32),
        p_flags: word(object::elf::PF_R),
        p_align: word(4096),
    };
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(16), 0);
    let table = out.len() as u32;
    for segment in segments.iter().chain([&segment]) {
        out.extend_from_slice(bytes_of(segment));
    }
    let (header, _) = from_bytes_mut::<FileHeader32<LittleEndian>>(&mut out)
        .map_err(|()| "its header is too short".to_owned())?;
    header.e_phoff = word(table);
    header.e_phnum = U16::new(LittleEndian, segments.len() as u16 + 1);
    Ok(out)
}

/// A plan's bytes as words; a rest of less than a word is left out, and then its length does not fit.
fn words(plan: &[u8]) -> Vec<u32> {
    let (words, _) = plan.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// A plan that the guest would run, with nothing behind it.
fn checked<'a>(words: &'a [u32], bytes: &[u8]) -> Result<Plan<'a>> {
    let plan = Plan::new(words).map_err(refused)?;
    if plan.bytes().len() != bytes.len() {
        return Err(fail!(
            Plan,
            "the plan has {} bytes more than it says",
            bytes.len() - plan.bytes().len()
        ));
    }
    zkhost_nn::validate(&plan, &mut Workspace::new()).map_err(refused)?;
    Ok(plan)
}

fn refused(error: zkhost_nn::Error) -> ShimError {
    let failed = fail!(Plan, "the plan is refused: {error}");
    match error.operation {
        Some(index) => failed.with("operation", index),
        None => failed,
    }
}
