//! RISC Zero's hello-world: proves that its author knows two factors of a number, neither of them 1.
//!
//! Input: two u64 in the standard format. Journal: their product, a u64.
#![no_std]
#![no_main]

risc0_zkvm::guest::entry!(main);

fn main() {
    let a: u64 = zkhost_guest::read();
    let b: u64 = zkhost_guest::read();
    assert!(a != 1 && b != 1, "trivial factors: {a} and {b}");
    let product = a.checked_mul(b).expect("the product does not fit in a u64");
    zkhost_guest::commit(&product);
}
