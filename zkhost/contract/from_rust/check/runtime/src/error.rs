//! Why a value was refused.

use std::fmt::{self, Display};

/// The message of the refusal, by this format or by the type's own code.
#[derive(Debug)]
pub enum Error {
    Format(String),
    Type(String),
}

impl Error {
    /// `error` for the format, which a right annotation never meets; `refused` for a value that the type rejects.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Format(_) => "error",
            Self::Type(_) => "refused",
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Format(message) | Self::Type(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::Type(message.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::Type(message.to_string())
    }
}
