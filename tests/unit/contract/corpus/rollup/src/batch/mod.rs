//! Batches of transactions.
pub mod header;
mod tx;

use serde::{Deserialize, Serialize};
pub use tx::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    pub header: self::header::Header,
    pub txs: Vec<Transaction>,
    pub skipped: std::collections::BTreeMap<u32, SkipReason>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
#[repr(u8)]
pub enum SkipReason {
    Nonce = 3,
    Balance = 5,
    #[serde(other)]
    Other = 9,
}

/// Which batches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BatchRange(pub core::ops::Range<u64>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window<T, const N: usize>
where
    [T; N]: Sized,
    T: Clone,
{
    pub start: u32,
    #[serde(bound = "")]
    pub tags: [u8; 4],
    pub last: Option<T>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Windows {
    pub short: Window<u16, 4>,
    pub long: Window<Transaction, { crate::types::limits::MAX_TXS as usize }>,
}
