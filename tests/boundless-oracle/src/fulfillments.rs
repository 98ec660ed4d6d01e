use anyhow::Result;
use boundless_market::alloy::primitives::Bytes;
use boundless_market::contracts::FulfillmentData;
use serde_json::{json, to_string_pretty, Value};

use crate::predicates::{image_id, JOURNAL};

/// What the contracts hold and what the command line prints of a fulfillment (`requestor get-proof`).
pub fn written() -> Result<Vec<Value>> {
    let seal = Bytes::from(vec![0x73, 0xc4, 0x57, 0xba, 1, 2, 3]);
    let data = |journal: &[u8]| FulfillmentData::from_image_id_and_journal(image_id(), journal.to_vec());
    let all = [
        (FulfillmentData::None, None),
        (data(b""), Some(vec![])),
        (data(JOURNAL), Some(JOURNAL.to_vec())),
        (data(&[7; 32]), Some(vec![7; 32])),
        (data(&[9; 1000]), Some(vec![9; 1000])),
    ];
    all.into_iter()
        .map(|(data, journal)| {
            let (kind, encoded) = data.fulfillment_type_and_data();
            let printed = format!(
                "✓ Successfully retrieved proof\n\nFulfillment Data:\n{}\n\nSeal:\n{}\n",
                to_string_pretty(&data)?,
                to_string_pretty(&seal)?,
            );
            Ok(json!({
                "type": kind as u8, "data": hex::encode(encoded), "seal": seal, "printed": printed,
                "image_id": journal.as_ref().map(|_| hex::encode(image_id().as_bytes())),
                "journal": journal.map(hex::encode),
            }))
        })
        .collect()
}
