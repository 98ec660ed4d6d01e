//! What every crate of the rollup speaks of.
#![cfg_attr(not(test), warn(missing_docs))]

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

mod hash;
pub mod limits;

pub use hash::{Hash, Keccak, Sha as ShaHash};

/// A number of blocks.
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNumber(pub u64);

/// Time since the epoch.
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Seconds.
    pub secs: u64,
    /// The rest.
    pub nanos: u32,
}

/// An account.
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Held by a key.
    Key([u8; 32]),
    /// Held by a program.
    Program {
        /// Its code's hash.
        code: Hash,
        /// What it was created with.
        salt: u32,
    },
    /// Burnt.
    Nobody,
}
