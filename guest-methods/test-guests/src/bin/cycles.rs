//! Measures what reading and committing cost: user cycles around one call, written to standard output as a u64.
//!
//! Input: two u32, which value and by which means (`tests/bench/bench_cycles.py` has the names), then what it reads.

use std::{collections::BTreeMap, hint::black_box, io::Read};

use risc0_zkvm::guest::env;
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use serde_bytes::ByteBuf;

#[derive(Serialize, Deserialize)]
struct Record {
    sender: [u8; 32],
    receiver: [u8; 32],
    amount: u64,
    nonce: u64,
    note: String,
    tags: Vec<u32>,
}

/// All words, none of them in a sequence that could be moved whole.
#[derive(Serialize, Deserialize)]
struct Point {
    x: u32,
    y: i32,
    z: u32,
    weight: f32,
}

/// [`Record`] with a note that is not copied.
#[derive(Deserialize)]
struct BorrowedRecord<'a> {
    sender: [u8; 32],
    receiver: [u8; 32],
    amount: u64,
    nonce: u64,
    note: &'a str,
    tags: Vec<u32>,
}

/// Maps that are built at once.
#[derive(Deserialize)]
struct Sorted(#[serde(deserialize_with = "zkhost_guest::sorted_map")] BTreeMap<String, u64>);

#[derive(Deserialize)]
struct BorrowedSorted<'a>(#[serde(borrow, deserialize_with = "zkhost_guest::sorted_map")] BTreeMap<&'a str, u64>);

/// A byte that is not known to be one.
#[derive(Serialize, Deserialize)]
struct Level(u8);

fn measure<T: DeserializeOwned + Serialize>(means: u32) {
    let cycles = match means {
        0 => timed(env::read::<T>),
        1 => timed(|| env::read_buffered::<T>().expect("a value")),
        2 => timed(zkhost_guest::read::<T>),
        3 => timed(zkhost_guest::packed::read::<T>),
        4 => {
            let value = zkhost_guest::read::<T>();
            timed(|| env::commit(&value))
        }
        5 => {
            let value = zkhost_guest::read::<T>();
            timed(|| zkhost_guest::commit(&value))
        }
        6 => {
            let value = zkhost_guest::read::<T>();
            timed(|| zkhost_guest::packed::commit(&value))
        }
        7 => {
            let len: u32 = env::read();
            let mut words = vec![0u32; len as usize / 4];
            timed(|| env::read_slice(&mut words))
        }
        8 => {
            let mut bytes = Vec::new();
            env::stdin().read_to_end(&mut bytes).expect("bytes");
            timed(|| env::commit_slice(&bytes))
        }
        _ => unreachable!("no such means"),
    };
    env::write_slice(&[cycles]);
}

/// The same by types that cost less to read.
fn measure_reads<T>(standard: fn() -> T, packed: fn() -> T, means: u32) {
    let cycles = match means {
        2 => timed(standard),
        3 => timed(packed),
        _ => unreachable!("no such means"),
    };
    env::write_slice(&[cycles]);
}

/// A call for each of 1,000 u32.
fn measure_calls(means: u32) {
    let read = |read: fn() -> u32| timed(|| (0..1000).fold(0, |all, _| all ^ read()));
    let commit = |commit: fn(&u32)| timed(|| (0..1000).for_each(|number| commit(&number)));
    let cycles = match means {
        0 => read(env::read),
        2 => read(zkhost_guest::read),
        3 => read(zkhost_guest::packed::read),
        4 => commit(env::commit),
        5 => commit(zkhost_guest::commit),
        6 => commit(zkhost_guest::packed::commit),
        _ => unreachable!("no such means"),
    };
    env::write_slice(&[cycles]);
}

/// The cycles of a call, without those that reading the counter takes.
fn timed<T>(call: impl FnOnce() -> T) -> u64 {
    let (start, before) = (env::cycle_count(), env::cycle_count());
    let value = black_box(call());
    let after = env::cycle_count();
    drop(value);
    (after - before) - (before - start)
}

fn main() {
    let value: u32 = env::read();
    let means: u32 = env::read();
    match value {
        0 => measure::<Vec<u8>>(means),
        1 => measure::<ByteBuf>(means),
        2 => measure::<Vec<[u8; 32]>>(means),
        3 => measure::<Vec<Record>>(means),
        4 => measure::<BTreeMap<String, u64>>(means),
        5 => measure::<Vec<u32>>(means),
        6 => measure::<Vec<Point>>(means),
        7 => measure::<Vec<Level>>(means),
        8 => measure_calls(means),
        9 => measure_reads::<&[u8]>(zkhost_guest::read_borrowed, zkhost_guest::packed::read_borrowed, means),
        10 => measure_reads::<Vec<BorrowedRecord>>(
            zkhost_guest::read_borrowed,
            zkhost_guest::packed::read_borrowed,
            means,
        ),
        11 => measure_reads::<Sorted>(zkhost_guest::read, zkhost_guest::packed::read, means),
        12 => measure_reads::<BorrowedSorted>(zkhost_guest::read_borrowed, zkhost_guest::packed::read_borrowed, means),
        _ => unreachable!("no such value"),
    }
}
