//! What must outlive an execution so that its segments' receipts can become one receipt.

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{
    Assumption, AssumptionReceipt, CompositeReceipt, CompositeReceiptVerifierParameters, Digest,
    FakeReceipt, InnerAssumptionReceipt, InnerReceipt, MaybePruned, Output, ProverOpts, Receipt,
    ReceiptClaim, SegmentReceipt, SuccinctReceipt, Unknown,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Result, ShimError};
use crate::host::Host;
use crate::receipt::{encode, Format, ReceiptReply};
use crate::{bounded, fail, guarded, risc0, verify};

/// A run's outcome. Python keeps it as bytes and does not look inside.
#[derive(Serialize, Deserialize)]
pub struct SessionRecord {
    /// The claim that proving the run will prove.
    pub claim: ReceiptClaim,
    /// What the guest committed.
    pub journal: Vec<u8>,
    /// The receipts the host gave for assumptions, to look up those the guest used.
    pub assumptions: Vec<AssumptionReceipt>,
}

impl SessionRecord {
    /// The digest of the claim that proving the run will prove.
    #[cfg(feature = "prove")]
    pub fn claim_digest(&self) -> Digest {
        self.claim.digest()
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Result<ByteBuf> {
        bincode::serialize(self)
            .map(ByteBuf::from)
            .map_err(|error| fail!(Shim, "cannot encode the session: {error}"))
    }
}

#[derive(Deserialize)]
pub struct AssembleRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    session: &'a [u8],
    segment_receipts: Vec<ByteBuf>,
    #[serde(default)]
    keccak_receipts: Vec<ByteBuf>,
}

/// `assemble_composite {session, segment_receipts, keccak_receipts}`: one composite receipt, verified against the
/// session's claim, as `ProverImpl::prove_session` of risc0-zkvm puts it together.
pub fn assemble_composite(request: AssembleRequest<'_>, _: &Host) -> Result<ReceiptReply> {
    let session: SessionRecord = bounded::bincode("session", request.session)?;
    let mut segments: Vec<SegmentReceipt> = request
        .segment_receipts
        .iter()
        .map(|bytes| bounded::bincode("segment receipt", bytes))
        .collect::<Result<_>>()?;
    segments.sort_by_key(|segment| segment.index);
    let keccaks: Vec<SuccinctReceipt<Unknown>> = request
        .keccak_receipts
        .iter()
        .map(|bytes| bounded::bincode("keccak receipt", bytes))
        .collect::<Result<_>>()?;

    let mut composite =
        risc0::empty_composite().map_err(|error| fail!(Internal, "composite receipt: {error}"))?;
    composite.assumption_receipts = match segments.last() {
        Some(last) => assumption_receipts(&session, &last.claim.output, &keccaks)?,
        None => return Err(fail!(Prover, "no segment receipts")),
    };
    composite.segments = segments;
    composite.verifier_parameters = CompositeReceiptVerifierParameters::default().digest();

    composite
        .verify_integrity_with_context(&verify::context())
        .map_err(|error| fail!(Prover, "the assembled receipt does not verify: {error}"))?;
    let (expected, found) = (session.claim.digest(), claim_digest(&composite)?);
    if expected != found {
        return Err(fail!(
            Prover,
            "the segments prove claim {found}, the session has {expected}"
        )
        .hint("the segment receipts are of another run; start again from the execution"));
    }
    reply(Receipt::new(
        InnerReceipt::Composite(composite),
        session.journal,
    ))
}

fn claim_digest(composite: &CompositeReceipt) -> Result<Digest> {
    composite
        .claim()
        .map(|claim| claim.digest())
        .map_err(|error| fail!(Prover, "the assembled receipt has no claim: {error}"))
}

/// The receipts of the assumptions that the last segment's output lists, in that order.
pub fn assumption_receipts(
    session: &SessionRecord,
    output: &MaybePruned<Option<Output>>,
    keccaks: &[SuccinctReceipt<Unknown>],
) -> Result<Vec<InnerAssumptionReceipt>> {
    let Ok(Some(output)) = output.as_value() else {
        return Ok(Vec::new());
    };
    if output.assumptions.is_empty() {
        return Ok(Vec::new());
    }
    let pruned = |_| fail!(ReceiptFormat, "the last segment's assumptions are pruned");
    output
        .assumptions
        .as_value()
        .map_err(pruned)?
        .iter()
        .map(|assumption| find(session, keccaks, assumption.as_value().map_err(pruned)?))
        .collect()
}

fn find(
    session: &SessionRecord,
    keccaks: &[SuccinctReceipt<Unknown>],
    assumption: &Assumption,
) -> Result<InnerAssumptionReceipt> {
    let keccak = keccaks
        .iter()
        .find(|receipt| receipt.claim.digest() == assumption.claim);
    if let Some(receipt) = keccak {
        return Ok(InnerAssumptionReceipt::Succinct(receipt.clone()));
    }
    session
        .assumptions
        .iter()
        .find_map(|given| match given {
            AssumptionReceipt::Proven(inner)
                if inner.claim_digest().ok() == Some(assumption.claim) =>
            {
                Some(inner.clone())
            }
            _ => None,
        })
        .ok_or_else(|| {
            fail!(
                MissingAssumption,
                "the guest relies on the claim {}, and no receipt for it was supplied",
                assumption.claim
            )
            .with("claim", assumption.claim.to_string())
            .hint("add_assumption(receipt) with the receipt that proves it")
        })
}

#[derive(Deserialize)]
pub struct FakeRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    session: &'a [u8],
}

/// `fake_receipt {session}`: what dev mode gives instead of a proof. It proves nothing, and says so.
pub fn fake_receipt(request: FakeRequest<'_>, _: &Host) -> Result<ReceiptReply> {
    if cfg!(feature = "disable-dev-mode") {
        return Err(no_dev_mode());
    }
    let session: SessionRecord = bounded::bincode("session", request.session)?;
    let fake = FakeReceipt::new(MaybePruned::Value(session.claim));
    reply(Receipt::new(InnerReceipt::Fake(fake), session.journal))
}

fn no_dev_mode() -> ShimError {
    fail!(
        Config,
        "this build makes no fake receipts (feature disable-dev-mode)"
    )
    .hint("unset RISC0_DEV_MODE")
}

/// What real proofs are made with, whatever RISC0_DEV_MODE says; a build without dev mode refuses the variable, as risc0
/// does.
pub fn options() -> Result<ProverOpts> {
    // All of risc0's constructors look at the variable, and panic.
    guarded(|| Ok(ProverOpts::default().with_dev_mode(false))).map_err(|error| {
        if cfg!(feature = "disable-dev-mode") {
            no_dev_mode()
        } else {
            error
        }
    })
}

/// A receipt as the reply of an operation.
pub fn reply(receipt: Receipt) -> Result<ReceiptReply> {
    Ok(ReceiptReply {
        receipt: ByteBuf::from(encode(&receipt, Format::Bincode)?),
    })
}
