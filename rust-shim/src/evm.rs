//! Seals as smart contracts take them: four bytes that select the verifier, then the proof.
//!
//! The encoding is that of risc0-ethereum (`encode_seal`, `SetInclusionReceipt::abi_encode_seal`): a groth16 seal is
//! 256 bytes of curve points; dev mode's is the claim's digest behind ffffffff; a set inclusion seal is the ABI
//! encoding of `(bytes32[] path, bytes root_seal)`.

use risc0_zkvm::sha::{Digest, Digestible};
use risc0_zkvm::{
    FakeReceipt, Groth16Receipt, Groth16ReceiptVerifierParameters, InnerReceipt, MaybePruned,
    Receipt, ReceiptClaim,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha3::{Digest as _, Keccak256};

use crate::error::Result;
use crate::fail;
use crate::host::Host;
use crate::receipt::{self, Format, ReceiptReply};
use crate::verify::{digest, verify_receipt};

const SELECTOR_BYTES: usize = 4;
const FAKE_SELECTOR: [u8; SELECTOR_BYTES] = [0xff; SELECTOR_BYTES];
/// What a groth16 proof over BN254 takes: points A (2 coordinates), B (4) and C (2) of 32 bytes.
const GROTH16_BYTES: usize = 256;
const WORD: usize = 32;
/// A set of 2^255 claims would have this path; longer ones are refused unread.
const LONGEST_PATH: usize = 255;

#[derive(Deserialize)]
pub struct HashRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    data: &'a [u8],
}

#[derive(Serialize)]
pub struct HashReply {
    digest: ByteBuf,
}

/// `keccak256 {data}`: the hash that the EVM calls keccak256.
pub fn keccak256(request: HashRequest<'_>, _: &Host) -> Result<HashReply> {
    Ok(HashReply {
        digest: receipt::bytes(keccak(&[request.data])),
    })
}

#[derive(Deserialize)]
pub struct SealRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
}

#[derive(Serialize)]
pub struct SealReply {
    seal: ByteBuf,
}

/// `evm_seal {receipt}`: the seal of a groth16 or fake receipt (bincode), selector first.
pub fn seal(request: SealRequest<'_>, _: &Host) -> Result<SealReply> {
    let receipt = receipt::decode(request.receipt, Format::Bincode)?;
    let (selector, proof) = match &receipt.inner {
        InnerReceipt::Groth16(inner) => (
            selector_of(inner.verifier_parameters),
            inner.seal.as_slice().to_vec(),
        ),
        InnerReceipt::Fake(inner) => (FAKE_SELECTOR, inner.claim.digest().as_bytes().to_vec()),
        inner => {
            return Err(
                fail!(Config, "a {} receipt has no EVM seal", receipt::kind(inner))
                    .hint("compress it to groth16 first"),
            )
        }
    };
    Ok(SealReply {
        seal: ByteBuf::from([selector.as_slice(), &proof].concat()),
    })
}

#[derive(Deserialize)]
pub struct FromSealRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    seal: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    image_id: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    journal: &'a [u8],
}

/// `receipt_from_seal {seal, image_id, journal}`: the receipt (bincode) that a seal, a program and a journal make. It
/// is not verified.
pub fn receipt_from_seal(request: FromSealRequest<'_>, _: &Host) -> Result<ReceiptReply> {
    let receipt = decode_seal(
        request.seal,
        digest("image_id", request.image_id)?,
        request.journal,
    )?;
    Ok(ReceiptReply {
        receipt: ByteBuf::from(receipt::encode(&receipt, Format::Bincode)?),
    })
}

fn decode_seal(seal: &[u8], image_id: Digest, journal: &[u8]) -> Result<Receipt> {
    let (selector, proof) = split_selector(seal)?;
    let claim = ReceiptClaim::ok(image_id, journal.to_vec());
    let parameters = Groth16ReceiptVerifierParameters::default().digest();
    if selector == FAKE_SELECTOR {
        if proof != claim.digest().as_bytes() {
            return Err(fail!(
                ReceiptFormat,
                "the fake seal is not of this program and journal"
            ));
        }
        let inner = InnerReceipt::Fake(FakeReceipt::new(claim));
        return Ok(Receipt::new(inner, journal.to_vec()));
    }
    if selector != selector_of(parameters) {
        return Err(other_selector(selector, selector_of(parameters)));
    }
    if proof.len() != GROTH16_BYTES {
        return Err(fail!(
            ReceiptFormat,
            "a groth16 seal has {GROTH16_BYTES} bytes after its selector, not {}",
            proof.len()
        ));
    }
    let inner = Groth16Receipt::new(proof.to_vec(), MaybePruned::Value(claim), parameters);
    Ok(Receipt::new(InnerReceipt::Groth16(inner), journal.to_vec()))
}

#[derive(Deserialize)]
pub struct InclusionRequest<'a> {
    #[serde(borrow, with = "serde_bytes")]
    seal: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    image_id: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    journal: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    set_builder_id: &'a [u8],
    /// The set builder's receipt, where the seal does not hold the root's seal.
    root: Option<ByteBuf>,
    #[serde(default)]
    allow_fake: bool,
}

/// `verify_inclusion {seal, image_id, journal, set_builder_id, root?, allow_fake}`: Ok only where the claim "this program
/// ended with Halted(0) and this journal" is in the set whose Merkle root the set builder's receipt proves.
pub fn verify_inclusion(request: InclusionRequest<'_>, _: &Host) -> Result<()> {
    let builder = digest("set_builder_id", request.set_builder_id)?;
    let image_id = digest("image_id", request.image_id)?;
    let (selector, encoded) = split_selector(request.seal)?;
    let expected = selector_of(set_verifier_parameters(builder));
    if selector != expected {
        return Err(other_selector(selector, expected));
    }
    let (path, root_seal) = decode_inclusion(encoded)?;
    let claim = ReceiptClaim::ok(image_id, request.journal.to_vec()).digest();
    let root = merkle_root(claim, &path);
    let state = finalized_state(builder, root);
    let receipt = match (&request.root, root_seal) {
        (Some(_), [_, ..]) => {
            return Err(fail!(
                Config,
                "the seal holds its root's seal, and a root receipt was given too"
            ))
        }
        (Some(receipt), []) => receipt::decode(receipt, Format::Bincode)?,
        (None, []) => {
            return Err(fail!(
                Verification,
                "the seal holds no proof of its root {root}"
            )
            .with("root", root.to_string())
            .hint("give the set builder's receipt as root, or check the root in the set verifier's contract"))
        }
        (None, root_seal) => decode_seal(root_seal, builder, &state)?,
    };
    if receipt.journal.bytes != state {
        return Err(fail!(
            Verification,
            "the root receipt proves another set than the one with root {root}"
        )
        .with("root", root.to_string()));
    }
    verify_receipt(&receipt, builder, request.allow_fake)
}

fn split_selector(seal: &[u8]) -> Result<([u8; SELECTOR_BYTES], &[u8])> {
    seal.split_first_chunk::<SELECTOR_BYTES>()
        .map(|(selector, rest)| (*selector, rest))
        .ok_or_else(|| {
            fail!(
                ReceiptFormat,
                "a seal of {} bytes has no selector",
                seal.len()
            )
        })
}

fn selector_of(parameters: Digest) -> [u8; SELECTOR_BYTES] {
    let mut selector = [0; SELECTOR_BYTES];
    selector.copy_from_slice(&parameters.as_bytes()[..SELECTOR_BYTES]);
    selector
}

fn other_selector(
    found: [u8; SELECTOR_BYTES],
    expected: [u8; SELECTOR_BYTES],
) -> crate::error::ShimError {
    let (found, expected) = (hex::encode(found), hex::encode(expected));
    fail!(
        VerifierVersion,
        "the seal selects verifier {found}; this one is {expected}"
    )
    .with("expected", expected)
    .with("got", found)
    .hint("prove and verify with the same risc0 version and set builder")
}

/// risc0-aggregation's `SetInclusionReceiptVerifierParameters { image_id }.digest()`.
fn set_verifier_parameters(builder: Digest) -> Digest {
    risc0_binfmt::tagged_struct::<risc0_zkvm::sha::Impl>(
        "risc0.SetInclusionReceiptVerifierParameters",
        &[builder],
        &[],
    )
}

/// The journal of a set builder that has closed its set: its own image ID, bit 255, and the root.
fn finalized_state(builder: Digest, root: Digest) -> Vec<u8> {
    let mut bitmap = [0; WORD];
    bitmap[0] = 0x80;
    [builder.as_bytes(), &bitmap, root.as_bytes()].concat()
}

fn keccak(parts: &[&[u8]]) -> Digest {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    Digest::from(<[u8; WORD]>::from(hasher.finalize()))
}

fn merkle_root(claim: Digest, path: &[Digest]) -> Digest {
    let leaf = keccak(&[b"LEAF_TAG", b"LEAF_TAG", claim.as_bytes()]);
    path.iter().fold(leaf, |node, sibling| {
        let (node, sibling) = (node.as_bytes(), sibling.as_bytes());
        keccak(&[node.min(sibling), node.max(sibling)])
    })
}

/// Decodes the ABI encoding of `(bytes32[] path, bytes root_seal)`, only as ABI encoders write it.
fn decode_inclusion(data: &[u8]) -> Result<(Vec<Digest>, &[u8])> {
    let bad = |what: &str| fail!(ReceiptFormat, "not a set inclusion seal: {what}");
    let number = |at: usize| -> Result<usize> {
        let word = data
            .get(at..at + WORD)
            .ok_or_else(|| bad(&format!("no word at byte {at}")))?;
        let (high, low) = word.split_at(WORD - 4);
        if high.iter().any(|byte| *byte != 0) {
            return Err(bad(&format!("the number at byte {at} is too large")));
        }
        Ok(low
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    if number(0)? != WORD || number(WORD)? != 2 * WORD {
        return Err(bad("the offsets are not those of its two fields"));
    }
    let length = number(3 * WORD)?;
    if length > LONGEST_PATH {
        return Err(bad(&format!("a path of {length} nodes")));
    }
    let path_end = (4 + length) * WORD;
    let nodes = data
        .get(4 * WORD..path_end)
        .ok_or_else(|| bad("it ends within its path"))?;
    let path = nodes
        .chunks_exact(WORD)
        .map(|node| digest("a node of the path", node))
        .collect::<Result<Vec<_>>>()?;
    if number(2 * WORD)? != path_end - WORD {
        return Err(bad("the root's seal is not behind its path"));
    }
    let size = number(path_end)?;
    let padded = path_end + WORD + size.next_multiple_of(WORD);
    if data.len() != padded {
        return Err(bad(&format!("{} bytes, not {padded}", data.len())));
    }
    let (root_seal, padding) = data[path_end + WORD..].split_at(size);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(bad("its padding is not zero"));
    }
    Ok((path, root_seal))
}
