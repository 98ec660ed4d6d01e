//! A guest whose tests pass, fail and are left out.
#![cfg_attr(not(test), no_main)]

use risc0_zkvm::guest::env;

#[cfg(not(test))]
risc0_zkvm::guest::entry!(main);

fn main() {
    let (a, b): (u32, u32) = env::read();
    env::commit(&gcd(a, b));
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_numbers() {
        assert_eq!(gcd(391, 17), 17);
    }

    #[test]
    fn is_in_the_zkvm() {
        assert!(env::cycle_count() > 0);
        assert!(cfg!(target_os = "zkvm"));
        eprintln!("printed by the test");
    }

    #[test]
    fn is_wrong() {
        assert_eq!(gcd(4, 6), 3, "on purpose");
    }

    #[test]
    #[should_panic]
    fn of_nothing() {
        let none: Option<u32> = None;
        gcd(1, none.unwrap());
    }

    #[test]
    #[ignore]
    fn takes_long() {
        for b in 0..10_000 {
            gcd(1 << 30, std::hint::black_box(b));
        }
    }
}
