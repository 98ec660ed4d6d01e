use core::marker::PhantomData;

/// A hash function.
pub trait Function {
    /// What it gives.
    type Output;
}

/// Keccak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keccak;

impl Function for Keccak {
    type Output = [u8; 32];
}

/// Thirty-two bytes.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Hash(pub [u8; super::limits::HASH_BYTES]);

/// A hash that says by what.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Debug)]
pub struct Sha<F = Keccak> {
    /// The hash.
    pub value: Hash,
    #[cfg_attr(feature = "serde", serde(skip))]
    function: PhantomData<F>,
}

/// What a function gives, which is not told here.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound = "F::Output: serde::Serialize + serde::de::DeserializeOwned"))]
pub struct Hashed<F: Function> {
    /// It.
    pub value: <F as Function>::Output,
}
