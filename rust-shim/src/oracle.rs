//! The oracle: risc0's own serde on values of types that are known only at run time.

use risc0_zkvm::serde::{to_vec, Deserializer};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zkhost_serde_oracle::{Schema, Seed, Term, Typed};

use crate::error::Result;
use crate::fail;
use crate::host::Host;

#[derive(Deserialize)]
pub struct EncodeRequest {
    schema: Term,
    values: Vec<Term>,
}

#[derive(Deserialize)]
pub struct DecodeRequest {
    schema: Term,
    streams: Vec<ByteBuf>,
}

/// One outcome for each value or stream, in order: what it gave, or why it was refused.
#[derive(Serialize)]
pub struct Outcomes<T> {
    outcomes: Vec<Outcome<T>>,
}

#[derive(Serialize)]
struct Outcome<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<T>,
    /// Words after the value.
    words_left: usize,
}

fn parse(descriptor: &Term) -> Result<Schema> {
    Schema::parse(descriptor).map_err(|error| fail!(Schema, "not a descriptor: {error}"))
}

fn outcome<T, E: ToString>(result: std::result::Result<T, E>, words_left: usize) -> Outcome<T> {
    let (value, error) = match result {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Outcome {
        error,
        value,
        words_left,
    }
}

/// Each value's words, as bytes, by `risc0_zkvm::serde::to_vec`.
pub fn serde_encode(request: EncodeRequest, _host: &Host) -> Result<Outcomes<ByteBuf>> {
    let schema = parse(&request.schema)?;
    let encode = |value: &Term| {
        let words = to_vec(&Typed::new(&schema, value));
        let bytes = |words: Vec<u32>| {
            words
                .into_iter()
                .flat_map(u32::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        outcome(words.map(|words| ByteBuf::from(bytes(words))), 0)
    };
    Ok(Outcomes {
        outcomes: request.values.iter().map(encode).collect(),
    })
}

/// Each stream's first value, by `risc0_zkvm::serde::Deserializer`, as a guest's `env::read` reads it.
pub fn serde_decode(request: DecodeRequest, _host: &Host) -> Result<Outcomes<Term>> {
    let schema = parse(&request.schema)?;
    let decode = |stream: &ByteBuf| {
        let words = words_of(stream)?;
        let mut rest = words.as_slice();
        let value = Seed::run(&schema, &mut Deserializer::new(&mut rest));
        Ok(outcome(value, rest.len()))
    };
    Ok(Outcomes {
        outcomes: request.streams.iter().map(decode).collect::<Result<_>>()?,
    })
}

fn words_of(stream: &[u8]) -> Result<Vec<u32>> {
    let words = stream.chunks_exact(4);
    if !words.remainder().is_empty() {
        return Err(fail!(
            Decode,
            "{} bytes are no whole number of words",
            stream.len()
        ));
    }
    Ok(words
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect())
}
