//! Damaged streams: whatever the words are, decoding gives a value or an error, and touches no memory but its own (which
//! `make asan` looks at). Whether words come as a slice or in pieces makes no difference.

mod common;
#[path = "common/random.rs"]
mod random;

use std::fmt::Debug;

use serde::{de::DeserializeOwned, Serialize};
use zkhost_guest::{from_words, packed, to_words, ErrorKind, Input};

use common::{everything, Drip};
use random::{rounds, Random};

impl Random {
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

/// Damaged streams of `value`: the number of those that are values all the same.
fn damaged<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, is_packed: bool, seed: u64) -> usize {
    let decode = if is_packed { packed::from_words::<T> } else { from_words::<T> };
    let encode = if is_packed { packed::to_words::<T> } else { to_words::<T> };
    let whole = encode(value).unwrap();
    let mut random = Random(seed);
    let mut values = 0;
    for _ in 0..rounds() {
        // In a box of just this size, a read past its end is seen.
        let words = random.damage(&whole).into_boxed_slice();
        let found = decode(&words);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let cut = bytes.len() - random.below(2) * random.below(bytes.len().min(4) + 1);
        let mut input = Input::new(Drip::new(&bytes[..cut], [1, 3, 64, 4096, 1 << 20][random.below(5)]));
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
        assert!(0 < values && values < rounds(), "{values} of the streams are values");
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

/// Strings that are lent are those that are copied, and stay what they are when the rest is read and the input is gone.
#[test]
fn borrowed_strings() {
    let texts: Vec<String> = (0..40).map(|index| "zkhost é".repeat(index * index % 90)).collect();
    let value: Vec<(u8, &str)> = texts.iter().map(|text| (7, text.as_str())).collect();
    let mut random = Random(7);
    let mut values = 0;
    for (is_packed, whole) in [(false, to_words(&value).unwrap()), (true, packed::to_words(&value).unwrap())] {
        for _ in 0..rounds() {
            let words = random.damage(&whole);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let step = [1, 3, 64, 4096, 1 << 20][random.below(5)];
            let mut copying = Input::new(Drip::new(bytes.as_slice(), step));
            let mut lending = Input::new(Drip::new(bytes.as_slice(), step));
            let copied = if is_packed { copying.read_packed() } else { copying.read::<Vec<(u8, String)>>() };
            let lent = if is_packed { lending.read_packed_borrowed() } else { lending.read_borrowed() };
            assert_eq!(lending.position(), copying.position());
            assert_eq!(lending.read_to_end(), copying.read_to_end());
            drop(lending);
            let lent =
                lent.map(|pairs: Vec<(u8, &str)>| pairs.into_iter().map(|(n, text)| (n, text.to_owned())).collect());
            assert_eq!(lent, copied);
            values += usize::from(copied.is_ok());
        }
    }
    assert!(0 < values && values < 2 * rounds());
}
