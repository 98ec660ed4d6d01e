//! The in-process prover, one segment at a time.

use std::path::PathBuf;
use std::rc::Rc;

use risc0_zkvm::{get_prover_server, ProveKeccakRequest, ProverOpts, ProverServer, Segment};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zkhost_kernels::vectors::isa::{Isa, VARIABLE};

use crate::error::{Kind, Result, ShimError};
use crate::host::Host;
use crate::receipt::{self, Format, ReceiptReply};
use crate::session::options;
use crate::{bounded, fail, gpu, info, verify};

/// The in-process prover.
pub fn server(options: &ProverOpts) -> Result<Rc<dyn ProverServer>> {
    Isa::chosen().map_err(|error| {
        fail!(Config, "{error}").hint(format!("set {VARIABLE} to one of these, or unset it"))
    })?;
    gpu::need_device()?;
    get_prover_server(options).map_err(failed)
}

/// What C++, CUDA and the system say when memory runs out; the prover passes it on as text.
const OUT_OF_MEMORY: [&str; 3] = ["bad_alloc", "out of memory", "Cannot allocate memory"];

/// What risc0's prover says, as an error of kind Prover, or OutOfMemory.
pub fn failed(error: anyhow::Error) -> ShimError {
    let text = format!("proving failed: {error:#}");
    if OUT_OF_MEMORY.iter().any(|words| text.contains(words)) {
        return ShimError::new(Kind::OutOfMemory, text)
            .hint("use a smaller segment_limit_po2: each step down halves the memory");
    }
    ShimError::new(Kind::Prover, text)
}

/// An error that says what to do about missing recursion programs, raised before any work is done.
pub fn need_recursion(what: &str) -> Result<()> {
    if info::has_recursion() {
        return Ok(());
    }
    Err(fail!(RecursionUnavailable, "{what} needs risc0's recursion programs, which this build lacks").hint(
        "rebuild zkhost without DOCS_RS set (risc0's build script then downloads them), or with RECURSION_SRC_PATH naming a copy of recursion_zkr.zip",
    ))
}

#[derive(Deserialize)]
pub struct SegmentRequest<'a> {
    #[serde(borrow, default, with = "serde_bytes")]
    segment: Option<&'a [u8]>,
    path: Option<PathBuf>,
}

impl SegmentRequest<'_> {
    fn segment(&self) -> Result<Segment> {
        match (self.segment, &self.path) {
            (Some(bytes), None) => bounded::bincode("segment", bytes),
            (None, Some(path)) => bounded::bincode("segment", &read(path)?),
            _ => Err(fail!(Shim, "give either segment or path")),
        }
    }
}

/// `prove_segment {segment | path}`: the bincode SegmentReceipt of a bincode Segment, given or in a file.
pub fn prove_segment(request: SegmentRequest<'_>, host: &Host) -> Result<ReceiptReply> {
    host.check()?;
    let receipt = server(&options()?)?
        .prove_segment(&verify::context(), &request.segment()?)
        .map_err(failed)?;
    reply(&receipt)
}

#[derive(Serialize)]
pub struct PreflightReply {}

/// `segment_preflight {segment | path}`: runs a bincode Segment as its proof will, up to the trace, without proving it.
/// Fails where the proof would: executing a guest does not check what it asks of the big integer accelerator.
pub fn segment_preflight(request: SegmentRequest<'_>, host: &Host) -> Result<PreflightReply> {
    host.check()?;
    server(&options()?)?
        .segment_preflight(&request.segment()?)
        .map_err(failed)?;
    Ok(PreflightReply {})
}

#[derive(Deserialize)]
pub struct KeccakRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    request: &'a [u8],
}

/// `prove_keccak {request}`: the bincode receipt of a bincode keccak request.
pub fn prove_keccak(request: KeccakRequest<'_>, host: &Host) -> Result<ReceiptReply> {
    host.check()?;
    need_recursion("a guest that uses the keccak accelerator")?;
    let request: ProveKeccakRequest = bounded::bincode("keccak request", request.request)?;
    reply(
        &server(&options()?)?
            .prove_keccak(&request)
            .map_err(failed)?,
    )
}

#[derive(Deserialize)]
pub struct CompressRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
    kind: &'a str,
}

/// `compress {receipt, kind}`: the same claim in a smaller receipt; a no-op where it is already as small.
pub fn compress(request: CompressRequest<'_>, host: &Host) -> Result<ReceiptReply> {
    host.check()?;
    let receipt = receipt::decode(request.receipt, Format::Bincode)?;
    let (from, to) = (
        receipt::rank(receipt::kind(&receipt.inner))?,
        receipt::rank(request.kind)?,
    );
    let receipt = if from >= to {
        receipt
    } else {
        need_recursion(&format!("a {} receipt", request.kind))?;
        let options = options()?.with_receipt_kind(receipt::receipt_kind(request.kind)?);
        server(&options)?
            .compress(&options, &receipt)
            .map_err(failed)?
    };
    Ok(ReceiptReply {
        receipt: ByteBuf::from(receipt::encode(&receipt, Format::Bincode)?),
    })
}

fn read(path: &PathBuf) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| fail!(Prover, "cannot read segment {}: {error}", path.display()))
}

/// A receipt, or part of one, as bincode.
pub fn reply<T: Serialize>(receipt: &T) -> Result<ReceiptReply> {
    bincode::serialize(receipt)
        .map(|receipt| ReceiptReply {
            receipt: ByteBuf::from(receipt),
        })
        .map_err(|error| fail!(Shim, "cannot encode the receipt: {error}"))
}
