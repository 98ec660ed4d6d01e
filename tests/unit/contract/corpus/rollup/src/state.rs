use std::{collections::BTreeMap, rc::Rc};

use serde::{Deserialize, Serialize};

use crate::types::{self, Account};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Witness {
    pub accounts: BTreeMap<Account, Leaf>,
    pub nodes: Vec<Node>,
    pub codes: Vec<serde_bytes::ByteBuf>,
    pub ancestors: [Option<types::Hash>; 8],
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Leaf {
    pub nonce: u64,
    pub balance: u128,
    pub storage: BTreeMap<[u8; 32], [u8; 32]>,
}

/// A node of a sparse trie.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Node {
    Empty,
    Leaf { prefix: Vec<u8>, value: Leaf },
    Branch([Option<Box<Node>>; 16]),
    Extension(Vec<u8>, Box<Node>),
    Digest(types::Hash),
}

pub mod journal {
    //! What changes.
    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Change {
        pub account: Account,
        pub before: Option<Leaf>,
        pub after: Option<Leaf>,
    }

    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub enum Entry {
        Change(Change),
        Checkpoint,
        Revert { to: u32 },
    }

    pub mod compact {
        /// Private, and still on the wire.
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        struct Packed(u8, u16, super::super::Leaf);

        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub(in crate::state) struct Log {
            entries: Vec<super::Entry>,
            packed: Vec<Packed>,
        }
    }
}

#[cfg(any())]
#[derive(Serialize)]
pub struct NeverThere;

/// Shared nodes need a feature of serde that is off: the derive is for writing elsewhere.
#[derive(Clone, Debug)]
pub struct Shared {
    pub root: Rc<Node>,
}
