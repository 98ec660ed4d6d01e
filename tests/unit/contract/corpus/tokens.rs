//! Ledgers, tokens and exchanges.
use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use serde_derive::{Deserialize, Serialize};

/// With the derives of other crates beside serde's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct TokenId(pub u32);

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TokenKind { Fungible = 7, Unique = 9, SemiFungible = 11 }

#[must_use = "a ledger is to be kept"]
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, non_camel_case_types)]
pub enum Instruction {
    Initialize { owner: AccountId, decimals: u8 },
    Mint(MintArgs),
    Burn(TokenId, u128),
    Transfer { from: AccountId, to: AccountId, amount: u128, memo: Option<String> },
    Approve(AccountId, AccountId, Option<u128>),
    setAuthority(Authority),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountId { pub realm: u16, pub key: [u8; 32] }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MintArgs { pub to: AccountId, pub ids: Vec<TokenId>, pub uri: Option<String> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Authority { None, Owner, Multi(BTreeSet<AccountId>, u8) }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ledger {
    pub balances: BTreeMap<AccountId, BTreeMap<TokenId, u128>>,
    pub supply: BTreeMap<TokenId, Supply>,
    pub nonce: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Supply { pub minted: u128, pub burnt: u128 }

/// An order book.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Book { pub bids: BTreeMap<Price, Vec<Order>>, pub asks: BTreeMap<Price, Vec<Order>>, pub last: Option<Trade> }

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Price(pub i64);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order { pub id: u128, pub side: Side, pub price: Price, pub size: u64, pub kind: OrderKind, pub post_only: bool }

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Side { Buy, Sell }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum OrderKind { Limit, Market, Stop { trigger: Price }, Iceberg(u64, u64), Pegged(Side, i32) }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trade { pub maker: u128, pub taker: u128, pub price: Price, pub size: u64 }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Auction<B> where B: Clone { pub bids: Vec<(AccountId, B)>, pub reserve: Option<B>, pub ends: i64 }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Auctions { pub simple: Auction<u64>, pub sealed: Auction<Sealed>, pub nested: Auction<Auction<u8>> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sealed { pub commitment: [u8; 32], pub opened: Option<(u64, [u8; 16])> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vesting { pub schedule: Vec<(i64, Fraction)>, pub cliff: Option<Option<i64>>, pub revocable: bool }

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Fraction { pub numerator: u32, pub denominator: std::num::NonZeroU32 }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Condition { All(Vec<Condition>), Any(Vec<Condition>), Not(Box<Condition>), After(i64), Signed(AccountId), True }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Escrow { pub held: u128, pub release: Condition, pub refund: Box<Condition> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch(pub Vec<Instruction>, pub [u64; 2], pub (i8, i16, i32, i64, i128));

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fees { pub maker_bps: i16, pub taker_bps: u16, pub tiers: [(u64, f32); 3] }

/// Its variants are called as other things are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Outcome { Ok(u64), Err(String), Some(bool), None, Order(Order), Vec(Vec<u8>), Outcome }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report { pub outcomes: Vec<Outcome>, pub result: Result<Supply, Refusal>, pub r#final: bool, pub class: u8, pub None_: Option<u8> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Refusal { Frozen, Insufficient { needed: u128, had: u128 }, Other(String) }
