//! What can be wrong with words, or with a value to be written as words.

use alloc::string::{String, ToString};
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

/// An error of a decoder or encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(ErrorKind);

/// The result of decoding or encoding.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(kind)
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

impl core::error::Error for Error {}

/// The error that passes through serde: that there is one. What it is lies in [`slot`] until the caller takes it.
///
/// An error with a size would share memory with the value in every `Result<Option<T>, _>` that serde's traits return,
/// at offsets that make the compiler move an array byte by byte: five times the cost of a record with two keys.
pub(crate) struct Stop(());

impl Stop {
    /// What went wrong; for who has made or been given a Stop.
    #[cold]
    pub fn take(self) -> Error {
        Error(slot::take().unwrap_or(ErrorKind::End))
    }
}

impl From<ErrorKind> for Stop {
    #[cold]
    #[inline(never)]
    fn from(kind: ErrorKind) -> Self {
        slot::set(kind);
        Self(())
    }
}

impl Display for Stop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = slot::take().unwrap_or(ErrorKind::End);
        slot::set(kind.clone());
        Error(kind).fmt(f)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl core::error::Error for Stop {}

impl serde::de::Error for Stop {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        ErrorKind::Custom(message.to_string()).into()
    }
}

impl serde::ser::Error for Stop {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        ErrorKind::Custom(message.to_string()).into()
    }
}

/// The last error of this thread; a guest has one.
mod slot {
    use core::cell::Cell;

    use super::ErrorKind;

    type Slot = Cell<Option<ErrorKind>>;

    #[cfg(target_os = "zkvm")]
    fn with<T>(use_it: impl FnOnce(&Slot) -> T) -> T {
        struct Global(Slot);
        // SAFETY: a guest has one thread.
        unsafe impl Sync for Global {}
        static SLOT: Global = Global(Cell::new(None));
        use_it(&SLOT.0)
    }

    #[cfg(not(target_os = "zkvm"))]
    fn with<T>(use_it: impl FnOnce(&Slot) -> T) -> T {
        extern crate std;
        std::thread_local!(static SLOT: Slot = const { Cell::new(None) });
        SLOT.with(use_it)
    }

    pub fn set(kind: ErrorKind) {
        with(|slot| slot.set(Some(kind)));
    }

    pub fn take() -> Option<ErrorKind> {
        with(Cell::take)
    }
}
