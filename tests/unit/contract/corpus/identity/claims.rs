use super::policy::{self, Rule};
use crate::PublicKey;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credential { pub subject: Subject, pub claims: Vec<Claim>, pub issuer: PublicKey, pub valid: Validity, pub rules: Vec<Rule> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Subject { Did(String), Key(PublicKey), Pairwise { salt: [u8; 16], index: u32 } }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim { pub name: String, pub value: ClaimValue, pub disclosed: bool }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ClaimValue { Text(String), Number(i64), Date(Date), Flag(bool), Hash([u8; 32]), Many(Vec<ClaimValue>) }

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Date { pub year: i32, pub month: u8, pub day: u8 }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Validity { pub from: Date, pub until: Option<Date>, pub checked_by: policy::Checker }
