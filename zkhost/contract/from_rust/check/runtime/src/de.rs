//! Words to values, as risc0_zkvm::serde reads them.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use crate::Error;

/// The longest list that is read: a longer one means a wrongly read type.
const LONGEST: usize = 1 << 20;

/// The position in the words, and the kind of each thing read.
pub struct Reader<'de> {
    rest: &'de [u8],
    kinds: Vec<&'static str>,
}

impl<'de> Reader<'de> {
    pub fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, kinds: Vec::new() }
    }

    /// The number of words left.
    pub fn left(&self) -> usize {
        self.rest.len() / 4
    }

    pub fn kinds(&self) -> String {
        self.kinds.join(" ")
    }

    fn take(&mut self, bytes: usize) -> Result<&'de [u8], Error> {
        if self.rest.len() < bytes {
            return Err(Error::Format("the words ended inside the value".to_string()));
        }
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight bytes")))
    }

    fn u128(&mut self) -> Result<u128, Error> {
        Ok(u128::from_le_bytes(self.take(16)?.try_into().expect("sixteen bytes")))
    }

    fn narrow<T: TryFrom<i64>>(&mut self, value: i64) -> Result<T, Error> {
        value.try_into().map_err(|_| Error::Format(format!("{value} is out of range")))
    }

    fn len(&mut self) -> Result<usize, Error> {
        let len = self.word()? as usize;
        if len > LONGEST {
            Err(Error::Format(format!("a length of {len}")))
        } else {
            Ok(len)
        }
    }

    fn bytes(&mut self) -> Result<&'de [u8], Error> {
        let len = self.len()?;
        let padded = self.take(len.div_ceil(4) * 4)?;
        Ok(&padded[..len])
    }

    fn tag(&mut self) -> Result<bool, Error> {
        match self.word()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::Format(format!("{other} is neither 0 nor 1"))),
        }
    }
}

macro_rules! reads {
    ($($method:ident $visit:ident $kind:literal |$r:ident| $value:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.kinds.push($kind);
            let $r = self;
            visitor.$visit($value)
        })*
    };
}

macro_rules! not_described {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::Format(concat!(stringify!($method), ": the format does not describe itself").to_string()))
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    not_described! { deserialize_any deserialize_identifier deserialize_ignored_any }

    reads! {
        deserialize_bool visit_bool "bool" |r| r.tag()?;
        deserialize_u8 visit_u8 "u8" |r| { let w = r.word()?; r.narrow(w.into())? };
        deserialize_u16 visit_u16 "u16" |r| { let w = r.word()?; r.narrow(w.into())? };
        deserialize_u32 visit_u32 "u32" |r| r.word()?;
        deserialize_u64 visit_u64 "u64" |r| r.u64()?;
        deserialize_u128 visit_u128 "u128" |r| r.u128()?;
        deserialize_i8 visit_i8 "i8" |r| { let w = r.word()? as i32; r.narrow(w.into())? };
        deserialize_i16 visit_i16 "i16" |r| { let w = r.word()? as i32; r.narrow(w.into())? };
        deserialize_i32 visit_i32 "i32" |r| r.word()? as i32;
        deserialize_i64 visit_i64 "i64" |r| r.u64()? as i64;
        deserialize_i128 visit_i128 "i128" |r| r.u128()? as i128;
        deserialize_f32 visit_f32 "f32" |r| f32::from_bits(r.word()?);
        deserialize_f64 visit_f64 "f64" |r| f64::from_bits(r.u64()?);
        deserialize_char visit_char "char" |r| {
            let code = r.word()?;
            char::from_u32(code).ok_or_else(|| Error::Format(format!("{code} is no character")))?
        };
        deserialize_str visit_borrowed_str "str" |r| {
            std::str::from_utf8(r.bytes()?).map_err(|error| Error::Format(error.to_string()))?
        };
        deserialize_bytes visit_borrowed_bytes "bytes" |r| r.bytes()?;
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.kinds.push("option");
        if self.tag()? {
            visitor.visit_some(self)
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.kinds.push("len");
        let left = self.len()?;
        visitor.visit_seq(Items { reader: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Items { reader: self, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.kinds.push("len");
        let left = self.len()?;
        visitor.visit_map(Items { reader: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }
}

/// What is left of a list, a tuple or a map.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::EnumAccess<'de> for &mut Reader<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        self.kinds.push("variant");
        let index = self.word()?;
        let value = seed.deserialize(IntoDeserializer::<Error>::into_deserializer(index))?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}
