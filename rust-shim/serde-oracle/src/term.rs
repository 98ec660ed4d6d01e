//! JSON-like data with byte strings: descriptors and plain values.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{
    de::{self, Visitor},
    Deserialize, Deserializer, Serialize, Serializer,
};

/// A piece of plain data.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    Nil,
    Bool(bool),
    Int(i128),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Term>),
}

impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => match u64::try_from(*value) {
                Ok(value) => serializer.serialize_u64(value),
                Err(_) => serializer.serialize_i64(*value as i64),
            },
            Self::Str(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::List(items) => items.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TermVisitor)
    }
}

struct TermVisitor;

impl<'de> Visitor<'de> for TermVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain data")
    }

    fn visit_unit<E>(self) -> Result<Term, E> {
        Ok(Term::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Term, E> {
        Ok(Term::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Term, E> {
        Ok(Term::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Term, E> {
        Ok(Term::Int(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Term, E> {
        Ok(Term::Str(value.into()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Term, E> {
        Ok(Term::Bytes(value.into()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Term, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Term::List(items))
    }
}
