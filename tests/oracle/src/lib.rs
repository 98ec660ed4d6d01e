//! An implementation of the wire formats as a server: frames on standard input, frames on standard output.
//!
//! A frame is its length (u32, little-endian) and that many bytes of msgpack. Requests are [operation, format, schema,
//! items]: "encode" with plain values, or "decode" with streams of bytes; format "standard" or "packed". The reply is a
//! list of outcomes: [error or nil, value or nil].
//!
//! Each implementation has a binary of its own: two versions of risc0's crates cannot be linked into one.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zkhost_serde_oracle::{Schema, Seed, Term, MAX_DEPTH};

type Outcome = (Option<String>, Option<Term>);

/// Below: each level of nesting may use some kilobytes, less than this leaves for [`MAX_DEPTH`] of them.
const STACK_BYTES: usize = 256 << 20;

/// What a server serves.
pub trait Implementation: 'static {
    /// A value's words.
    fn encode(format: &str, schema: &Schema, value: &Term) -> Result<Vec<u32>, String>;
    /// The first value of some words.
    fn decode(format: &str, schema: &Schema, words: &[u32]) -> Result<Term, String>;
}

/// The seed of a schema's values.
pub struct Run<'a>(pub &'a Schema);

impl<'de> serde::de::DeserializeSeed<'de> for Run<'_> {
    type Value = Term;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        Seed::run(self.0, deserializer)
    }
}

fn outcome<T>(result: Result<T, String>, term: impl FnOnce(T) -> Term) -> Outcome {
    match result {
        Ok(value) => (None, Some(term(value))),
        Err(error) => (Some(error), None),
    }
}

fn answer<I: Implementation>(request: &[u8]) -> Result<Vec<Outcome>, String> {
    let (operation, format, descriptor, items): (String, String, Term, Vec<Term>) =
        rmp_serde::from_slice(request).map_err(|error| format!("bad request: {error}"))?;
    let schema = Schema::parse(&descriptor)?;
    let one = |item: &Term| match (operation.as_str(), item) {
        ("encode", value) => Ok(outcome(I::encode(&format, &schema, value), |words| {
            Term::Bytes(words.into_iter().flat_map(u32::to_le_bytes).collect())
        })),
        ("decode", Term::Bytes(stream)) => {
            let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let words: Vec<u32> = stream.chunks_exact(4).map(word).collect();
            Ok(outcome(I::decode(&format, &schema, &words), |value| value))
        }
        _ => Err(format!("no operation {operation} on {item:?}")),
    };
    items.iter().map(one).collect()
}

#[derive(Serialize, Deserialize)]
struct Failure {
    failure: String,
}

fn serve<I: Implementation>() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut len = [0; 4];
    while input.read_exact(&mut len).is_ok() {
        let mut request = vec![0; u32::from_le_bytes(len) as usize];
        input.read_exact(&mut request)?;
        let reply = match answer::<I>(&request) {
            Ok(outcomes) => rmp_serde::to_vec(&outcomes),
            Err(failure) => rmp_serde::to_vec_named(&Failure { failure }),
        };
        let reply = ByteBuf::from(reply.map_err(io::Error::other)?);
        output.write_all(&(reply.len() as u32).to_le_bytes())?;
        output.write_all(&reply)?;
        output.flush()?;
    }
    Ok(())
}

/// Serves until standard input ends.
pub fn run<I: Implementation>() -> io::Result<()> {
    const { assert!(MAX_DEPTH * (64 << 10) < STACK_BYTES) };
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(serve::<I>)?
        .join()
        .map_err(|_| io::Error::other("panicked"))?
}
