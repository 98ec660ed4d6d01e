//! Decodes a value of a type known only at run time with zkhost-guest, and commits it encoded again.
//!
//! Input: a frame of msgpack, [packed, descriptor] (zkhost-serde-oracle has the grammar), then the value's words. It is
//! wrong, and a panic, if words are left over.

use zkhost_guest::{packed, Fd, Input};
use zkhost_serde_oracle::{Schema, Seed, Term, Typed};

struct Run<'a>(&'a Schema);

impl<'de> serde::de::DeserializeSeed<'de> for Run<'_> {
    type Value = Term;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        Seed::run(self.0, deserializer)
    }
}

fn main() {
    let mut stdin = Input::new(Fd(0));
    let mut len = [0; 4];
    stdin.read_slice(&mut len);
    let mut frame = vec![0; u32::from_le_bytes(len) as usize];
    stdin.read_slice(&mut frame);
    let (is_packed, descriptor): (bool, Term) = rmp_serde::from_slice(&frame).expect("a frame of msgpack");
    let schema = Schema::parse(&descriptor).expect("a descriptor");
    let seed = Run(&schema);
    let value = if is_packed { stdin.read_packed_with(seed) } else { stdin.read_with(seed) };
    let value = value.unwrap_or_else(|error| panic!("refused: {error}"));
    assert!(stdin.read_to_end().is_empty(), "words are left over");
    let typed = Typed::new(&schema, &value);
    if is_packed {
        packed::commit(&typed);
    } else {
        zkhost_guest::commit(&typed);
    }
}
