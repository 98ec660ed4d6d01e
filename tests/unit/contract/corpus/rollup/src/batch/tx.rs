use std::collections::{BTreeSet, HashMap as Map};

use corpus_rollup_types::{Account, Hash};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Transaction {
    Transfer(Transfer),
    Deploy { code: Vec<u8>, salt: [u32; 2] },
    Call(Call),
    Mint,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transfer {
    pub from: Account,
    pub to: Account,
    pub amount: Amount,
    pub r#ref: Option<Reference>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    pub to: Hash,
    pub selector: [u8; 4],
    pub args: Vec<Value>,
    pub access: Access,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u128);

pub type Reference = (Hash, u32);
pub(crate) type Listed<T> = Vec<(T, bool)>;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    pub reads: Listed<Hash>,
    pub writes: BTreeSet<(u8, Account)>,
    pub warm: Map<u64, Vec<i16>>,
}

/// A value of the call's interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Uint { bits: u16, limbs: Vec<u64> },
    Text(String),
    List(Vec<Value>),
    Pair(Box<Value>, Box<Self>),
}

#[derive(Debug, Serialize)]
pub struct TransactionView<'a> {
    pub memo: &'a str,
    pub data: &'a [u8],
    pub index: &'a u32,
}

#[derive(Debug, Deserialize)]
pub struct RawTransaction<'a> {
    #[serde(borrow)]
    pub memo: &'a str,
    #[serde(with = "serde_bytes")]
    pub data: &'a [u8],
    pub index: u32,
}
