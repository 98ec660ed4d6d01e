//! Which vectors are used.

use std::env;
use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
pub(crate) use super::neon::Neon;
pub(crate) use super::word::Word;
#[cfg(target_arch = "x86_64")]
pub(crate) use super::x86::{Avx2, Avx512};

/// Names the instruction set to use instead of the widest: for tests, and to find out whether it is at fault.
pub const VARIABLE: &str = "ZKHOST_VECTORS";

/// An instruction set that evaluates polynomials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// No vectors.
    Scalar,
    /// aarch64's 128-bit vectors.
    Neon,
    /// x86-64's 256-bit vectors.
    Avx2,
    /// x86-64's 512-bit vectors.
    Avx512,
}

impl Isa {
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];

    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this CPU has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// Those that this CPU has, the widest last.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The one that is used: what [`VARIABLE`] names, else the widest. Read once.
    pub fn chosen() -> Result<Self, &'static Unavailable> {
        static CHOSEN: OnceLock<Result<Isa, Unavailable>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| Self::named(&env::var(VARIABLE).unwrap_or_default()))
            .as_ref()
            .copied()
    }

    fn named(name: &str) -> Result<Self, Unavailable> {
        if name.is_empty() {
            return Ok(Self::available().last().unwrap_or(Self::Scalar));
        }
        Self::available()
            .find(|isa| isa.name() == name)
            .ok_or_else(|| Unavailable(name.to_owned()))
    }
}

/// Makes `$name(isa, ...)` of a function that is generic over vectors: it runs that function with an instruction set's.
/// The code of `$generic`, and of what it calls `#[inline(always)]`, becomes part of a function that enables the
/// instructions. So it has no closures, which would stay functions without them. This module is in scope.
macro_rules! by_isa {
    ($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),*) = $generic:ident) => {
        $(#[$attribute])*
        fn $name(isa: Isa, $($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            unsafe fn avx2($($argument: $type),*) {
                $generic::<isa::Avx2>($($argument),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            unsafe fn avx512($($argument: $type),*) {
                $generic::<isa::Avx512>($($argument),*);
            }
            assert!(isa.is_available(), "this CPU has no {isa}");
            // SAFETY: it has.
            unsafe {
                match isa {
                    Isa::Scalar => $generic::<isa::Word>($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512($($argument),*),
                    // In all code for this architecture.
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => $generic::<isa::Neon>($($argument),*),
                    _ => unreachable!("is_available"),
                }
            }
        }
    };
}

pub(crate) use by_isa;

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// [`VARIABLE`] names no instruction set that this CPU has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Isa::available().map(Isa::name).collect();
        let Self(name) = self;
        write!(
            f,
            "{VARIABLE} is {name:?}, which is none of this CPU's: {}",
            names.join(", ")
        )
    }
}

impl std::error::Error for Unavailable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_is_taken_unless_another_is_named() {
        assert_eq!(Isa::named("").ok(), Isa::available().last());
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()), Ok(isa));
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_choices() {
        for name in ["sse2", "AVX2", "avx2 "] {
            let error = Isa::named(name)
                .expect_err("no such instruction set")
                .to_string();
            assert!(
                error.contains(&format!("{name:?}")) && error.contains("scalar"),
                "{error}"
            );
        }
    }
}
