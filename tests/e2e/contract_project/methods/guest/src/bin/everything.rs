//! Commits what it read, in the standard format.

#[path = "../contract.rs"]
mod contract;

use contract::everything::{commit_journal, read_input};

fn main() {
    commit_journal(&read_input());
}
