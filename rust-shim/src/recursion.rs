//! Single steps of making one succinct receipt of a session's segments, for hosts that spread them over machines.
//! risc0's own `compress` does the same in one call, one step after the other.

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{
    CompositeReceipt, InnerAssumptionReceipt, InnerReceipt, ProverServer, Receipt, ReceiptClaim,
    SegmentReceipt, SuccinctReceipt, Unknown,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::Result;
use crate::host::Host;
use crate::prove::{failed, need_recursion, server};
use crate::receipt::ReceiptReply;
use crate::session::{self, options, SessionRecord};
use crate::{bounded, fail, verify};

#[derive(Deserialize)]
pub struct PartRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
}

/// `lift {receipt}`: the bincode succinct receipt of a bincode SegmentReceipt.
pub fn lift(request: PartRequest<'_>, host: &Host) -> Result<ReceiptReply> {
    host.check()?;
    need_recursion("lifting a segment's receipt")?;
    let segment: SegmentReceipt = bounded::bincode("segment receipt", request.receipt)?;
    reply(&server(&options()?)?.lift(&segment).map_err(failed)?)
}

#[derive(Deserialize)]
pub struct JoinRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    left: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    right: &'a [u8],
}

/// `join {left, right}`: one succinct receipt (bincode) for two neighbouring spans of a session.
pub fn join(request: JoinRequest<'_>, host: &Host) -> Result<ReceiptReply> {
    host.check()?;
    need_recursion("joining receipts")?;
    let (left, right) = (succinct(request.left)?, succinct(request.right)?);
    reply(&server(&options()?)?.join(&left, &right).map_err(failed)?)
}

#[derive(Serialize)]
pub struct PartReply {
    index: u32,
}

/// `verify_succinct {receipt}`: Ok where the seal of a bincode succinct receipt, lifted or joined, proves its claim.
pub fn verify_succinct(request: PartRequest<'_>, _: &Host) -> Result<PartReply> {
    succinct(request.receipt)?
        .verify_integrity_with_context(&verify::context())
        .map_err(|error| {
            fail!(
                InvalidSeal,
                "the seal does not prove the joined segments: {error}"
            )
        })?;
    Ok(PartReply { index: 0 })
}

#[derive(Deserialize)]
pub struct AssembleRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    session: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    joined: &'a [u8],
    #[serde(default)]
    keccak_receipts: Vec<ByteBuf>,
}

/// `assemble_succinct {session, joined, keccak_receipts}`: the session's succinct receipt, its assumptions resolved, from the
/// receipt that joins all its segments.
pub fn assemble_succinct(request: AssembleRequest<'_>, host: &Host) -> Result<ReceiptReply> {
    host.check()?;
    let session: SessionRecord = bounded::bincode("session", request.session)?;
    let keccaks: Vec<SuccinctReceipt<Unknown>> = request
        .keccak_receipts
        .iter()
        .map(|bytes| bounded::bincode("keccak receipt", bytes))
        .collect::<Result<_>>()?;
    let mut joined = succinct(request.joined)?;
    let claim = joined
        .claim
        .as_value()
        .map_err(|_| fail!(ReceiptFormat, "the joined receipt's claim is pruned"))?;
    let assumptions = session::assumption_receipts(&session, &claim.output, &keccaks)?;
    if !assumptions.is_empty() {
        need_recursion("resolving assumptions")?;
    }
    for assumption in &assumptions {
        host.check()?;
        let server = server(&options()?)?;
        let assumption = resolvable(server.as_ref(), assumption)?;
        joined = server.resolve(&joined, &assumption).map_err(failed)?;
    }
    let (expected, found) = (session.claim_digest(), joined.claim.digest());
    if expected != found {
        return Err(fail!(
            Prover,
            "the segments prove claim {found}, the session has {expected}"
        )
        .hint("the segment receipts are of another run; start again from the execution"));
    }
    let receipt = Receipt::new(InnerReceipt::Succinct(joined), session.journal);
    receipt
        .verify_integrity_with_context(&verify::context())
        .map_err(|error| fail!(Prover, "the assembled receipt does not verify: {error}"))?;
    session::reply(receipt)
}

fn resolvable(
    server: &dyn ProverServer,
    receipt: &InnerAssumptionReceipt,
) -> Result<SuccinctReceipt<Unknown>> {
    let composite =
        |receipt: &CompositeReceipt| server.composite_to_succinct(receipt).map_err(failed);
    match receipt {
        InnerAssumptionReceipt::Succinct(receipt) => Ok(receipt.clone()),
        InnerAssumptionReceipt::Composite(receipt) => Ok(composite(receipt)?.into_unknown()),
        _ => Err(fail!(
            Prover,
            "an assumption's receipt is neither composite nor succinct, so it cannot be resolved"
        )),
    }
}

fn succinct(bytes: &[u8]) -> Result<SuccinctReceipt<ReceiptClaim>> {
    bounded::bincode("succinct receipt", bytes)
}

fn reply<T: Serialize>(receipt: &T) -> Result<ReceiptReply> {
    crate::prove::reply(receipt)
}
