//! What can be wrong with words, or with a value to be written as words.

use alloc::{
    boxed::Box,
    string::{String, ToString},
};
use core::fmt::{self, Display, Formatter};

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ended inside a value.
    End,
    /// A bool that is neither 0 nor 1.
    Bool(u32),
    /// An Option tag that is neither 0 nor 1.
    OptionTag(u32),
    /// A number that is no Unicode scalar value.
    Char(u32),
    /// A string that is not UTF-8.
    Utf8,
    /// Packed format: bytes left in a word are not zero where the next item starts a new word.
    Padding,
    /// A sequence or map that does not know its length before it is written.
    UnknownLength,
    /// The format does not describe itself, so `deserialize_any` and its like cannot work.
    NotSelfDescribing,
    /// An error of the type itself, such as a number out of range or an unknown enum variant.
    Custom(String),
}

/// An error of a decoder or encoder, one pointer wide so that passing it on costs a guest next to nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<ErrorKind>);

/// The result of decoding or encoding.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}

impl From<ErrorKind> for Error {
    #[cold]
    #[inline(never)]
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::End => f.write_str("the input ended inside a value"),
            ErrorKind::Bool(found) => write!(f, "expected a bool, 0 or 1, found {found}"),
            ErrorKind::OptionTag(found) => write!(f, "expected an Option tag, 0 or 1, found {found}"),
            ErrorKind::Char(found) => write!(f, "expected a char, found {found:#x}"),
            ErrorKind::Utf8 => f.write_str("a string is not UTF-8"),
            ErrorKind::Padding => f.write_str("the unread bytes of a word are not zero"),
            ErrorKind::UnknownLength => f.write_str("a sequence must know its length before it is written"),
            ErrorKind::NotSelfDescribing => f.write_str("the format does not describe itself"),
            ErrorKind::Custom(message) => f.write_str(message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

impl core::error::Error for Error {}

impl serde::de::Error for Error {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        ErrorKind::Custom(message.to_string()).into()
    }
}

impl serde::ser::Error for Error {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        ErrorKind::Custom(message.to_string()).into()
    }
}
