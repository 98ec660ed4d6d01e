//! What this build is.

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{
    CompositeReceiptVerifierParameters, Groth16ReceiptVerifierParameters,
    SuccinctReceiptVerifierParameters,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Kind, Result};
use crate::host::Host;
use crate::risc0::{DEFAULT_SEGMENT_LIMIT_PO2, KECCAK_PO2, SEGMENT_PO2};

#[derive(Deserialize)]
pub struct Request {}

#[derive(Serialize)]
pub struct Reply {
    shim_version: &'static str,
    risc0_version: &'static str,
    features: Vec<&'static str>,
    recursion: bool,
    target_arch: &'static str,
    target_cpu: &'static str,
    error_kinds: Vec<&'static str>,
    operations: &'static [&'static str],
    verifier_parameters: VerifierParameters,
    segment_po2_range: (u32, u32),
    keccak_po2_range: (u32, u32),
    default_segment_limit_po2: u32,
}

/// Digests that name the verifier of each receipt kind.
#[derive(Serialize)]
pub struct VerifierParameters {
    composite: ByteBuf,
    succinct: ByteBuf,
    groth16: ByteBuf,
}

/// The digests of this build's default verifiers.
fn verifier_parameters() -> VerifierParameters {
    let bytes = |digest: risc0_zkvm::Digest| ByteBuf::from(digest.as_bytes().to_vec());
    VerifierParameters {
        composite: bytes(CompositeReceiptVerifierParameters::default().digest()),
        succinct: bytes(SuccinctReceiptVerifierParameters::default().digest()),
        groth16: bytes(Groth16ReceiptVerifierParameters::default().digest()),
    }
}

/// Whether the recursion programs are inside, which succinct and groth16 receipts need.
#[cfg(feature = "prove")]
pub fn has_recursion() -> bool {
    use std::sync::OnceLock;
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(crate::risc0::has_recursion_programs)
}

/// Without the prover there is nothing to run them.
#[cfg(not(feature = "prove"))]
pub fn has_recursion() -> bool {
    false
}

/// The instruction set this library was compiled for, as far as it matters for speed.
fn target_cpu() -> &'static str {
    if cfg!(all(
        target_arch = "x86_64",
        target_feature = "avx2",
        target_feature = "bmi2"
    )) {
        "x86-64-v3"
    } else {
        "baseline"
    }
}

fn features() -> Vec<&'static str> {
    [
        ("prove", cfg!(feature = "prove")),
        ("cuda", cfg!(feature = "cuda")),
        ("disable-dev-mode", cfg!(feature = "disable-dev-mode")),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect()
}

/// `build_info {}`: versions, features and limits of this build.
pub fn build_info(_: Request, _: &Host) -> Result<Reply> {
    Ok(Reply {
        shim_version: env!("CARGO_PKG_VERSION"),
        risc0_version: risc0_zkvm::VERSION,
        features: features(),
        recursion: has_recursion(),
        target_arch: std::env::consts::ARCH,
        target_cpu: target_cpu(),
        error_kinds: Kind::ALL.iter().map(|kind| kind.name()).collect(),
        operations: crate::OPERATIONS,
        verifier_parameters: verifier_parameters(),
        segment_po2_range: SEGMENT_PO2,
        keccak_po2_range: KECCAK_PO2,
        default_segment_limit_po2: DEFAULT_SEGMENT_LIMIT_PO2,
    })
}
