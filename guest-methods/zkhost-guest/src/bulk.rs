//! Sequences of plain numbers, moved whole instead of element by element.
//!
//! serde hands a Deserializer a visitor and an Encoder an iterator; neither says "this is a `Vec<u8>`". But both are
//! types, and types can be told apart at compile time: when the visitor is the very one that `Vec<u8>`'s own
//! `Deserialize` uses, what it would build is known, and it can be built by one copy. Everything else takes the
//! ordinary path. The comparisons are between constants and leave nothing in the compiled guest.

use alloc::{vec, vec::Vec};
use core::{any::TypeId, fmt, marker::PhantomData, mem};

use serde::de::{DeserializeOwned, Visitor};

use crate::{de::Decoder, error::Result, input::TRUSTED_BYTES};

/// A number whose wire form is its memory, least significant byte first, and for which any bytes are a value.
///
/// # Safety
/// Implementors are primitive integers and floats.
pub(crate) unsafe trait Plain: Copy + 'static {
    const ZERO: Self;
}

macro_rules! plain {
    ($($number:ty)*) => {$(
        // SAFETY: a primitive number.
        unsafe impl Plain for $number {
            const ZERO: Self = 0 as Self;
        }
    )*};
}
plain!(u8 u32 i32 u64 i64 u128 i128 f32 f64);

#[cfg(not(target_endian = "little"))]
compile_error!("words are copied as they lie in memory, least significant byte first");

fn bytes_of_mut<T: Plain>(numbers: &mut [T]) -> &mut [u8] {
    // SAFETY: a Plain number is its bytes, and any bytes make one.
    unsafe { core::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), mem::size_of_val(numbers)) }
}

pub(crate) fn bytes_of<T: Plain>(numbers: &[T]) -> &[u8] {
    // SAFETY: a Plain number is its bytes.
    unsafe { core::slice::from_raw_parts(numbers.as_ptr().cast(), mem::size_of_val(numbers)) }
}

/// `len` numbers as they lie in the input. A length that the input cannot keep costs no more than `TRUSTED_BYTES` more
/// memory than there is input.
#[inline]
pub(crate) fn plain_vec<T: Plain, const PACKED: bool>(decoder: &mut Decoder<'_, PACKED>, len: usize) -> Result<Vec<T>> {
    let step = TRUSTED_BYTES / mem::size_of::<T>();
    let mut numbers = vec![T::ZERO; len.min(step)];
    decoder.fill(bytes_of_mut(&mut numbers))?;
    while numbers.len() < len {
        let done = numbers.len();
        numbers.resize(len.min(done + step), T::ZERO);
        decoder.fill(bytes_of_mut(&mut numbers[done..]))?;
    }
    Ok(numbers)
}

/// If `V` is the visitor of a `Vec` of plain numbers: its value, from the `len` elements that follow.
#[inline(always)]
pub(crate) fn seq<'de, V: Visitor<'de>, const PACKED: bool>(
    decoder: &mut Decoder<'_, PACKED>,
    len: usize,
) -> Option<Result<V::Value>> {
    macro_rules! vecs {
        ($($number:ty)*) => {$(
            if visits::<V, Vec<$number>>() {
                return Some(plain_vec::<$number, PACKED>(decoder, len).map(same));
            }
        )*};
    }
    if visits::<V, Vec<u8>>() {
        let bytes = if PACKED { plain_vec(decoder, len) } else { decoder.wide_bytes(len) };
        return Some(bytes.map(same));
    }
    vecs!(u32 i32 u64 i64 f32 f64);
    None
}

/// If `V` is the visitor of an array of plain numbers: its value, from the elements that follow.
#[inline(always)]
pub(crate) fn array<'de, V: Visitor<'de>, const PACKED: bool>(
    decoder: &mut Decoder<'_, PACKED>,
    len: usize,
) -> Option<Result<V::Value>> {
    macro_rules! arrays {
        ($($len:literal)*) => {
            match len {
                $($len => {
                    if PACKED && visits::<V, [u8; $len]>() {
                        let mut bytes = [0; $len];
                        return Some(decoder.fill(&mut bytes).map(|()| same(bytes)));
                    }
                })*
                _ => {}
            }
        };
    }
    arrays!(4 8 16 20 24 28 32);
    None
}

/// Whether `V` is the visitor that `T`'s Deserialize hands to `deserialize_seq` or `deserialize_tuple`.
#[inline(always)]
fn visits<'de, V: Visitor<'de>, T: DeserializeOwned>() -> bool {
    match T::deserialize(Spy) {
        Err(Seen(visitor)) => visitor == id_of::<V>(),
        Ok(_) => false,
    }
}

/// Turns a value into itself, where only the compiler does not know that `A` and `B` are one type.
#[inline(always)]
fn same<A, B>(value: A) -> B {
    assert!(mem::size_of::<A>() == mem::size_of::<B>());
    let value = mem::ManuallyDrop::new(value);
    // SAFETY: the callers have seen that B is the Value of the visitor of A, which is A.
    unsafe { mem::transmute_copy(&value) }
}

/// The identity of a type, lifetimes aside.
#[inline(always)]
pub(crate) fn id_of<T: ?Sized>() -> TypeId {
    trait Identity {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T: ?Sized> Identity for PhantomData<T> {
        #[inline(always)]
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let marker = PhantomData::<T>;
    let identity: &dyn Identity = &marker;
    // SAFETY: only a lifetime changes, and the identity of a type does not depend on those.
    let identity: &(dyn Identity + 'static) = unsafe { mem::transmute(identity) };
    identity.id()
}

/// A Deserializer that looks at the visitor it is given and stops.
struct Spy;

/// The visitor's type.
struct Seen(TypeId);

impl fmt::Debug for Seen {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl core::error::Error for Seen {}

impl serde::de::Error for Seen {
    #[inline(always)]
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(TypeId::of::<Self>())
    }
}

impl<'de> serde::Deserializer<'de> for Spy {
    type Error = Seen;

    #[inline(always)]
    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> core::result::Result<V::Value, Seen> {
        Err(Seen(id_of::<V>()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Numbers in memory that are written by one copy.
pub(crate) struct PlainSlice<'a> {
    pub len: usize,
    pub bytes: &'a [u8],
}

/// If `iter` is a slice or `Vec` of plain numbers: its memory. Bytes are plain only where they are packed.
#[inline(always)]
pub(crate) fn slice_of<I: IntoIterator, const PACKED: bool>(iter: &I) -> Option<PlainSlice<'_>> {
    macro_rules! slices {
        ($($number:ty)*) => {$(
            let slice = if id_of::<I>() == TypeId::of::<&[$number]>() {
                // SAFETY: I is &[number], with a lifetime that outlives `iter`.
                Some(unsafe { *core::ptr::from_ref(iter).cast::<&[$number]>() })
            } else if id_of::<I>() == TypeId::of::<&Vec<$number>>() {
                // SAFETY: I is &Vec<number>, with a lifetime that outlives `iter`.
                Some(unsafe { *core::ptr::from_ref(iter).cast::<&Vec<$number>>() }.as_slice())
            } else {
                None
            };
            if let Some(slice) = slice {
                return Some(PlainSlice { len: slice.len(), bytes: bytes_of(slice) });
            }
        )*};
    }
    if PACKED {
        slices!(u8);
    }
    slices!(u32 i32 u64 i64 f32 f64);
    None
}
