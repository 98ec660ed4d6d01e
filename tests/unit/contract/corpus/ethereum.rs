//! Ethereum, in the style of alloy and revm users.
use alloy_primitives::{
    aliases::{BlockNumber, TxHash},
    map::HashMap as FastMap,
    Address, Bloom, Bytes, FixedBytes, TxKind, B256, U256, U64 as Quantity,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionHeader {
    pub parent_hash: B256,
    pub ommers_hash: B256,
    pub beneficiary: Address,
    pub state_root: B256,
    pub logs_bloom: Box<Bloom>,
    pub difficulty: U256,
    pub number: BlockNumber,
    pub gas_limit: u64,
    pub extra_data: Bytes,
    pub nonce: FixedBytes<8>,
    pub base_fee_per_gas: Option<u64>,
    pub withdrawals_root: Option<B256>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Withdrawal {
    pub index: u64,
    pub validator_index: u64,
    pub address: Address,
    pub amount: Quantity,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessListItem {
    pub address: Address,
    pub storage_keys: Vec<B256>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AccessList(pub Vec<AccessListItem>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Eip1559 {
    pub chain_id: u64,
    pub nonce: u64,
    pub max_fee_per_gas: u128,
    pub to: TxKind,
    pub value: U256,
    pub access_list: AccessList,
    pub input: Bytes,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Legacy {
    #[serde(with = "alloy_serde::quantity")]
    pub nonce: u64,
    #[serde(default, with = "alloy_serde::quantity::opt", skip_deserializing)]
    #[cfg(test)]
    pub gone: Option<u64>,
    pub to: Option<Address>,
    pub value: alloy_primitives::U256,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TypedTransaction {
    Legacy(Legacy),
    Eip1559(Eip1559),
    Eip4844 { inner: Eip1559, blob_hashes: Vec<B256>, #[serde(with = "alloy_serde::quantity")] max_fee_per_blob_gas: u128 },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Signed<T, S = Signature> {
    pub tx: T,
    pub signature: S,
    pub hash: TxHash,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Signature {
    pub r: U256,
    pub s: U256,
    pub odd_y_parity: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Block {
    pub header: ExecutionHeader,
    pub transactions: Vec<Signed<TypedTransaction>>,
    pub withdrawals: Option<Vec<Withdrawal>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvmAccount {
    pub balance: U256,
    pub nonce: u64,
    pub code_hash: B256,
    pub storage: BTreeMap<U256, U256>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateInput {
    pub accounts: BTreeMap<Address, EvmAccount>,
    pub codes: Vec<Bytes>,
    pub block_hashes: std::collections::HashMap<u64, B256>,
}

/// `map` of alloy is no map of which the wire form is known here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cached {
    pub slots: FastMap<Address, U256>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LogFilter {
    Any,
    Address(Address),
    Topics([Option<B256>; 4]),
    Both(Address, Vec<FixedBytes<32>>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Log {
    pub address: Address,
    pub topics: Vec<B256>,
    #[serde(with = "alloy_primitives::hex::serde")]
    pub data: Vec<u8>,
}

pub type Header = alloy_consensus::Header;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sealed {
    pub header: Header,
    pub hash: B256,
}

/// Ours, whatever others call so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Digest([u8; 20]);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsesOurDigest {
    pub digest: Digest,
    pub other: self::Digest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Word<const BYTES: usize>(FixedBytes<BYTES>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Words {
    pub selector: Word<4>,
    pub slot: Word<{ 4 * 8 }>,
}

pub mod legacy {
    use primitive_types::{H160, H256, U256};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Receipt {
        pub from: H160,
        pub root: H256,
        pub gas_used: U256,
        pub status: bool,
    }
}
