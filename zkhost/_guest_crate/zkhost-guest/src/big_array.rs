//! Arrays longer than the 32 elements at which serde's own support ends.

use alloc::vec::Vec;
use core::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use serde::{
    de::{Error, SeqAccess, Visitor},
    ser::SerializeTuple,
    Deserialize, Deserializer, Serialize, Serializer,
};

/// An array of any length, on the wire what a shorter array is: its elements, nothing else. It derefs to `[T; N]`.
///
/// The lengths that keys, signatures and blocks have are moved whole, others element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BigArray<T, const N: usize>(pub [T; N]);

impl<T, const N: usize> Deref for BigArray<T, N> {
    type Target = [T; N];

    #[inline]
    fn deref(&self) -> &[T; N] {
        &self.0
    }
}

impl<T, const N: usize> DerefMut for BigArray<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T; N] {
        &mut self.0
    }
}

impl<T, const N: usize> From<[T; N]> for BigArray<T, N> {
    #[inline]
    fn from(array: [T; N]) -> Self {
        Self(array)
    }
}

impl<T: Serialize, const N: usize> Serialize for BigArray<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        self.0.iter().try_for_each(|element| tuple.serialize_element(element))?;
        tuple.end()
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for BigArray<T, N> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(N, Elements(PhantomData))
    }
}

struct Elements<T, const N: usize>(PhantomData<[T; N]>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Elements<T, N> {
    type Value = BigArray<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {N} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::with_capacity(N);
        while elements.len() < N {
            let element = seq.next_element()?;
            elements.push(element.ok_or_else(|| A::Error::invalid_length(elements.len(), &self))?);
        }
        match elements.try_into() {
            Ok(array) => Ok(BigArray(array)),
            Err(_) => Err(A::Error::invalid_length(N, &self)),
        }
    }
}
