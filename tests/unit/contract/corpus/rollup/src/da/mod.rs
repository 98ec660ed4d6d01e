//! Data availability.
use serde::{Deserialize, Serialize};

use crate::{batch, types::*};

/// Where a batch was published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Location {
    Calldata { tx: Hash },
    Blob(BlobId),
    Inline(batch::Batch),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlobId {
    pub block: BlockNumber,
    pub index: u8,
    #[serde(skip)]
    pub cache: Option<Cache>,
}

#[derive(Clone, Debug, Default)]
pub struct Cache;

/// A blob's commitment is only there with a feature.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Blob {
    pub id: BlobId,
    #[cfg(feature = "blobs")]
    pub commitment: Vec<u8>,
}

#[cfg(feature = "std")]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fetched {
    pub blob: BlobId,
    pub took: std::time::Duration,
}

#[cfg(not(feature = "std"))]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fetched {
    pub blob: BlobId,
}

macro_rules! ids {
    ($($name:ident),*) => { $(
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct $name(pub u64);
    )* };
}

ids!(ShardId, ColumnId);

/// Made of what a macro declares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Column {
    pub id: ColumnId,
}
