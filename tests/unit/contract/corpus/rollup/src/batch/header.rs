use super::super::types::{BlockNumber, Hash, Timestamp};
use serde::*;

/** The header of a batch.
 *
 * Signed by the sequencer. */
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    pub number: BlockNumber,
    pub parent: Hash,
    pub at: Timestamp,
    pub extra: Extra,
    #[serde(with = "serde_big_array::BigArray")]
    pub signature: [u8; crate::types::limits::SIGNATURE],
}

/// Bytes as one string.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Extra(#[serde(with = "serde_bytes")] pub Vec<u8>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seal {
    pub header: Box<Header>,
    pub by: Signer,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Signer {
    Sequencer,
    Committee { members: Vec<[u8; 20]>, quorum: u8 },
    Threshold(u8, u8),
}
