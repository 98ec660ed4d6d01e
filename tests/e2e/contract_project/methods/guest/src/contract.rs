//! Every kind of type that a contract can have, sent to the guest and back.
//!
//! Written by `zkhost codegen` from contract.py: change that file, not this one.

#![allow(dead_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::collections::HashMap;
use zkhost_guest::BigArray;

/// One field of each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Everything {
    pub flag: bool,
    pub tiny: u8,
    pub big: u128,
    pub negative: i128,
    pub single: f32,
    pub double: f64,
    pub letter: char,
    pub name: String,
    pub data: Vec<u8>,
    pub serde_data: ByteBuf,
    /// 32 bytes, as a SHA-256.
    pub digest: [u8; 32],
    pub signature: BigArray<u8, 64>,
    pub odd: BigArray<u8, 35>,
    pub words: Vec<u32>,
    pub wide: [u64; 3],
    pub pair: (u8, bool),
    pub maybe: Option<Option<u8>>,
    pub moves: Vec<Move>,
    pub colour: Colour,
    pub height: Height,
    pub bytes_page: Page<u8>,
    pub text_page: Page<String>,
    #[serde(deserialize_with = "zkhost_guest::sorted_map")]
    pub prices: BTreeMap<Small, i64>,
    pub counts: HashMap<String, u32>,
    #[serde(deserialize_with = "zkhost_guest::sorted_set")]
    pub seen: BTreeSet<Colour>,
    pub choice: Choice,
}

/// What a player does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// Nothing.
    Pass,
    Jump(i8),
    Swap(u8, u8),
    Go {
        x: u8,
        /// `type` is a keyword of Rust.
        r#type: String,
    },
}

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Colour {
    Red,
    /// Not light.
    DarkGreen,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Height(pub u64);

/// Some items, and perhaps more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<Box<Page<T>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Small(pub u16);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// Nothing.
    Pass,
    Go {
        x: u8,
        /// `type` is a keyword of Rust.
        r#type: String,
    },
}

/// What `sum` commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    pub sum: u64,
}

/// The guest `everything`.
pub mod everything {
    use super::*;

    /// The guest's input, in full.
    ///
    /// # Panics
    /// If the input is not one, or ends before it does; the message names the byte.
    pub fn read_input() -> Everything {
        core::hint::black_box(CONTRACT.as_ptr());
        zkhost_guest::read()
    }

    /// Commits the journal: what the receipt shows to everyone.
    pub fn commit_journal(journal: &Everything) {
        zkhost_guest::commit(journal);
    }

    /// The contract as the host finds it in the program, to compare it with its own before anything runs.
    static CONTRACT: [u8; 914] = *b"zkhost-contract/1 sha256=5878684c2484568695cab3185e49d090e8c011e8569b512eeb75926977181795 bytes=814
format standard
input Everything
journal Everything
enum Choice
  Pass
  Go { x: u8, type: String }
enum Colour
  Red
  DarkGreen
struct Everything
  flag: bool
  tiny: u8
  big: u128
  negative: i128
  single: f32
  double: f64
  letter: char
  name: String
  data: Vec<u8>
  serde_data: ByteBuf
  digest: [u8; 32]
  signature: [u8; 64]
  odd: [u8; 35]
  words: Vec<u32>
  wide: [u64; 3]
  pair: (u8, bool)
  maybe: Option<Option<u8>>
  moves: Vec<Move>
  colour: Colour
  height: Height
  bytes_page: Page<u8>
  text_page: Page<String>
  prices: BTreeMap<Small, i64>
  counts: HashMap<String, u32>
  seen: BTreeSet<Colour>
  choice: Choice
struct Height
  0: u64
enum Move
  Pass
  Jump(i8)
  Swap(u8, u8)
  Go { x: u8, type: String }
struct Page<T>
  items: Vec<T>
  next: Option<Page<T>>
struct Small
  0: u16
";
}

/// The guest `everything_packed`.
pub mod everything_packed {
    use super::*;

    /// The guest's input, in full.
    ///
    /// # Panics
    /// If the input is not one, or ends before it does; the message names the byte.
    pub fn read_input() -> Everything {
        core::hint::black_box(CONTRACT.as_ptr());
        zkhost_guest::packed::read()
    }

    /// Commits the journal: what the receipt shows to everyone.
    pub fn commit_journal(journal: &Everything) {
        zkhost_guest::packed::commit(journal);
    }

    /// The contract as the host finds it in the program, to compare it with its own before anything runs.
    static CONTRACT: [u8; 912] = *b"zkhost-contract/1 sha256=ef000aeb4940f27ef9e90db469631b0cf3097ceef3f0ce5567a8c0b0b4ffc652 bytes=812
format packed
input Everything
journal Everything
enum Choice
  Pass
  Go { x: u8, type: String }
enum Colour
  Red
  DarkGreen
struct Everything
  flag: bool
  tiny: u8
  big: u128
  negative: i128
  single: f32
  double: f64
  letter: char
  name: String
  data: Vec<u8>
  serde_data: ByteBuf
  digest: [u8; 32]
  signature: [u8; 64]
  odd: [u8; 35]
  words: Vec<u32>
  wide: [u64; 3]
  pair: (u8, bool)
  maybe: Option<Option<u8>>
  moves: Vec<Move>
  colour: Colour
  height: Height
  bytes_page: Page<u8>
  text_page: Page<String>
  prices: BTreeMap<Small, i64>
  counts: HashMap<String, u32>
  seen: BTreeSet<Colour>
  choice: Choice
struct Height
  0: u64
enum Move
  Pass
  Jump(i8)
  Swap(u8, u8)
  Go { x: u8, type: String }
struct Page<T>
  items: Vec<T>
  next: Option<Page<T>>
struct Small
  0: u16
";
}

/// The guest `sum`.
pub mod sum {
    use super::*;

    /// The guest's input, in full.
    ///
    /// # Panics
    /// If the input is not one, or ends before it does; the message names the byte.
    pub fn read_input() -> Vec<u32> {
        core::hint::black_box(CONTRACT.as_ptr());
        zkhost_guest::read()
    }

    /// Commits the journal: what the receipt shows to everyone.
    pub fn commit_journal(journal: &Total) {
        zkhost_guest::commit(journal);
    }

    /// The contract as the host finds it in the program, to compare it with its own before anything runs.
    static CONTRACT: [u8; 168] = *b"zkhost-contract/1 sha256=7b992b48f1f5dbb848d32ca697b8de9b65d65757e693f2bd980f34c41e9cd4b9 bytes=69
format standard
input Vec<u32>
journal Total
struct Total
  sum: u64
";
}
