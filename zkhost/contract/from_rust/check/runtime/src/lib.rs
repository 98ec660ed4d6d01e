//! What serde does with a type in RISC Zero's word format: the words, and the kind of each thing that they spell.
//!
//! The kinds distinguish what words alone do not: an `i32` and a `u32`, or an `f64` and a `u64`, have the same words.

mod de;
mod error;
mod ser;

pub use error::Error;
pub use serde;
use serde::{Deserialize, Serialize};

/// What a module knows of a type: nothing, or the result of reading and writing a value.
pub type Answer = Option<Result<String, Error>>;

/// One value in words, as the host's codec wrote it, and the same as bytes for what is borrowed from it.
pub struct Input {
    bytes: Vec<u8>,
}

impl Input {
    /// The words of a line of hexadecimal digits, eight a word, bytes as they lie in memory.
    pub fn from_hex(text: &str) -> Self {
        let digit = |c: u8| (c as char).to_digit(16).expect("a hexadecimal digit") as u8;
        Self { bytes: text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect() }
    }
}

/// Reads a value and writes it again.
pub fn both<T: Deserialize<'static> + Serialize>(input: &'static Input) -> Result<String, Error> {
    let mut reader = de::Reader::new(&input.bytes);
    let value = T::deserialize(&mut reader)?;
    let mut writer = ser::Writer::default();
    value.serialize(&mut writer)?;
    let words: String = writer.words.iter().flat_map(|word| word.to_le_bytes()).map(|b| format!("{b:02x}")).collect();
    Ok(format!("{}\t{}\t{}\t{}", reader.left(), reader.kinds(), words, writer.kinds.join(" ")))
}

/// Reads a value of a type that cannot be written.
pub fn read<T: Deserialize<'static>>(input: &'static Input) -> Result<String, Error> {
    let mut reader = de::Reader::new(&input.bytes);
    T::deserialize(&mut reader)?;
    Ok(format!("{}\t{}", reader.left(), reader.kinds()))
}

/// Answers each line of standard input, a type's number and the words of a value, with a line: what `check` found.
pub fn run(check: impl Fn(usize, &'static Input) -> Answer) {
    std::panic::set_hook(Box::new(|_| ()));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let (number, hex) = line.split_once(' ').expect("a number and words");
        let input: &'static Input = Box::leak(Box::new(Input::from_hex(hex))); // for types that hold a &'static str
        let number = number.parse().expect("a number");
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(number, input)));
        println!(
            "{}",
            match found {
                Ok(Some(Ok(text))) => format!("ok\t{text}"),
                Ok(Some(Err(error))) => format!("{}\t{}", error.kind(), error.to_string().replace(['\n', '\t'], " ")),
                Ok(None) => "error\tthe check was not compiled".to_string(),
                Err(_) => "error\tit panicked".to_string(),
            }
        );
    }
}
