//! Commits what it read, in the packed format.

#[path = "../contract.rs"]
mod contract;

use contract::everything_packed::{commit_journal, read_input};

fn main() {
    commit_journal(&read_input());
}
