//! Writes google/pprof's `profile.proto`: <https://github.com/google/pprof/blob/main/proto/profile.proto>.

use std::collections::HashMap;
use std::hash::Hash;

use crate::symbols::SourceFrame;

/// Builds one profile. Locations with the same functions and lines are one, and so are samples with the same locations.
pub struct Writer {
    strings: Table<String>,
    functions: Table<(usize, usize)>,
    locations: Table<Vec<(u64, u32)>>,
    addresses: Vec<u32>,
    by_address: HashMap<u32, u64>,
    samples: Table<Vec<u64>>,
    cycles: Vec<u64>,
}

impl Writer {
    pub fn new() -> Self {
        let mut strings = Table::default();
        // The format wants the empty string first.
        strings.index(String::new());
        Self {
            strings,
            functions: Table::default(),
            locations: Table::default(),
            addresses: Vec::new(),
            by_address: HashMap::new(),
            samples: Table::default(),
            cycles: Vec::new(),
        }
    }

    /// The location of an instruction; `frames` is asked once for each.
    pub fn location(&mut self, pc: u32, frames: impl FnOnce() -> Vec<SourceFrame>) -> u64 {
        if let Some(&known) = self.by_address.get(&pc) {
            return known;
        }
        let id = self.insert(pc, &frames());
        self.by_address.insert(pc, id);
        id
    }

    /// A location that is a name only.
    pub fn named(&mut self, name: &str) -> u64 {
        self.insert(
            0,
            &[SourceFrame {
                name: name.to_owned(),
                file: String::new(),
                line: 0,
            }],
        )
    }

    fn insert(&mut self, pc: u32, frames: &[SourceFrame]) -> u64 {
        let lines = frames
            .iter()
            .map(|frame| {
                let key = (
                    self.strings.index(frame.name.clone()),
                    self.strings.index(frame.file.clone()),
                );
                (self.functions.index(key) as u64 + 1, frame.line)
            })
            .collect();
        let index = self.locations.index(lines);
        if index == self.addresses.len() {
            self.addresses.push(pc);
        }
        index as u64 + 1
    }

    /// Cycles of a call stack, the innermost location first.
    pub fn sample(&mut self, stack: Vec<u64>, cycles: u64) {
        let index = self.samples.index(stack);
        if index == self.cycles.len() {
            self.cycles.push(0);
        }
        self.cycles[index] += cycles;
    }

    pub fn finish(mut self) -> Vec<u8> {
        let (cycles, count) = (
            self.strings.index("cycles".into()),
            self.strings.index("count".into()),
        );
        let mut out = Vec::new();
        message(&mut out, 1, |out| {
            number(out, 1, cycles as u64);
            number(out, 2, count as u64);
        });
        for (stack, &cycles) in self.samples.items.iter().zip(&self.cycles) {
            message(&mut out, 2, |out| {
                message(out, 1, |out| stack.iter().for_each(|&id| varint(out, id)));
                message(out, 2, |out| varint(out, cycles));
            });
        }
        for (index, (lines, &address)) in
            self.locations.items.iter().zip(&self.addresses).enumerate()
        {
            message(&mut out, 4, |out| {
                number(out, 1, index as u64 + 1);
                number(out, 3, address.into());
                for &(function, line) in lines {
                    message(out, 4, |out| {
                        number(out, 1, function);
                        number(out, 2, line.into());
                    });
                }
            });
        }
        for (index, &(name, file)) in self.functions.items.iter().enumerate() {
            message(&mut out, 5, |out| {
                number(out, 1, index as u64 + 1);
                number(out, 2, name as u64);
                number(out, 4, file as u64);
            });
        }
        for string in &self.strings.items {
            message(&mut out, 6, |out| out.extend_from_slice(string.as_bytes()));
        }
        out
    }
}

/// Values in the order they were first seen.
struct Table<T> {
    items: Vec<T>,
    known: HashMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn index(&mut self, item: T) -> usize {
        if let Some(&index) = self.known.get(&item) {
            return index;
        }
        self.items.push(item.clone());
        self.known.insert(item, self.items.len() - 1);
        self.items.len() - 1
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn message(out: &mut Vec<u8>, field: u64, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inside = Vec::new();
    fill(&mut inside);
    varint(out, field << 3 | 2);
    varint(out, inside.len() as u64);
    out.extend_from_slice(&inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_groups_of_seven_bits() {
        let mut out = Vec::new();
        varint(&mut out, 300);
        assert_eq!(out, [0xac, 0x02]);
    }

    #[test]
    fn equal_stacks_are_one_sample() {
        let frame = |name: &str| {
            vec![SourceFrame {
                name: name.into(),
                file: "a.rs".into(),
                line: 7,
            }]
        };
        let mut writer = Writer::new();
        let main = writer.location(0x100, || frame("main"));
        let same = writer.location(0x104, || frame("main"));
        assert_eq!(main, same, "instructions of one line share a location");
        writer.sample(vec![main], 5);
        writer.sample(vec![same], 6);
        let out = writer.finish();
        // Field 2 (a sample): location 1, value 11.
        let sample = [0x12, 0x06, 0x0a, 0x01, 0x01, 0x12, 0x01, 0x0b];
        assert!(out.windows(sample.len()).any(|window| window == sample));
    }
}
