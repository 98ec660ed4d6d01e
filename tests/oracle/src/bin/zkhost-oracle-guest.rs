//! zkhost-guest, compiled for this machine.

use zkhost_serde_oracle::{Schema, Term, Typed};
use zkhost_guest::packed;
use zkhost_oracle::{run, Implementation, Run};

struct Guest;

impl Implementation for Guest {
    fn encode(format: &str, schema: &Schema, value: &Term) -> Result<Vec<u32>, String> {
        let typed = Typed::new(schema, value);
        let words = if format == "packed" { packed::to_words(&typed) } else { zkhost_guest::to_words(&typed) };
        words.map_err(|error| error.to_string())
    }

    fn decode(format: &str, schema: &Schema, words: &[u32]) -> Result<Term, String> {
        let seed = Run(schema);
        let value = if format == "packed" {
            packed::from_words_with(words, seed)
        } else {
            zkhost_guest::from_words_with(words, seed)
        };
        value.map_err(|error| error.to_string())
    }
}

fn main() -> std::io::Result<()> {
    run::<Guest>()
}
