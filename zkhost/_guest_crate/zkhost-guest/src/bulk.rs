//! Sequences of plain numbers, moved whole instead of element by element.
//!
//! serde hands a Deserializer a visitor and an Encoder an iterator; neither says "this is a `Vec<u8>`". But both are
//! types, and types can be told apart at compile time: when the visitor is the very one that `Vec<u8>`'s own
//! `Deserialize` uses, what it would build is known, and it can be built by one copy. Everything else takes the
//! ordinary path. The comparisons are between constants and leave nothing in the compiled guest.

use alloc::{
    alloc::{alloc_zeroed, handle_alloc_error, Layout},
    vec::Vec,
};
use core::{
    any::TypeId,
    fmt,
    marker::PhantomData,
    mem::{self, MaybeUninit},
    ptr::NonNull,
};

use serde::de::{DeserializeOwned, Visitor};

use crate::{big_array::BigArray, de::Decoder, error::Stop, input::TRUSTED_BYTES};

/// A number, or an array of bytes, whose wire form is its memory, and for which any bytes are a value.
///
/// # Safety
/// Implementors are primitive integers and floats, and arrays of u8.
pub(crate) unsafe trait Plain: Copy + 'static {
    /// In the standard format its bytes take a word each.
    const BYTES: bool = false;
}

macro_rules! plain {
    ($($number:ty)*) => {$(
        // SAFETY: a primitive number.
        unsafe impl Plain for $number {}
    )*};
}
plain!(u32 i32 u64 i64 f32 f64);

// SAFETY: a primitive integer.
unsafe impl Plain for u8 {
    const BYTES: bool = true;
}

// SAFETY: an array of u8.
unsafe impl<const N: usize> Plain for [u8; N] {
    const BYTES: bool = true;
}

#[cfg(not(target_endian = "little"))]
compile_error!("words are copied as they lie in memory, least significant byte first");

pub(crate) fn bytes_of_mut<T: Plain>(numbers: &mut [T]) -> &mut [u8] {
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
pub(crate) fn plain_vec<T: Plain, const WIDE: bool, const PACKED: bool>(
    decoder: &mut Decoder<'_, PACKED>,
    len: usize,
) -> Result<Vec<T>, Stop> {
    let size = mem::size_of::<T>() * if WIDE { 4 } else { 1 };
    if len > decoder.window().len() / size {
        return plain_vec_past::<T, WIDE, PACKED>(decoder, len);
    }
    let mut numbers = zeros(len);
    fill::<T, WIDE, PACKED>(decoder, &mut numbers)?;
    Ok(numbers)
}

/// As [`plain_vec`], where the window does not hold all of it.
#[cold]
#[inline(never)]
fn plain_vec_past<T: Plain, const WIDE: bool, const PACKED: bool>(
    decoder: &mut Decoder<'_, PACKED>,
    len: usize,
) -> Result<Vec<T>, Stop> {
    let mut numbers = zeros(len.min(TRUSTED_BYTES / mem::size_of::<T>()));
    fill::<T, WIDE, PACKED>(decoder, &mut numbers)?;
    while numbers.len() < len {
        let mut more = zeros(numbers.len().min(len - numbers.len()));
        fill::<T, WIDE, PACKED>(decoder, &mut more)?;
        numbers.append(&mut more);
    }
    Ok(numbers)
}

#[inline(always)]
fn fill<T: Plain, const WIDE: bool, const PACKED: bool>(
    decoder: &mut Decoder<'_, PACKED>,
    numbers: &mut [T],
) -> Result<(), Stop> {
    let bytes = bytes_of_mut(numbers);
    if WIDE {
        decoder.fill_wide(bytes)
    } else {
        decoder.fill(bytes)
    }
}

/// `len` zeros, in memory that the allocator knows to be zero: in a guest that costs nothing.
#[inline]
fn zeros<T: Plain>(len: usize) -> Vec<T> {
    let layout = Layout::array::<T>(len).unwrap_or_else(|_| unreachable!("len is bounded by the input"));
    if layout.size() == 0 {
        return Vec::new();
    }
    // SAFETY: the layout is not empty.
    let Some(start) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { handle_alloc_error(layout) };
    // SAFETY: allocated by the global allocator with the layout of `len` values of T, which may be zero.
    unsafe { Vec::from_raw_parts(start.as_ptr().cast(), len, len) }
}

/// If `V` is the visitor of a `Vec` of plain elements: its value, from the `len` elements that follow.
#[inline(always)]
pub(crate) fn seq<'de, V: Visitor<'de>, const PACKED: bool>(
    decoder: &mut Decoder<'_, PACKED>,
    len: usize,
) -> Option<Result<V::Value, Stop>> {
    macro_rules! vecs {
        ($($element:ty)*) => {$(
            if visits::<V, Vec<$element>>() {
                return Some(if PACKED || !<$element>::BYTES {
                    plain_vec::<$element, false, PACKED>(decoder, len).map(same)
                } else {
                    plain_vec::<$element, true, PACKED>(decoder, len).map(same)
                });
            }
        )*};
    }
    vecs!(u8 u32 i32 u64 i64 f32 f64 [u8; 4] [u8; 8] [u8; 16] [u8; 20] [u8; 32]);
    None
}

/// If `V` is the visitor of an array of bytes: its value, from the bytes that follow.
#[inline(always)]
pub(crate) fn array<'de, V: Visitor<'de>, const PACKED: bool>(
    decoder: &mut Decoder<'_, PACKED>,
    len: usize,
) -> Option<Result<V::Value, Stop>> {
    macro_rules! arrays {
        ($($len:literal)*) => {
            match len {
                $($len if visits::<V, [u8; $len]>() => {
                        const WORDS: usize = $len / 4;
                        // Words to the compiler, which would move bytes by calls of memcpy.
                        let words = if PACKED {
                            decoder.packed_array::<WORDS>()
                        } else {
                            let mut words = MaybeUninit::<[u32; WORDS]>::uninit();
                            // SAFETY: where there is no error, they were written.
                            decoder.wide_array(&mut words).map(|()| unsafe { words.assume_init() })
                        };
                        return Some(words.map(same));
                })*
                _ => {}
            }
        };
    }
    macro_rules! big_arrays {
        ($($len:literal)*) => {
            match len {
                $($len if visits::<V, BigArray<u8, $len>>() => {
                        let mut bytes = [0; $len];
                        let filled = if PACKED { decoder.fill(&mut bytes) } else { decoder.fill_wide(&mut bytes) };
                        return Some(filled.map(|()| same(BigArray(bytes))));
                })*
                _ => {}
            }
        };
    }
    arrays!(4 8 12 16 20 24 28 32);
    big_arrays!(33 48 64 65 96 128 192 256 384 512 1024 2048 4096);
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
    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Seen> {
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
    /// Each byte takes a word.
    pub wide: bool,
}

/// If `iter` is a slice or `Vec` of plain elements: its memory.
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
                let wide = !PACKED && <$number>::BYTES;
                return Some(PlainSlice { len: slice.len(), bytes: bytes_of(slice), wide });
            }
        )*};
    }
    slices!(u8 u32 i32 u64 i64 f32 f64 [u8; 4] [u8; 8] [u8; 16] [u8; 20] [u8; 32]);
    None
}

/// Whether `T` is a number, and so one or two words, or in the packed format a byte.
#[inline(always)]
pub(crate) fn is_number<T: ?Sized>() -> bool {
    macro_rules! any_of {
        ($($number:ty)*) => {
            $(id_of::<T>() == TypeId::of::<$number>())||*
        };
    }
    any_of!(u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 bool char)
}
