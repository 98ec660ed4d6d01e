//! Fields that other code writes.
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;
use serde_bytes::{ByteBuf, Bytes as ByteSlice};
use serde_with::{base64::Base64, hex::Hex, serde_as, skip_serializing_none, Bytes, DisplayFromStr, DurationSeconds};
use std::collections::{BTreeMap, HashMap};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    pub name: String,
    #[serde(with = "serde_bytes")]
    pub elf: Vec<u8>,
    #[serde(with = "serde_bytes", default)]
    pub thumbnail: Option<Vec<u8>>,
    pub tail: ByteBuf,
}

#[serde_as]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keys {
    #[serde_as(as = "Bytes")]
    pub public: [u8; 48],
    #[serde_as(as = "Option<Bytes>")]
    pub secret: Option<Vec<u8>>,
    #[serde_as(as = "[_; 40]")]
    pub path: [u16; 40],
    #[serde_as(as = "Vec<Bytes>")]
    pub chain: Vec<Vec<u8>>,
    pub plain: Vec<u8>,
}

#[serde_as]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Amounts {
    #[serde_as(as = "DisplayFromStr")]
    pub total: u128,
    #[serde_as(as = "Vec<DisplayFromStr>")]
    pub parts: Vec<u64>,
    #[serde_as(as = "BTreeMap<DisplayFromStr, _>")]
    pub by_account: BTreeMap<u32, i64>,
    #[serde_as(as = "(_, DisplayFromStr)")]
    pub pair: (u8, bool),
    #[serde_as(as = "Option<DisplayFromStr>")]
    pub maybe: Option<i32>,
}

#[serde_as]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Encoded {
    #[serde_as(as = "Hex")]
    pub digest: [u8; 32],
    #[serde_as(as = "Base64")]
    pub body: Vec<u8>,
    #[serde_as(as = "DurationSeconds<u64>")]
    pub timeout: std::time::Duration,
    #[serde_as(as = "serde_with::TimestampSeconds<i64>")]
    pub at: std::time::SystemTime,
    #[serde_as(as = "serde_with::BoolFromInt")]
    pub flag: bool,
    #[serde_as(as = "serde_with::FromInto<u32>")]
    pub address: std::net::Ipv4Addr,
}

#[serde_with::serde_as]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fully {
    #[serde_as(as = "serde_with::Bytes")]
    pub data: Box<[u8]>,
    #[serde_as(as = "serde_with::DefaultOnNull<_>")]
    pub count: u32,
}

/// Absent fields are absent from the words too.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sparse {
    pub a: Option<u8>,
    pub b: u8,
}

/// Nothing here is an Option, so the macro does nothing.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dense {
    pub a: Vec<u8>,
    pub b: u8,
}

#[serde_as]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lists {
    #[serde_as(as = "HashMap<_, _>")]
    pub pairs: Vec<(u8, u16)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Big {
    #[serde(with = "BigArray")]
    pub words: [u32; 64],
    #[serde(with = "serde_arrays")]
    pub nested: [(u8, bool); 33],
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hexed {
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
    #[serde(with = "hex::serde")]
    pub fixed: [u8; 8],
    #[serde(with = "humantime_serde")]
    pub wait: std::time::Duration,
}

#[derive(Debug, Serialize)]
pub struct Borrowed<'a> {
    pub data: &'a ByteSlice,
    pub text: &'a str,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};
    pub fn serialize<S: Serializer>(value: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByOurModule {
    #[serde(with = "as_text")]
    pub amount: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByOurFunctions {
    #[serde(serialize_with = "as_text::serialize", deserialize_with = "as_text::deserialize")]
    pub amount: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SometimesThere {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flat {
    #[serde(flatten)]
    pub inner: Dense,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Untagged { A(u8), B(String) }

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Tagged { A(u8), B(String) }

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub struct Kinded { pub a: u8 }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LastSkipped { A(u8), B, #[serde(skip)] C(Dense) }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FirstSkipped { #[serde(skip)] A, B(u8) }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneWay { #[serde(skip_serializing)] pub a: u8, pub b: u8 }

#[derive(Clone, Debug, Serialize)]
pub struct WrittenOnly { #[serde(skip_serializing)] pub a: u8, pub b: i16, #[serde(skip_deserializing)] pub c: f32 }

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u8, u16)", into = "(u8, u16)")]
pub struct Converted { high: u8, low: u16 }

impl From<(u8, u16)> for Converted {
    fn from((high, low): (u8, u16)) -> Self { Self { high, low } }
}
impl From<Converted> for (u8, u16) {
    fn from(value: Converted) -> Self { (value.high, value.low) }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldsConverted { pub one: Converted, pub many: Vec<Converted> }

#[derive(Clone, Copy, Debug, serde_repr::Serialize_repr, serde_repr::Deserialize_repr)]
#[repr(u8)]
pub enum Level { Low = 1, High = 200 }

#[derive(Clone, Debug, serde_with::SerializeDisplay, serde_with::DeserializeFromStr)]
pub struct Spelt(pub u32);

impl std::fmt::Display for Spelt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{}", self.0) }
}
impl std::str::FromStr for Spelt {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Spelt) }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Named { pub id: u8, pub spelt: Spelt }

pub mod elsewhere {
    /// Of another crate, and without serde.
    #[derive(Clone, Debug)]
    pub struct Duration { pub secs: i64, pub nanos: i32 }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "elsewhere::Duration")]
pub struct DurationDef { pub secs: i64, pub nanos: i32 }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timed {
    pub name: String,
    #[serde(with = "DurationDef")]
    pub took: elsewhere::Duration,
}
