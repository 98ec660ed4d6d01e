//! Prints to stderr and stdout, then panics with a message that holds its input, a u32.

use risc0_zkvm::guest::env;

fn main() {
    let value: u32 = env::read();
    println!("about to panic");
    eprintln!("last words: {value}");
    panic!("the guest panicked on purpose with {value}");
}
