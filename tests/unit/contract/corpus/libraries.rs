//! Types of well-known crates.
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub id: uuid::Uuid,
    pub price: rust_decimal::Decimal,
    pub placed: chrono::DateTime<chrono::Utc>,
    pub due: Option<chrono::NaiveDate>,
    #[serde(with = "chrono::serde::ts_seconds")]
    pub paid: chrono::DateTime<chrono::Utc>,
    #[serde(with = "uuid::serde::compact")]
    pub customer: uuid::Uuid,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meeting {
    pub at: time::OffsetDateTime,
    pub day: time::Date,
    pub length: time::Duration,
    #[serde(with = "time::serde::timestamp")]
    pub created: time::OffsetDateTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Package {
    pub name: smol_str::SmolStr,
    pub version: semver::Version,
    pub home: url::Url,
    pub description: compact_str::CompactString,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Collections {
    pub small: smallvec::SmallVec<[u16; 8]>,
    pub bounded: arrayvec::ArrayVec<u32, 16>,
    pub label: arrayvec::ArrayString<64>,
    pub ordered: indexmap::IndexMap<String, u64>,
    pub fast: hashbrown::HashMap<u8, i8>,
    pub raw: bytes::Bytes,
    pub either: either::Either<u8, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbers {
    pub big: num_bigint::BigUint,
    pub ordered: ordered_float::OrderedFloat<f64>,
    pub sure: ordered_float::NotNan<f32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transfer {
    pub from: solana_pubkey::Pubkey,
    pub to: solana_pubkey::Pubkey,
    pub lamports: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Peer {
    pub ip: std::net::IpAddr,
    pub listen: std::net::SocketAddr,
    pub v6: std::net::Ipv6Addr,
    pub config: std::path::PathBuf,
    pub since: std::time::SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Legacy {
    pub block: ethereum_types::U64,
    pub hash: ethereum_types::H256,
    pub sender: ethereum_types::Address,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Json {
    pub value: serde_json::Value,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Signed {
    pub key: k256::ecdsa::VerifyingKey,
}
