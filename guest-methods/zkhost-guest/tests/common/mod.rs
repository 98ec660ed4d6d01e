//! A value of every kind, and input that comes in pieces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zkhost_guest::{BigArray, Source};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    Nothing,
    Point(u8),
    Line(u8, u16),
    Text { bold: bool, text: String },
}

/// All kinds but floats, whose NaN equals nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Everything {
    flag: bool,
    small: (i8, i16, i32),
    long: (i64, u64, i128, u128),
    letter: char,
    text: String,
    key: [u8; 32],
    address: [u8; 20],
    odd: [u8; 7],
    big: BigArray<u8, 64>,
    bytes: Vec<u8>,
    words: Vec<u32>,
    longs: Vec<i64>,
    keys: Vec<[u8; 32]>,
    addresses: Vec<[u8; 20]>,
    maybe: Option<Option<u8>>,
    shapes: Vec<Shape>,
    map: BTreeMap<String, Vec<bool>>,
    nested: Vec<Vec<u8>>,
    unit: (),
}

pub fn everything(len: usize) -> Everything {
    let bytes: Vec<u8> = (0..len).map(|index| (index * 7) as u8).collect();
    Everything {
        flag: true,
        small: (-1, -300, i32::MIN),
        long: (i64::MIN, u64::MAX - 1, -5, u128::MAX / 3),
        letter: '\u{10ffff}',
        text: "zkhost é".repeat(len / 7),
        key: [7; 32],
        address: [9; 20],
        odd: [1, 2, 3, 4, 5, 6, 7],
        big: BigArray([3; 64]),
        words: bytes.iter().map(|&byte| u32::from(byte) << 24 | 1).collect(),
        longs: bytes.iter().map(|&byte| -i64::from(byte)).collect(),
        keys: vec![[0xee; 32]; len % 5],
        addresses: vec![[0xee; 20]; len % 5],
        nested: bytes.chunks(5).map(<[u8]>::to_vec).collect(),
        bytes,
        maybe: Some(None),
        shapes: vec![
            Shape::Nothing,
            Shape::Point(3),
            Shape::Line(1, 65535),
            Shape::Text { bold: true, text: "é".into() },
        ],
        map: BTreeMap::from([("a".into(), vec![true, false]), ("bc".into(), vec![])]),
        unit: (),
    }
}

/// Bytes that come `step` at a time.
pub struct Drip {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl Drip {
    pub fn new(bytes: impl Into<Vec<u8>>, step: usize) -> Self {
        Self { bytes: bytes.into(), at: 0, step }
    }
}

impl Source for Drip {
    fn read(&mut self, into: &mut [u8]) -> usize {
        let count = self.step.min(into.len()).min(self.bytes.len() - self.at);
        into[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        count
    }
}
