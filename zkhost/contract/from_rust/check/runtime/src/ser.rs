//! Values to words, as risc0_zkvm::serde writes them.

use serde::ser::{self, Serialize};

use crate::Error;

/// The words so far, and the kind of each thing written.
#[derive(Default)]
pub struct Writer {
    pub words: Vec<u32>,
    pub kinds: Vec<&'static str>,
}

impl Writer {
    fn put(&mut self, kind: &'static str, words: &[u32]) -> Result<(), Error> {
        self.kinds.push(kind);
        self.words.extend_from_slice(words);
        Ok(())
    }

    fn put64(&mut self, kind: &'static str, value: u64) -> Result<(), Error> {
        self.put(kind, &[value as u32, (value >> 32) as u32])
    }

    fn put128(&mut self, kind: &'static str, value: u128) -> Result<(), Error> {
        self.put(kind, &[value as u32, (value >> 32) as u32, (value >> 64) as u32, (value >> 96) as u32])
    }

    fn put_bytes(&mut self, kind: &'static str, bytes: &[u8]) -> Result<(), Error> {
        self.put(kind, &[bytes.len() as u32])?;
        for chunk in bytes.chunks(4) {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            self.words.push(u32::from_le_bytes(word));
        }
        Ok(())
    }

    fn put_len(&mut self, len: Option<usize>) -> Result<(), Error> {
        let len = len.ok_or_else(|| Error::Format("a sequence of unknown length".to_string()))?;
        self.put("len", &[len as u32])
    }
}

macro_rules! writes {
    ($($method:ident $type:ty => $kind:literal, $put:ident, |$v:ident| $words:expr;)*) => {
        $(fn $method(self, $v: $type) -> Result<(), Error> {
            self.$put($kind, $words)
        })*
    };
}

impl ser::Serializer for &mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    writes! {
        serialize_bool bool => "bool", put, |v| &[v.into()];
        serialize_u8 u8 => "u8", put, |v| &[v.into()];
        serialize_u16 u16 => "u16", put, |v| &[v.into()];
        serialize_u32 u32 => "u32", put, |v| &[v];
        serialize_i8 i8 => "i8", put, |v| &[v as i32 as u32];
        serialize_i16 i16 => "i16", put, |v| &[v as i32 as u32];
        serialize_i32 i32 => "i32", put, |v| &[v as u32];
        serialize_f32 f32 => "f32", put, |v| &[v.to_bits()];
        serialize_char char => "char", put, |v| &[v as u32];
        serialize_u64 u64 => "u64", put64, |v| v;
        serialize_i64 i64 => "i64", put64, |v| v as u64;
        serialize_f64 f64 => "f64", put64, |v| v.to_bits();
        serialize_u128 u128 => "u128", put128, |v| v;
        serialize_i128 i128 => "i128", put128, |v| v as u128;
        serialize_str &str => "str", put_bytes, |v| v.as_bytes();
        serialize_bytes &[u8] => "bytes", put_bytes, |v| v;
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.put("option", &[0])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.put("option", &[1])?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Error> {
        self.put("variant", &[index])
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.put("variant", &[index])?;
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Error> {
        self.put_len(len)?;
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Error> {
        self.put("variant", &[index])?;
        Ok(self)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, Error> {
        self.put_len(len)?;
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Error> {
        self.put("variant", &[index])?;
        Ok(self)
    }
}

macro_rules! compound {
    ($($trait:ident $method:ident $(($key:ty))?;)*) => {
        $(impl ser::$trait for &mut Writer {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), Error> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })*
    };
}

compound! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
    SerializeStruct serialize_field (&'static str);
    SerializeStructVariant serialize_field (&'static str);
}

impl ser::SerializeMap for &mut Writer {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}
