//! Commits the sum of what it read.

#[path = "../contract.rs"]
mod contract;

use contract::{
    sum::{commit_journal, read_input},
    Total,
};

fn main() {
    let sum = read_input().iter().map(|&number| u64::from(number)).sum();
    commit_journal(&Total { sum });
}
