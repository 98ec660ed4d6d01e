//! Receipts in and out: the four formats, and what a receipt says of itself before anybody believes it.

use std::str::FromStr;

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{
    Assumptions, ExitCode, InnerAssumptionReceipt, InnerReceipt, MaybePruned, Output, Receipt,
    ReceiptClaim, ReceiptKind,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Result, ShimError};
use crate::host::Host;
use crate::{bounded, fail, risc0};

/// A serialization of receipts.
#[derive(Clone, Copy)]
pub enum Format {
    Bincode,
    Borsh,
    Json,
    Cbor,
}

impl FromStr for Format {
    type Err = ShimError;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "bincode" => Ok(Format::Bincode),
            "borsh" => Ok(Format::Borsh),
            "json" => Ok(Format::Json),
            "cbor" => Ok(Format::Cbor),
            _ => Err(fail!(Config, "no receipt format {name:?}")
                .hint("one of bincode, borsh, json, cbor")),
        }
    }
}

/// Decodes a receipt nobody vouches for.
pub fn decode(data: &[u8], format: Format) -> Result<Receipt> {
    match format {
        Format::Bincode => bounded::bincode("receipt", data),
        Format::Borsh => bounded::borsh("receipt", data),
        Format::Json => bounded::json("receipt", data),
        Format::Cbor => bounded::cbor("receipt", data),
    }
}

/// Encodes a receipt, as a Rust host with the same crate does.
pub fn encode(receipt: &Receipt, format: Format) -> Result<Vec<u8>> {
    match format {
        Format::Bincode => bincode::serialize(receipt).map_err(|error| error.to_string()),
        Format::Borsh => borsh::to_vec(receipt).map_err(|error| error.to_string()),
        Format::Json => serde_json::to_vec(receipt).map_err(|error| error.to_string()),
        Format::Cbor => {
            let mut bytes = Vec::new();
            ciborium::into_writer(receipt, &mut bytes)
                .map(|()| bytes)
                .map_err(|error| error.to_string())
        }
    }
    .map_err(|error| fail!(Shim, "cannot encode the receipt: {error}"))
}

#[derive(Deserialize)]
pub struct ConvertRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
    from: &'a str,
    to: &'a str,
}

#[derive(Serialize)]
pub struct ReceiptReply {
    pub receipt: ByteBuf,
}

/// `receipt_convert {receipt, from, to}`: from one of bincode, borsh, json and cbor to another.
pub fn convert(request: ConvertRequest<'_>, _: &Host) -> Result<ReceiptReply> {
    let receipt = decode(request.receipt, request.from.parse()?)?;
    Ok(ReceiptReply {
        receipt: ByteBuf::from(encode(&receipt, request.to.parse()?)?),
    })
}

#[derive(Deserialize)]
pub struct PruneRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
}

/// `receipt_prune {receipt}`: a succinct receipt (bincode) with its claim pruned to the digest, as an assumption for a
/// remote prover.
pub fn prune(request: PruneRequest<'_>, _: &Host) -> Result<ReceiptReply> {
    let mut receipt = decode(request.receipt, Format::Bincode)?;
    let InnerReceipt::Succinct(inner) = &mut receipt.inner else {
        return Err(fail!(
            Config,
            "cannot prune a {} receipt: only succinct ones are assumptions",
            kind(&receipt.inner)
        ));
    };
    risc0::prune(inner);
    Ok(ReceiptReply {
        receipt: ByteBuf::from(encode(&receipt, Format::Bincode)?),
    })
}

#[derive(Deserialize)]
pub struct InspectRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
    format: Option<&'a str>,
}

/// What a receipt says; none of it is proved until it is verified.
#[derive(Serialize)]
pub struct InspectReply {
    kind: &'static str,
    journal: ByteBuf,
    verifier_parameters: ByteBuf,
    seal_size: usize,
    segments: Vec<SegmentFacts>,
    assumption_receipts: Vec<&'static str>,
    /// The digest of the claim, and the claim where it is not pruned.
    claim_digest: Option<ByteBuf>,
    claim: Option<ClaimFacts>,
}

#[derive(Serialize)]
struct SegmentFacts {
    index: u32,
    seal_size: usize,
    exit_code: (&'static str, u32),
}

#[derive(Serialize)]
pub struct ClaimFacts {
    pre: ByteBuf,
    post: ByteBuf,
    exit_code: (&'static str, u32),
    input: ByteBuf,
    /// The digest of the output; all zero where there is none.
    output: ByteBuf,
    journal_digest: Option<ByteBuf>,
    /// Digests of the assumptions left unresolved; None where pruned.
    assumptions: Option<Vec<ByteBuf>>,
}

/// `receipt_inspect {receipt, format?}`: kind, journal, claim and parts, all unproved.
pub fn inspect(request: InspectRequest<'_>, _: &Host) -> Result<InspectReply> {
    let receipt = decode(
        request.receipt,
        request.format.unwrap_or("bincode").parse()?,
    )?;
    let claim = receipt.claim().ok();
    let (segments, assumption_receipts) = match &receipt.inner {
        InnerReceipt::Composite(composite) => (
            composite
                .segments
                .iter()
                .map(|segment| SegmentFacts {
                    index: segment.index,
                    seal_size: segment.seal_size(),
                    exit_code: exit_code(segment.claim.exit_code),
                })
                .collect(),
            composite
                .assumption_receipts
                .iter()
                .map(assumption_kind)
                .collect(),
        ),
        _ => Default::default(),
    };
    Ok(InspectReply {
        kind: kind(&receipt.inner),
        verifier_parameters: bytes(receipt.inner.verifier_parameters()),
        seal_size: receipt.seal_size(),
        segments,
        assumption_receipts,
        claim_digest: claim.as_ref().map(|claim| bytes(claim.digest())),
        claim: claim
            .as_ref()
            .and_then(|claim| claim.as_value().ok())
            .map(claim_facts),
        journal: ByteBuf::from(receipt.journal.bytes),
    })
}

/// The claim's fields, as digests where they are large.
pub fn claim_facts(claim: &ReceiptClaim) -> ClaimFacts {
    let output = claim.output.as_value().ok().and_then(Option::as_ref);
    ClaimFacts {
        pre: bytes(claim.pre.digest()),
        post: bytes(claim.post.digest()),
        exit_code: exit_code(claim.exit_code),
        input: bytes(claim.input.digest()),
        output: bytes(claim.output.digest()),
        journal_digest: output.map(|output| bytes(output.journal.digest())),
        assumptions: output.and_then(open_assumptions),
    }
}

fn open_assumptions(output: &Output) -> Option<Vec<ByteBuf>> {
    if output.assumptions.is_empty() {
        return Some(Vec::new());
    }
    let assumptions: &MaybePruned<Assumptions> = &output.assumptions;
    let list = assumptions.as_value().ok()?;
    Some(
        list.iter()
            .map(|assumption| bytes(assumption.digest()))
            .collect(),
    )
}

/// The name of a receipt's kind.
pub fn kind(inner: &InnerReceipt) -> &'static str {
    match inner {
        InnerReceipt::Composite(_) => "composite",
        InnerReceipt::Succinct(_) => "succinct",
        InnerReceipt::Groth16(_) => "groth16",
        InnerReceipt::Fake(_) => "fake",
        _ => "unknown",
    }
}

fn assumption_kind(inner: &InnerAssumptionReceipt) -> &'static str {
    match inner {
        InnerAssumptionReceipt::Composite(_) => "composite",
        InnerAssumptionReceipt::Succinct(_) => "succinct",
        InnerAssumptionReceipt::Groth16(_) => "groth16",
        InnerAssumptionReceipt::Fake(_) => "fake",
        _ => "unknown",
    }
}

/// The kinds from large to small.
pub fn rank(kind: &str) -> Result<usize> {
    match kind {
        "fake" => Err(fail!(
            FakeReceipt,
            "a dev-mode receipt cannot be compressed: it proves nothing"
        )),
        kind => ["composite", "succinct", "groth16"]
            .iter()
            .position(|name| *name == kind)
            .ok_or_else(|| unknown_kind(kind)),
    }
}

/// A receipt kind by its name.
pub fn receipt_kind(name: &str) -> Result<ReceiptKind> {
    match name {
        "composite" => Ok(ReceiptKind::Composite),
        "succinct" => Ok(ReceiptKind::Succinct),
        "groth16" => Ok(ReceiptKind::Groth16),
        _ => Err(unknown_kind(name)),
    }
}

fn unknown_kind(name: &str) -> ShimError {
    fail!(Config, "no receipt kind {name:?}").hint("one of composite, succinct, groth16")
}

/// An exit code as its name and the guest's own number.
pub fn exit_code(code: ExitCode) -> (&'static str, u32) {
    match code {
        ExitCode::Halted(code) => ("Halted", code),
        ExitCode::Paused(code) => ("Paused", code),
        ExitCode::SystemSplit => ("SystemSplit", 0),
        ExitCode::SessionLimit => ("SessionLimit", 0),
        _ => ("Unknown", 0),
    }
}

/// A digest as 32 bytes.
pub fn bytes(digest: risc0_zkvm::Digest) -> ByteBuf {
    ByteBuf::from(digest.as_bytes().to_vec())
}
