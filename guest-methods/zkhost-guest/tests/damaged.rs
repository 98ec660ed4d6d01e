//! Damaged streams: whatever the words are, decoding gives a value or an error, and touches no memory but its own (which
//! `make asan` looks at). Whether words come as a slice or in pieces makes no difference.

use std::{collections::BTreeMap, fmt::Debug};

use serde::{de::DeserializeOwned, Deserialize, Serialize};
use zkhost_guest::{from_words, packed, to_words, BigArray, ErrorKind, Input, Source};

/// How many of each; ZKHOST_DAMAGED says otherwise.
fn streams() -> usize {
    let asked = std::env::var("ZKHOST_DAMAGED").ok();
    asked.map_or(300, |asked| asked.parse().expect("a number"))
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Point(u8),
    Line(u8, u16),
    Text { bold: bool, text: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    small: (i8, i16, i32),
    long: (i64, u64, i128, u128),
    letter: char,
    text: String,
    key: [u8; 32],
    odd: [u8; 7],
    big: BigArray<u8, 64>,
    bytes: Vec<u8>,
    words: Vec<u32>,
    longs: Vec<i64>,
    keys: Vec<[u8; 20]>,
    maybe: Option<Option<u8>>,
    shapes: Vec<Shape>,
    map: BTreeMap<String, Vec<bool>>,
    nested: Vec<Vec<u8>>,
    unit: (),
}

fn everything(len: usize) -> Everything {
    let bytes: Vec<u8> = (0..len).map(|index| (index * 7) as u8).collect();
    Everything {
        flag: true,
        small: (-1, -300, i32::MIN),
        long: (i64::MIN, u64::MAX - 1, -5, u128::MAX / 3),
        letter: '\u{10ffff}',
        text: "zkhost é".repeat(len / 7),
        key: [7; 32],
        odd: [1, 2, 3, 4, 5, 6, 7],
        big: BigArray([3; 64]),
        words: bytes.iter().map(|&byte| u32::from(byte) << 24 | 1).collect(),
        longs: bytes.iter().map(|&byte| -i64::from(byte)).collect(),
        keys: vec![[0xee; 20]; len % 5],
        nested: bytes.chunks(5).map(<[u8]>::to_vec).collect(),
        bytes,
        maybe: Some(None),
        shapes: vec![Shape::Nothing, Shape::Point(3), Shape::Line(1, 9), Shape::Text { bold: true, text: "é".into() }],
        map: BTreeMap::from([("a".into(), vec![true, false]), ("bc".into(), vec![])]),
        unit: (),
    }
}

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    /// A word: small, a likely length, a bit, or anything. (A great length costs 16 MiB of zeros, so they are few.)
    fn word(&mut self) -> u32 {
        match self.below(20) {
            0..=9 => self.below(4) as u32,
            10..=17 => self.below(9000) as u32,
            18 => 1 << self.below(32),
            _ => u32::MAX - self.below(1 << 31) as u32,
        }
    }

    /// Cut, changed in some words or bits, with words put in or taken out, or made of nothing.
    fn damage(&mut self, whole: &[u32]) -> Vec<u32> {
        let mut words = whole.to_vec();
        match self.below(6) {
            0 => words.truncate(self.below(whole.len() + 1)),
            1 => {
                let (at, word) = (self.below(whole.len()), self.word());
                words.insert(at, word);
            }
            2 => drop(words.remove(self.below(whole.len()))),
            3 => words = (0..self.below(200)).map(|_| self.word()).collect(),
            4 => (0..self.below(4)).for_each(|_| words[self.below(whole.len())] = self.word()),
            _ => (0..=self.below(4)).for_each(|_| words[self.below(whole.len())] ^= 1 << self.below(32)),
        }
        words
    }
}

/// Bytes that come `step` at a time.
struct Drip<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl Source for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> usize {
        let (now, later) = self.bytes.split_at(self.step.min(into.len()).min(self.bytes.len()));
        into[..now.len()].copy_from_slice(now);
        self.bytes = later;
        now.len()
    }
}

/// Damaged streams of `value`: the number of those that are values all the same.
fn damaged<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, is_packed: bool, seed: u64) -> usize {
    let decode = if is_packed { packed::from_words::<T> } else { from_words::<T> };
    let encode = if is_packed { packed::to_words::<T> } else { to_words::<T> };
    let whole = encode(value).unwrap();
    let mut random = Random(seed);
    let mut values = 0;
    for _ in 0..streams() {
        // In a box of just this size, a read past its end is seen.
        let words = random.damage(&whole).into_boxed_slice();
        let found = decode(&words);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let cut = bytes.len() - random.below(2) * random.below(bytes.len().min(4) + 1);
        let mut input = Input::new(Drip { bytes: &bytes[..cut], step: [1, 3, 64, 4096, 1 << 20][random.below(5)] });
        let dripped = if is_packed { input.read_packed::<T>() } else { input.read::<T>() };
        if cut == bytes.len() {
            // Only a stream has to end its last packed word with zeros.
            let padding = dripped.as_ref().is_err_and(|error| is_packed && error.kind() == &ErrorKind::Padding);
            assert!(dripped.is_ok() == found.is_ok() || padding && found.is_ok(), "{found:?} {dripped:?}");
        }
        let position = input.position();
        assert_eq!(position + input.read_to_end().len(), cut);
        if let Ok(found) = found {
            let again = encode(&found).unwrap();
            assert_eq!(encode(&decode(&again).unwrap()).unwrap(), again);
            values += 1;
        }
    }
    values
}

fn both<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, seed: u64) {
    for is_packed in [false, true] {
        let values = damaged(value, is_packed, seed);
        assert!(0 < values && values < streams(), "{values} of the streams are values");
    }
}

#[test]
fn short_streams() {
    both(&everything(3), 1);
}

#[test]
fn streams_longer_than_the_buffer() {
    both(&everything(700), 2);
}

#[test]
fn plain_vectors() {
    both(&vec![7u8; 5000], 3);
    both(&vec![-7i64; 600], 4);
    both(&vec![[9u8; 20]; 100], 5);
    both(&vec!["text".to_owned(); 50], 6);
}
