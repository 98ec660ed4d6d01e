//! The encoder: one serde Serializer for both formats.
//!
//! In the packed format a u8 or bool outside every sequence, tuple, struct and map takes a word; inside one it takes a
//! byte of a word that others fill up. How deep inside does not matter, so the depth is not counted: `NESTED` says
//! whether it is above zero, and there is no depth at which it breaks.

use alloc::string::ToString;
use core::fmt::Display;

use serde::Serialize;

use crate::{
    bulk,
    error::{ErrorKind, Stop},
    output::Output,
};

/// Encodes one value into an [`Output`].
pub(crate) struct Encoder<'b, 'a, const PACKED: bool, const NESTED: bool>(pub &'b mut Output<'a>);

impl<'b, 'a, const PACKED: bool, const NESTED: bool> Encoder<'b, 'a, PACKED, NESTED> {
    #[inline(always)]
    fn word(&mut self, word: u32) {
        if PACKED && NESTED {
            self.0.align();
        }
        self.0.word(word);
    }

    #[inline(always)]
    fn dword(&mut self, dword: u64) {
        if PACKED && NESTED {
            self.0.align();
        }
        self.0.dword(dword);
    }

    #[inline(always)]
    fn byte_string(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u32);
        self.0.bytes(bytes);
        self.0.align();
    }

    #[inline(always)]
    fn open(mut self, len: Option<usize>) -> Result<Compound<'b, 'a, PACKED, NESTED>, Stop> {
        self.word(len.ok_or(ErrorKind::UnknownLength)? as u32);
        Ok(Compound::new(self.0, 0))
    }
}

/// `serialize_NAME` writes its value with `self.WRITE(value as TYPE)`.
macro_rules! numbers {
    ($($name:ident, $number:ty, $write:ident, |$v:ident| $words:expr;)*) => {$(
        #[inline(always)]
        fn $name(mut self, $v: $number) -> Result<(), Stop> {
            self.$write($words);
            Ok(())
        }
    )*};
}

impl<'b, 'a, const PACKED: bool, const NESTED: bool> serde::Serializer for Encoder<'b, 'a, PACKED, NESTED> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Compound<'b, 'a, PACKED, NESTED>;
    type SerializeTuple = Self::SerializeSeq;
    type SerializeTupleStruct = Self::SerializeSeq;
    type SerializeTupleVariant = Self::SerializeSeq;
    type SerializeMap = Self::SerializeSeq;
    type SerializeStruct = Self::SerializeSeq;
    type SerializeStructVariant = Self::SerializeSeq;

    numbers! {
        serialize_i8, i8, word, |v| v as u32;
        serialize_i16, i16, word, |v| v as u32;
        serialize_i32, i32, word, |v| v as u32;
        serialize_i64, i64, dword, |v| v as u64;
        serialize_u16, u16, word, |v| v.into();
        serialize_u32, u32, word, |v| v;
        serialize_u64, u64, dword, |v| v;
        serialize_f32, f32, word, |v| v.to_bits();
        serialize_f64, f64, dword, |v| v.to_bits();
        serialize_char, char, word, |v| v.into();
    }

    #[inline(always)]
    fn serialize_bool(self, v: bool) -> Result<(), Stop> {
        self.serialize_u8(v.into())
    }

    #[inline(always)]
    fn serialize_u8(self, v: u8) -> Result<(), Stop> {
        if PACKED && NESTED {
            self.0.byte(v);
        } else {
            self.0.word(v.into());
        }
        Ok(())
    }

    #[inline]
    fn serialize_i128(self, v: i128) -> Result<(), Stop> {
        self.serialize_u128(v as u128)
    }

    #[inline]
    fn serialize_u128(mut self, v: u128) -> Result<(), Stop> {
        self.dword(v as u64);
        self.dword((v >> 64) as u64);
        Ok(())
    }

    #[inline(always)]
    fn serialize_str(mut self, v: &str) -> Result<(), Stop> {
        self.byte_string(v.as_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_bytes(mut self, v: &[u8]) -> Result<(), Stop> {
        self.byte_string(v);
        Ok(())
    }

    #[inline]
    fn collect_str<T: ?Sized + Display>(self, value: &T) -> Result<(), Stop> {
        self.serialize_str(&value.to_string())
    }

    #[inline(always)]
    fn serialize_none(mut self) -> Result<(), Stop> {
        self.word(0);
        Ok(())
    }

    #[inline(always)]
    fn serialize_some<T: ?Sized + Serialize>(mut self, value: &T) -> Result<(), Stop> {
        self.word(1);
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(mut self, _name: &'static str, index: u32, _variant: &'static str) -> Result<(), Stop> {
        self.word(index);
        Ok(())
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _name: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        self.word(index);
        value.serialize(self)
    }

    #[inline]
    fn collect_seq<I>(self, iter: I) -> Result<(), Stop>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        if let Some(plain) = bulk::slice_of::<I, PACKED>(&iter) {
            let compound = self.open(Some(plain.len))?;
            if plain.wide {
                compound.output.wide_bytes(plain.bytes);
            } else {
                compound.output.bytes(plain.bytes);
            }
            compound.close();
            return Ok(());
        }
        let items = iter.into_iter();
        let (len, bound) = items.size_hint();
        let compound = self.open(bound.filter(|&bound| bound == len))?;
        compound
            .output
            .apart(|output| output.each(items, |output, item| item.serialize(Encoder::<PACKED, true>(output))))?;
        compound.close();
        Ok(())
    }

    #[inline]
    fn collect_map<K, V, I>(self, iter: I) -> Result<(), Stop>
    where
        K: Serialize,
        V: Serialize,
        I: IntoIterator<Item = (K, V)>,
    {
        let mut items = iter.into_iter();
        let (len, bound) = items.size_hint();
        let compound = self.open(bound.filter(|&bound| bound == len))?;
        compound.output.apart(|output| {
            items.try_for_each(|(key, value)| {
                key.serialize(Encoder::<PACKED, true>(&mut *output))?;
                value.serialize(Encoder::<PACKED, true>(&mut *output))
            })
        })?;
        compound.close();
        Ok(())
    }

    #[inline(always)]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
        self.open(len)
    }

    #[inline(always)]
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, Stop> {
        self.open(len)
    }

    #[inline(always)]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, Stop> {
        let numbers = self.0.reserve(len);
        Ok(Compound::new(self.0, numbers))
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self::SerializeTupleStruct, Stop> {
        Ok(Compound::new(self.0, 0))
    }

    #[inline(always)]
    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Self::SerializeStruct, Stop> {
        let numbers = self.0.reserve(len);
        Ok(Compound::new(self.0, numbers))
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        self.word(index);
        Ok(Compound::new(self.0, 0))
    }

    #[inline(always)]
    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        self.word(index);
        Ok(Compound::new(self.0, 0))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// An open sequence, tuple, struct or map; `NESTED` says whether it lies in another one.
pub(crate) struct Compound<'b, 'a, const PACKED: bool, const NESTED: bool> {
    output: &'b mut Output<'a>,
    /// So many elements fit for certain, counted from the first, if all of them are numbers.
    numbers: usize,
    /// How many elements there were.
    count: usize,
}

impl<'b, 'a, const PACKED: bool, const NESTED: bool> Compound<'b, 'a, PACKED, NESTED> {
    #[inline(always)]
    fn new(output: &'b mut Output<'a>, numbers: usize) -> Self {
        Self { output, numbers, count: 0 }
    }

    #[inline(always)]
    fn element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Stop> {
        if !bulk::is_number::<T>() {
            self.numbers = 0;
        }
        let fits = self.count < self.numbers;
        // Counted whether it fits or not: so the compiler sees that all elements of an array do.
        self.count = self.count.checked_add(1).expect("fewer elements than there are numbers to count them");
        self.output.number(fits, |output| value.serialize(Encoder::<PACKED, true>(output))).map(|_| ())
    }

    /// A word that is not full stays open for what follows, unless nothing encloses it.
    #[inline(always)]
    fn close(self) {
        if PACKED && !NESTED {
            self.output.align();
        }
    }
}

/// serde's seven kinds of compound, which are one here.
macro_rules! compounds {
    ($($kind:ident { $($method:ident ( $($key:ident)? )),* })*) => {$(
        impl<const PACKED: bool, const NESTED: bool> serde::ser::$kind for Compound<'_, '_, PACKED, NESTED> {
            type Ok = ();
            type Error = Stop;

            $(
                #[inline(always)]
                fn $method<T: ?Sized + Serialize>(&mut self, $($key: &'static str,)? value: &T) -> Result<(), Stop> {
                    self.element(value)
                }
            )*

            #[inline(always)]
            fn end(self) -> Result<(), Stop> {
                self.close();
                Ok(())
            }
        }
    )*};
}

compounds! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key(), serialize_value() }
    SerializeStruct { serialize_field(_key) }
    SerializeStructVariant { serialize_field(_key) }
}
