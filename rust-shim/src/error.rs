//! The one error of the shim: a kind, a message, a hint and facts, sent to Python as a frame.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// Declares the kinds once: the enum, its names on the wire, and the list that `build_info` exports.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident),+ $(,)?) => {
        /// What went wrong. The name plus "Error" is the Python exception class.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[doc = $doc])* $name),+
        }

        impl Kind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),+];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$name => stringify!($name)),+
                }
            }
        }
    };
}

kinds! {
    /// The request frame is not what the operation takes.
    Shim,
    /// A panic, caught.
    Internal,
    /// An option or environment variable out of range.
    Config,
    /// A value that does not fit the schema (serde oracle).
    Encode,
    /// Words that are not a value of the schema (serde oracle).
    Decode,
    /// A schema descriptor that makes no sense (serde oracle).
    Schema,
    /// A guest build failed for another reason than the ones below.
    Build,
    /// No usable guest toolchain.
    Toolchain,
    /// No such guest package or bin.
    GuestNotFound,
    /// cargo failed.
    Cargo,
    /// What was built differs from what is recorded.
    Drift,
    /// Not a program binary this risc0 runs.
    InvalidProgram,
    /// Not a plan for the interpreter of models, or one that it refuses.
    Plan,
    /// The guest panicked.
    GuestPanic,
    /// The guest did what the machine forbids.
    GuestFault,
    /// More cycles than the session limit allows.
    SessionLimit,
    /// A host callback failed, or the guest asked for what the host does not serve.
    HostIO,
    /// The prover cannot run here: the process is a fork.
    ProverUnavailable,
    /// An operation of the in-process prover, which this build lacks.
    Unsupported,
    /// This build lacks the recursion programs.
    RecursionUnavailable,
    /// The guest relies on a claim, and no receipt for it was supplied.
    MissingAssumption,
    /// Memory ran out while proving.
    OutOfMemory,
    /// Proving failed for another reason.
    Prover,
    /// r0vm did not start, died, hung or broke the protocol.
    Server,
    /// r0vm is of another version.
    ServerVersion,
    /// Cancelled by the caller.
    Cancelled,
    /// Bytes that are not a receipt.
    ReceiptFormat,
    /// The receipt does not prove what was asked, for another reason than the ones below.
    Verification,
    /// It proves another program.
    ImageIDMismatch,
    /// The journal is not the one that was proved.
    JournalMismatch,
    /// The seal does not prove the claim.
    InvalidSeal,
    /// It proves a run that did not end with Halted(0).
    UnsuccessfulExit,
    /// A dev-mode receipt.
    FakeReceipt,
    /// Made for other verifier parameters.
    VerifierVersion,
}

/// A failed operation.
#[derive(Debug)]
pub struct ShimError {
    /// The Python class, less "Error".
    pub kind: Kind,
    /// What happened, with the value and the place.
    pub message: String,
    /// `hint`, what to do next, and the attributes of the Python exception.
    pub data: BTreeMap<&'static str, Value>,
}

/// What the operations return.
pub type Result<T> = std::result::Result<T, ShimError>;

impl ShimError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            data: BTreeMap::new(),
        }
    }

    /// Adds a fact: an attribute of the Python exception.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.data.insert(name, value.into());
        self
    }

    /// Adds what to do next.
    pub fn hint(self, text: impl Into<String>) -> Self {
        self.with("hint", text.into())
    }

    /// The error frame: a msgpack map {kind, message, data}.
    pub fn to_frame(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Frame<'a> {
            kind: &'a str,
            message: &'a str,
            data: &'a BTreeMap<&'static str, Value>,
        }
        rmp_serde::to_vec_named(&Frame {
            kind: self.kind.name(),
            message: &self.message,
            data: &self.data,
        })
        .unwrap_or_default()
    }
}

impl fmt::Display for ShimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for ShimError {}

/// `ensure`-like shorthand: an error of `kind` from a format string.
#[macro_export]
macro_rules! fail {
    ($kind:ident, $($arg:tt)+) => {
        $crate::error::ShimError::new($crate::error::Kind::$kind, format!($($arg)+))
    };
}
