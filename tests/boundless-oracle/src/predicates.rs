use boundless_market::alloy::primitives::Bytes;
use boundless_market::contracts::{FulfillmentData, Predicate, RequestPredicate};
use risc0_zkvm::sha::{Digestible, Impl, Sha256};
use risc0_zkvm::{Digest, ReceiptClaim};
use serde_json::{json, Value};

pub fn image_id() -> Digest {
    Digest::from_bytes(std::array::from_fn(|index| index as u8 + 1))
}

pub const JOURNAL: &[u8] = b"just a simple receipt";

fn digest(data: &[u8]) -> Digest {
    *Impl::hash_bytes(data)
}

fn claim(image_id: Digest, journal: &[u8]) -> Digest {
    ReceiptClaim::ok(image_id, journal.to_vec()).digest()
}

pub fn all() -> Vec<Predicate> {
    let id = image_id();
    vec![
        Predicate::digest_match(id, digest(JOURNAL)),
        Predicate::digest_match(id, digest(b"")),
        Predicate::digest_match(Digest::ZERO, digest(JOURNAL)),
        Predicate::prefix_match(id, Bytes::new()),
        Predicate::prefix_match(id, Bytes::from_static(b"just")),
        Predicate::prefix_match(id, JOURNAL.to_vec()),
        Predicate::prefix_match(id, [JOURNAL, b"!"].concat()),
        Predicate::prefix_match(Digest::ZERO, Bytes::new()),
        Predicate::claim_digest_match(claim(id, JOURNAL)),
        Predicate::claim_digest_match(claim(id, b"")),
        Predicate::claim_digest_match(Digest::ZERO),
    ]
}

/// Every predicate on every fulfillment: the claim's digest, or null where the predicate does not hold.
pub fn evaluated() -> Vec<Value> {
    let other = Digest::from_bytes([0x22; 32]);
    let mut found = vec![];
    for predicate in all() {
        for (program, journal) in [(image_id(), JOURNAL), (image_id(), b"".as_slice()), (other, JOURNAL)] {
            let data = FulfillmentData::from_image_id_and_journal(program, journal.to_vec());
            let claim = predicate.eval(&data).map(|digest| hex::encode(digest.as_bytes()));
            found.push(json!({
                "predicate": RequestPredicate::from(predicate.clone()),
                "image_id": hex::encode(program.as_bytes()),
                "journal": hex::encode(journal),
                "claim": claim,
            }));
        }
        let claim = predicate.eval(&FulfillmentData::None).map(|digest| hex::encode(digest.as_bytes()));
        found.push(json!({
            "predicate": RequestPredicate::from(predicate.clone()), "image_id": null, "journal": null, "claim": claim,
        }));
    }
    found
}
