use serde::{Serialize, Deserialize};
const DIGEST: usize = 32;
type Hash = [u8; DIGEST];
/// A move.
#[derive(Serialize, Deserialize)]
pub enum Move<'a> {
    /// left
    Left,
    Jump(u32, #[serde(with = "serde_bytes")] Vec<u8>),
    Go { x: u8, r#type: &'a str, from: Hash, w: std::collections::HashMap<(u8, Vec<u16>), Option<()>> } = 5,
}
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct U;
/// Generic
#[derive(Serialize, Deserialize)]
pub(crate) struct G<T>(pub T, Box<Vec<T>>) where T: X;
#[derive(Serialize, Deserialize)]
pub enum Color { Red, DarkGreen, /// x
 HTTPError }
#[derive(Serialize, Deserialize)]
pub struct Skippy { a: u8, #[serde(skip)] b: Foo, c: usize, t: G<u8>, h: Height }
#[derive(Serialize, Deserialize)]
pub struct Height(u64);
#[derive(Serialize, Deserialize)]
pub struct Bad { #[serde(flatten)] a: u8 }
#[derive(Serialize, Deserialize)]
pub struct UsesBad { a: Bad }
#[derive(Serialize, Deserialize)]
pub struct Other { d: risc0_zkvm::Digest }
pub struct Plain { d: u8 }
