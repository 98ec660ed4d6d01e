//! Messages, rollups of logs, wallets, and a little of everything.
#![allow(dead_code, non_camel_case_types)]
use serde as s;
use std::collections::*;
use std::time::{Duration, SystemTime as Instant};

const VERSION: u8 = 2;
pub const NAME: [u8; 4] = *b"ZKVM";
const BLOCK: usize = if_consts::SMALL << VERSION as usize;

mod if_consts {
    pub(super) const SMALL: usize = 0b10;
    pub struct Limits;
    impl Limits { pub const PEERS: usize = Self::BASE * 2; const BASE: usize = 3; }
}

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Envelope<M> { pub version: u8, pub id: [u8; BLOCK], pub message: M, pub at: Instant }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub enum Message { Hello(Hello), Ping { nonce: u64 }, Pong(u64), Gossip(Vec<Envelope<Rumour>>), Bye }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Hello { pub agent: String, pub peers: [u16; if_consts::Limits::PEERS], pub timeout: Duration, pub capabilities: BTreeSet<Capability> }

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, s::Serialize, s::Deserialize)]
pub enum Capability { prove, Verify, ExecuteOnly, HTTPProxy, Ipv4 }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Rumour(pub String, pub f32);

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Wire { pub messages: VecDeque<Envelope<Message>>, pub text: Envelope<String>, pub name: &'static str, pub nothing: Envelope<()> }

pub mod v1 {
    use super::s::{Deserialize as De, Serialize as Ser};
    #[derive(Clone, Debug, Ser, De)]
    pub struct Hello { pub agent: String }
    #[derive(Clone, Debug, Ser, De)]
    pub enum Message { Hello(Hello), Old(super::v2::Message) }
}

pub mod v2 {
    pub use super::Hello;
    #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
    pub enum Message { Hello(Hello), Newer(super::v1::Hello), Wrapped(Vec<self::Message>) }
}

/// Voting.
#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Ballot { pub voter: [u8; 16], pub choices: Vec<Choice>, pub weight: f64 }

#[derive(Clone, Copy, Debug, s::Serialize, s::Deserialize)]
pub enum Choice { Candidate(u16), Abstain, WriteIn([char; 8]) }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Tally { pub counts: BTreeMap<u16, u64>, pub invalid: u32, pub winner: Option<u16> }

/// Where is it: coordinates.
#[derive(Clone, Copy, Debug, s::Serialize, s::Deserialize)]
pub struct Coordinates { pub latitude: f64, pub longitude: f64, pub altitude: Option<f32> }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub enum Geometry { Point(Coordinates), Line(Vec<Coordinates>), Polygon { outer: Vec<Coordinates>, holes: Vec<Vec<Coordinates>> }, Collection(Vec<Geometry>) }

/// A regular expression as a tree.
#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub enum Regex { Empty, Char(char), Class(Vec<(char, char)>), Concat(Box<Regex>, Box<Regex>), Star(Box<Regex>), Alt(Vec<Regex>) }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Automaton { pub table: Vec<[u32; 4]>, pub accepting: BTreeSet<u32>, pub start: u32 }

/// A virtual machine in the virtual machine.
#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Machine { pub pc: u32, pub registers: [u32; 32], pub memory: BTreeMap<u32, Page>, pub halted: Option<i32> }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Page { pub words: Box<[u32]>, pub dirty: bool }

#[derive(Clone, Copy, Debug, s::Serialize, s::Deserialize)]
pub enum Op { Nop, Add(u8, u8, u8), Load { rd: u8, base: u8, offset: i16 }, Jump(i32), Trap }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Trace { pub program: Vec<Op>, pub steps: Vec<(u64, Op)>, pub end: Machine }

/// Strings in many coats.
#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Texts<'a> { pub a: String, pub b: &'a str, pub c: Box<str>, #[serde(borrow)] pub d: std::borrow::Cow<'a, str>, pub e: std::rc::Rc<str>, pub f: std::sync::Arc<[String]> }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Optional { pub a: Option<Option<u8>>, pub b: Option<()>, pub c: Option<Vec<Option<bool>>>, pub d: Vec<()> }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Maps { pub a: HashMap<String, u8>, pub b: HashMap<(u8, i8), HashSet<char>>, pub c: BTreeMap<Option<u8>, [u8; 2]>, pub d: BTreeMap<Key, ()> }

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, s::Serialize, s::Deserialize)]
pub enum Key { Number(i64), Name(String), Pair { a: u8, b: Vec<u8> } }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Atomic { pub loads: std::num::Wrapping<u64>, pub shared: std::cell::RefCell<Vec<u8>>, pub order: std::cmp::Reverse<i32> }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Chain<T, U = (T, T), const N: usize = 2> where T: Clone { pub links: Vec<T>, pub pair: Option<U>, #[serde(with = "serde_arrays")] pub tag: [u8; N] }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Chains { pub a: Chain<u8>, pub b: Chain<u16, bool>, pub c: Chain<Op, (), 4> }

type Short<T> = Result<T, Failure>;

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Answers { pub first: Short<u8>, pub rest: Vec<Short<Vec<u8>>>, pub done: std::result::Result<(), ()> }

#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub enum Failure { NotFound, Io { code: i32, path: std::path::PathBuf }, Nested(Box<Failure>) }

/// Sixteen fields of a tuple, as serde knows them.
#[derive(Clone, Debug, s::Serialize, s::Deserialize)]
pub struct Wide(pub u8, pub u16, pub u32, pub u64, pub u128, pub i8, pub i16, pub i32, pub i64, pub i128, pub f32, pub f64, pub bool, pub char, pub String, pub (u8, (u16, (u32,))));

fn local() {
    #[derive(s::Serialize)]
    struct Local(u8);
}
