use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PublicKey { Ed25519([u8; 32]), P256(P256Point), Rsa { modulus: Vec<u8>, exponent: u32 } }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct P256Point { pub x: [u64; 4], pub y: [u64; 4] }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Signature { pub by: PublicKey, pub scheme: Scheme, #[serde(with = "serde_bytes")] pub bytes: Vec<u8> }

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Scheme { EdDSA, ECDSA, PKCS1v15 }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRing(pub std::collections::BTreeMap<u32, Vec<PublicKey>>);
