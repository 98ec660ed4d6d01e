//! Verification: risc0's own verdict first; a refusal is then told apart by what exactly does not fit.

use risc0_zkp::verify::VerificationError;
use risc0_zkvm::sha::{Digest, Digestible};
use risc0_zkvm::{
    CompositeReceiptVerifierParameters, ExitCode, InnerAssumptionReceipt, InnerReceipt, Receipt,
    ReceiptClaim, SegmentReceipt, VerifierContext,
};
#[cfg(feature = "prove")]
use risc0_zkvm::{MaybePruned, SystemState};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::error::{Result, ShimError};
use crate::host::Host;
#[cfg(feature = "prove")]
use crate::risc0;
use crate::{bounded, fail, receipt};

#[derive(Deserialize)]
pub struct VerifyRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    image_id: &'a [u8],
    #[serde(default)]
    allow_fake: bool,
    format: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Verified {
    kind: &'static str,
}

/// `verify {receipt, image_id, allow_fake, format?}`: Ok only where the receipt proves that the program with this image
/// ID ended with Halted(0) and this journal. A fake receipt anywhere inside is refused unless `allow_fake`.
pub fn verify(request: VerifyRequest<'_>, _: &Host) -> Result<Verified> {
    let receipt = receipt::decode(
        request.receipt,
        request.format.unwrap_or("bincode").parse()?,
    )?;
    verify_receipt(
        &receipt,
        digest("image_id", request.image_id)?,
        request.allow_fake,
    )?;
    Ok(Verified {
        kind: receipt::kind(&receipt.inner),
    })
}

/// The same for a receipt at hand.
pub fn verify_receipt(receipt: &Receipt, image_id: Digest, allow_fake: bool) -> Result<()> {
    let context = checked_context(receipt, allow_fake)?;
    receipt
        .verify_with_context(&context, image_id)
        .map_err(|error| explain(receipt, &context, image_id, error))
}

#[derive(Deserialize)]
pub struct IntegrityRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
    #[serde(default)]
    allow_fake: bool,
    format: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Integrity {
    kind: &'static str,
    claim: Option<receipt::ClaimFacts>,
}

/// `verify_integrity {receipt, allow_fake, format?}`: the seal proves the claim and the journal, whatever the program and exit code.
pub fn verify_integrity(request: IntegrityRequest<'_>, _: &Host) -> Result<Integrity> {
    let receipt = receipt::decode(
        request.receipt,
        request.format.unwrap_or("bincode").parse()?,
    )?;
    let context = checked_context(&receipt, request.allow_fake)?;
    receipt
        .verify_integrity_with_context(&context)
        .map_err(|error| match error {
            VerificationError::JournalDigestMismatch => journal_mismatch(),
            error => seal_error(error),
        })?;
    let claim = receipt.claim().map_err(seal_error)?;
    Ok(Integrity {
        kind: receipt::kind(&receipt.inner),
        claim: claim.as_value().ok().map(receipt::claim_facts),
    })
}

#[derive(Deserialize)]
pub struct SegmentRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
    index: Option<u32>,
    /// The file of the segment, in bincode, that the receipt is to prove. A build without the prover cannot read it: there
    /// another segment's receipt is found when the whole receipt is verified.
    #[cfg_attr(not(feature = "prove"), allow(dead_code))]
    path: Option<PathBuf>,
}

#[derive(Serialize)]
pub struct VerifiedSegment {
    index: u32,
}

/// `verify_segment {receipt, index?, path?}`: Ok where the seal of a bincode SegmentReceipt proves its claim, and where that
/// is the segment with that index, and of that file.
pub fn verify_segment(request: SegmentRequest<'_>, _: &Host) -> Result<VerifiedSegment> {
    let segment: SegmentReceipt = bounded::bincode("segment receipt", request.receipt)?;
    segment
        .verify_integrity_with_context(&context())
        .map_err(|error| {
            fail!(
                InvalidSeal,
                "the seal does not prove segment {}: {error}",
                segment.index
            )
        })?;
    match request.index {
        Some(index) if index != segment.index => Err(fail!(
            Verification,
            "this is the receipt of segment {}, not of segment {index}",
            segment.index
        )),
        _ => {
            #[cfg(feature = "prove")]
            if let Some(path) = &request.path {
                same_segment(path, &segment)?;
            }
            Ok(VerifiedSegment {
                index: segment.index,
            })
        }
    }
}

/// Refuses the receipt of another segment than the one in the file: no two executions have the same states.
#[cfg(feature = "prove")]
fn same_segment(path: &std::path::Path, receipt: &SegmentReceipt) -> Result<()> {
    let bytes = std::fs::read(path)
        .map_err(|error| fail!(Prover, "cannot read {}: {error}", path.display()))?;
    let (index, segment) = risc0::decode_segment(&bytes)?;
    let claim = &segment.claim;
    let proved =
        |state: &MaybePruned<SystemState>| state.as_value().ok().map(|state| state.merkle_root);
    // The state after a halt is not part of the claim.
    let halted = matches!(receipt.claim.exit_code, ExitCode::Halted(_));
    let same = receipt.index == index
        && proved(&receipt.claim.pre) == Some(claim.pre_state)
        && (halted || proved(&receipt.claim.post) == Some(claim.post_state))
        && receipt.claim.output.digest() == claim.output.unwrap_or_default();
    if same {
        return Ok(());
    }
    Err(fail!(
        Verification,
        "this receipt proves another segment {} than the one in {}",
        receipt.index,
        path.display()
    ))
}

/// 32 bytes of a request as a digest.
pub fn digest(field: &str, bytes: &[u8]) -> Result<Digest> {
    Digest::try_from(bytes).map_err(|_| fail!(Config, "{field} has {} bytes, not 32", bytes.len()))
}

/// This build's verifier, which knows nothing of the environment.
pub fn context() -> VerifierContext {
    VerifierContext::empty()
        .with_suites(VerifierContext::default_hash_suites())
        .with_segment_verifier_parameters(Default::default())
        .with_succinct_verifier_parameters(Default::default())
        .with_groth16_verifier_parameters(Default::default())
}

/// Refuses fake receipts and those for another verifier, and gives the verifier for the rest.
fn checked_context(receipt: &Receipt, allow_fake: bool) -> Result<VerifierContext> {
    if receipt.inner.verifier_parameters() != receipt.metadata.verifier_parameters {
        return Err(fail!(
            ReceiptFormat,
            "the receipt contradicts itself: its metadata names other verifier parameters than its proof"
        ));
    }
    if is_fake(&receipt.inner) {
        let error = fail!(FakeReceipt, "this is a dev-mode receipt: it proves nothing");
        if cfg!(feature = "disable-dev-mode") {
            return Err(error.hint("this build never accepts one (feature disable-dev-mode)"));
        }
        if !allow_fake {
            return Err(
                error.hint("prove without RISC0_DEV_MODE, or allow fake receipts in this one call")
            );
        }
        return Ok(context().with_dev_mode(true));
    }
    // risc0 checks this for succinct and groth16 receipts; a composite's digest it only carries along.
    if let InnerReceipt::Composite(composite) = &receipt.inner {
        let expected = CompositeReceiptVerifierParameters::default().digest();
        if composite.verifier_parameters != expected {
            return Err(other_version(expected, composite.verifier_parameters));
        }
    }
    Ok(context())
}

fn is_fake(inner: &InnerReceipt) -> bool {
    fn holds_fake(receipts: &[InnerAssumptionReceipt]) -> bool {
        receipts.iter().any(|receipt| match receipt {
            InnerAssumptionReceipt::Fake(_) => true,
            InnerAssumptionReceipt::Composite(composite) => {
                holds_fake(&composite.assumption_receipts)
            }
            _ => false,
        })
    }
    match inner {
        InnerReceipt::Fake(_) => true,
        InnerReceipt::Composite(composite) => holds_fake(&composite.assumption_receipts),
        _ => false,
    }
}

/// Why risc0 refused: the seal, or which part of the claim.
fn explain(
    receipt: &Receipt,
    context: &VerifierContext,
    image_id: Digest,
    error: VerificationError,
) -> ShimError {
    if let Err(error) = receipt.inner.verify_integrity_with_context(context) {
        return seal_error(error);
    }
    let Ok(claim) = receipt.claim() else {
        return seal_error(error);
    };
    match claim.as_value() {
        Ok(claim) => explain_claim(receipt, claim, image_id, error),
        Err(_) => fail!(
            Verification,
            "the proved claim {} is not that of this program and journal (it is pruned: which of the two differs cannot be told)",
            claim.digest()
        ),
    }
}

fn explain_claim(
    receipt: &Receipt,
    claim: &ReceiptClaim,
    image_id: Digest,
    error: VerificationError,
) -> ShimError {
    let found = claim.pre.digest();
    if found != image_id {
        return fail!(
            ImageIDMismatch,
            "the receipt proves program {found}, not {image_id}"
        )
        .with("expected", image_id.to_string())
        .with("found", found.to_string())
        .hint("verify against the image ID of the program that was proved, or rebuild the guest");
    }
    if claim.exit_code != ExitCode::Halted(0) {
        return fail!(
            UnsuccessfulExit,
            "the receipt proves a run that ended with {:?}, not Halted(0)",
            claim.exit_code
        )
        .with("exit_code", format!("{:?}", claim.exit_code))
        .hint("verify_integrity accepts every exit code; check the claim yourself then");
    }
    let output = claim.output.as_value().ok().and_then(Option::as_ref);
    if let Some(output) = output {
        if output.journal.digest() != receipt.journal.digest() {
            return journal_mismatch();
        }
        if !output.assumptions.is_empty() {
            return fail!(
                Verification,
                "the receipt holds only under assumptions that nobody proved"
            )
            .hint("give the assumptions' receipts when proving");
        }
    } else if !receipt.journal.bytes.is_empty() {
        return journal_mismatch();
    }
    fail!(Verification, "the receipt does not prove this: {error}")
}

fn journal_mismatch() -> ShimError {
    fail!(
        JournalMismatch,
        "the journal is not the one that was proved"
    )
    .hint("the journal was changed after proving; take it from the receipt as the prover gave it")
}

fn other_version(expected: Digest, got: Digest) -> ShimError {
    fail!(
        VerifierVersion,
        "the receipt is for a verifier with parameters {got}; this one has {expected}"
    )
    .with("expected", expected.to_string())
    .with("got", got.to_string())
    .hint("prove and verify with the same risc0 version")
}

fn seal_error(error: VerificationError) -> ShimError {
    match error {
        VerificationError::VerifierParametersMismatch { expected, received } => {
            other_version(expected, received)
        }
        VerificationError::ReceiptFormatError => {
            fail!(ReceiptFormat, "the receipt contradicts itself: {error}")
        }
        error => fail!(
            InvalidSeal,
            "the seal does not prove the receipt's claim: {error}"
        ),
    }
}
