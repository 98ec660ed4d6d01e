//! What can go wrong in a guest build.

use std::io;
use std::path::{Path, PathBuf};

use crate::{c_compiler, git};

/// What a build returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed build. `hint` says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No guest toolchain, or one that cannot build guests.
    #[error("{message}")]
    Toolchain {
        /// What was looked for, and where.
        message: String,
        /// How to get one.
        hint: String,
    },
    /// No such package or bin.
    #[error("{message}")]
    GuestNotFound {
        /// What was asked for, and what there is.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// A package that zkhost refuses to build; nothing was compiled.
    #[error("{message}")]
    Unbuildable {
        /// The package, and why.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// cargo failed; its own output was handed over as it came.
    #[error("{what} failed ({status})")]
    Cargo {
        /// The command, in short.
        what: String,
        /// How it ended.
        status: String,
        /// The last of what it printed.
        tail: String,
    },
    /// What cargo built is not a program that risc0 runs.
    #[error("{path}: not a guest program: {reason}")]
    Program {
        /// The ELF.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Cancelled by the caller; what cargo had running was ended.
    #[error("cancelled by the caller")]
    Cancelled,
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::Toolchain { hint, .. }
            | Error::GuestNotFound { hint, .. }
            | Error::Unbuildable { hint, .. } => Some(hint),
            Error::Cargo { tail, .. } if tail.contains(git::SYMPTOM) => Some(
                "Debian's cargo cannot fetch git repositories: install cargo by rustup (https://rustup.rs), and zkhost \
                 fetches with that one; or run `cargo fetch` with any other cargo, in the same CARGO_HOME, and build again",
            ),
            Error::Cargo { tail, .. } => {
                c_compiler::hint(tail).or(Some("the reason is in cargo's own output, above"))
            }
            _ => None,
        }
    }

    pub(crate) fn toolchain(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Toolchain {
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn unbuildable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Unbuildable {
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::GuestNotFound {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Adds the path to an I/O error.
pub(crate) trait At<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::Io {
            path: path.as_ref().to_owned(),
            source,
        })
    }
}
