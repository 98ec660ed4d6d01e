//! Damage.

use crate::random::Random;

impl Random {
    fn byte(&mut self) -> u8 {
        [0, 1, 0x7f, 0x80, 0xff, self.below(256) as u8][self.below(6)]
    }

    /// A place: half of them among the first or last bytes, where lengths and tags are.
    fn place(&mut self, len: usize) -> usize {
        match self.below(4) {
            0 => self.below(len.min(300)),
            1 => len - 1 - self.below(len.min(300)),
            _ => self.below(len),
        }
    }

    /// Cut, changed in some bytes or bits, with bytes put in or taken out, or made of nothing.
    pub fn damage(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        match self.below(8) {
            0 => bytes.truncate(self.place(whole.len())),
            1 => {
                let (at, byte) = (self.place(whole.len()), self.byte());
                bytes.insert(at, byte);
            }
            2 => drop(bytes.remove(self.place(whole.len()))),
            3 => bytes = (0..self.below(300)).map(|_| self.byte()).collect(),
            4 => {
                let (at, word) = (self.place(whole.len()), [self.byte(); 4]);
                let end = (at + 4).min(whole.len());
                bytes[at..end].copy_from_slice(&word[..end - at]);
            }
            5 => (0..=self.below(4)).for_each(|_| bytes[self.place(whole.len())] = self.byte()),
            _ => (0..=self.below(4))
                .for_each(|_| bytes[self.place(whole.len())] ^= 1 << self.below(8)),
        }
        bytes
    }
}
