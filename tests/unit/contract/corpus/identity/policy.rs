use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Rule { OlderThan(u8), In(Vec<String>), Before(super::claims::Date), All(Vec<Rule>) }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Checker { Nobody, Registrar { id: u64 } }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Passport { pub mrz: [[u8; 30]; 3], pub groups: Vec<(u8, Vec<u8>)>, pub expires: super::claims::Date }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict { pub rule: Rule, pub holds: bool, pub nullifier: [u8; 32], pub signature: crate::Signature }
