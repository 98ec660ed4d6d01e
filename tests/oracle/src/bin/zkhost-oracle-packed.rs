//! l2r0-small-serde, the reference of the packed format.

use zkhost_serde_oracle::{Schema, Seed, Term, Typed, LIMIT};
use zkhost_oracle::{run, Implementation};

/// It counts depth in a u8, and would wrap.
const MAX_DEPTH: usize = 250;

struct Packed;

impl Implementation for Packed {
    fn encode(_format: &str, schema: &Schema, value: &Term) -> Result<Vec<u32>, String> {
        if depth(value) > MAX_DEPTH {
            return Err(LIMIT.to_owned());
        }
        l2r0_small_serde::to_vec_compact(&Typed::new(schema, value)).map_err(|error| error.to_string())
    }

    fn decode(_format: &str, schema: &Schema, mut words: &[u32]) -> Result<Term, String> {
        Seed::run(schema, &mut l2r0_small_serde::Deserializer::new(&mut words)).map_err(|error| error.to_string())
    }
}

fn depth(value: &Term) -> usize {
    match value {
        Term::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn main() -> std::io::Result<()> {
    run::<Packed>()
}
