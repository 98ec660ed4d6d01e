//! What tests with damaged input share; the native library's use this file too.

/// How many of each; ZKHOST_DAMAGED says otherwise.
pub fn rounds() -> usize {
    let asked = std::env::var("ZKHOST_DAMAGED").ok();
    asked.map_or(300, |asked| asked.parse().expect("a number"))
}

/// Numbers that look random and are the same in every run (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}
