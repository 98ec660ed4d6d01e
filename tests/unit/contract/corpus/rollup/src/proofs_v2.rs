//! Proofs and what they show.
use crate::types::{Hash, ShaHash};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MerkleProof {
    pub leaf: Hash,
    pub path: Vec<Step>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    pub sibling: Hash,
    pub side: Side,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Side {
    Left,
    Right,
}

/// Generic over what it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim<Pre, Post = Pre> {
    pub pre: Pre,
    pub post: Post,
    pub assumptions: Vec<Claim<Hash, Hash>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    pub first: Claim<u32>,
    pub second: Claim<Hash, Option<()>>,
    pub by: ShaHash,
}

/// A group element, with a wire form of its own.
#[derive(Clone, Debug)]
pub struct Point(pub [u64; 4], pub bool);

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0[0].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|x| Self([x, 0, 0, 0], false))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Commitment {
    pub point: Point,
    pub blinding: u64,
}

/// Read by derive, written by hand.
#[derive(Clone, Debug, Deserialize)]
pub struct Receipt {
    pub seal: Vec<u32>,
    pub journal: Vec<u8>,
}

impl serde::ser::Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.journal.serialize(serializer)
    }
}
