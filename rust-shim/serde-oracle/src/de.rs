//! Deserialization to a plain value, call for call as serde's derive would do it.

use alloc::{format, string::String, vec::Vec};
use core::{cell::Cell, fmt};

use serde::{
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor},
    Deserialize, Deserializer,
};

use crate::{ser::names, Node, Payload, Schema, Term, LIMIT, MAX_DEPTH, MAX_TERMS};

/// A type, waiting for a value to be deserialized.
#[derive(Clone, Copy)]
pub struct Seed<'a> {
    schema: &'a Schema,
    node: usize,
    depth: usize,
    terms_left: &'a Cell<usize>,
}

impl<'a> Seed<'a> {
    /// Deserializes a value of the schema's root type.
    pub fn run<'de, D: Deserializer<'de>>(
        schema: &'a Schema,
        deserializer: D,
    ) -> Result<Term, D::Error> {
        let terms_left = Cell::new(MAX_TERMS);
        Seed {
            schema,
            node: schema.root,
            depth: 0,
            terms_left: &terms_left,
        }
        .deserialize(deserializer)
    }

    fn inner(&self, node: usize) -> Self {
        Self {
            node,
            depth: self.depth + 1,
            ..*self
        }
    }
}

fn ints<'de, T, D>(deserializer: D, int: impl Fn(T) -> i128) -> Result<Term, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Term::List(
        Vec::<T>::deserialize(deserializer)?
            .into_iter()
            .map(|item| Term::Int(int(item)))
            .collect(),
    ))
}

fn bytes<'de, const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<Term, D::Error>
where
    [u8; N]: Deserialize<'de>,
{
    let bytes = <[u8; N]>::deserialize(deserializer)?;
    Ok(Term::List(
        bytes
            .into_iter()
            .map(|byte| Term::Int(byte.into()))
            .collect(),
    ))
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Term;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Term, D::Error> {
        let left = self.terms_left.get();
        if self.depth > MAX_DEPTH || left == 0 {
            return Err(D::Error::custom(LIMIT));
        }
        self.terms_left.set(left - 1);
        let schema = self.schema;
        let parts = |nodes| Parts { seed: self, nodes };
        Ok(match &schema.nodes[self.node] {
            Node::Bool => Term::Bool(bool::deserialize(d)?),
            Node::U8 => Term::Int(u8::deserialize(d)?.into()),
            Node::U16 => Term::Int(u16::deserialize(d)?.into()),
            Node::U32 => Term::Int(u32::deserialize(d)?.into()),
            Node::U64 => Term::Int(u64::deserialize(d)?.into()),
            Node::U128 => Term::Bytes(u128::deserialize(d)?.to_le_bytes().into()),
            Node::I8 => Term::Int(i8::deserialize(d)?.into()),
            Node::I16 => Term::Int(i16::deserialize(d)?.into()),
            Node::I32 => Term::Int(i32::deserialize(d)?.into()),
            Node::I64 => Term::Int(i64::deserialize(d)?.into()),
            Node::I128 => Term::Bytes(i128::deserialize(d)?.to_le_bytes().into()),
            Node::F32 => Term::Int(f32::deserialize(d)?.to_bits().into()),
            Node::F64 => Term::Int(f64::deserialize(d)?.to_bits().into()),
            Node::Char => Term::Int(u32::from(char::deserialize(d)?).into()),
            Node::Str => Term::Str(String::deserialize(d)?),
            Node::Bytes => d.deserialize_byte_buf(BytesVisitor)?,
            Node::Unit => <()>::deserialize(d).map(|()| Term::Nil)?,
            Node::UnitStruct => d.deserialize_unit_struct("", UnitVisitor)?,
            Node::Option(inner) => d.deserialize_option(OptionVisitor(self.inner(*inner)))?,
            Node::Newtype(inner) => {
                d.deserialize_newtype_struct("", NewtypeVisitor(self.inner(*inner)))?
            }
            Node::Seq(inner) => match schema.nodes[*inner] {
                Node::U8 => ints(d, <i128 as From<u8>>::from)?,
                Node::U32 => ints(d, <i128 as From<u32>>::from)?,
                Node::I32 => ints(d, <i128 as From<i32>>::from)?,
                Node::U64 => ints(d, <i128 as From<u64>>::from)?,
                Node::I64 => ints(d, <i128 as From<i64>>::from)?,
                Node::F32 => ints(d, |item: f32| item.to_bits().into())?,
                Node::F64 => ints(d, |item: f64| item.to_bits().into())?,
                _ => d.deserialize_seq(SeqVisitor(self.inner(*inner)))?,
            },
            Node::Map(key, value) => {
                d.deserialize_map(MapVisitor(self.inner(*key), self.inner(*value)))?
            }
            Node::Tuple(nodes) => d.deserialize_tuple(nodes.len(), parts(Nodes::Each(nodes)))?,
            Node::Array(inner, len) => match (&schema.nodes[*inner], *len) {
                (Node::U8, 4) => bytes::<4, _>(d)?,
                (Node::U8, 20) => bytes::<20, _>(d)?,
                (Node::U8, 32) => bytes::<32, _>(d)?,
                _ => d.deserialize_tuple(*len, parts(Nodes::Same(*inner, *len)))?,
            },
            Node::TupleStruct(nodes) => {
                d.deserialize_tuple_struct("", nodes.len(), parts(Nodes::Each(nodes)))?
            }
            Node::Struct(nodes) => {
                d.deserialize_struct("", names(nodes.len()), parts(Nodes::Each(nodes)))?
            }
            Node::Enum(variants) => {
                d.deserialize_enum("", names(variants.len()), EnumVisitor(self, variants))?
            }
            Node::Pending => return Err(D::Error::custom("a type without parts")),
        })
    }
}

/// Implements the part of Visitor that is the same everywhere.
macro_rules! visitor {
    ($expecting:literal) => {
        type Value = Term;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($expecting)
        }
    };
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    visitor!("bytes");

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Term, E> {
        Ok(Term::Bytes(bytes.into()))
    }
}

struct UnitVisitor;

impl Visitor<'_> for UnitVisitor {
    visitor!("a unit");

    fn visit_unit<E>(self) -> Result<Term, E> {
        Ok(Term::Nil)
    }
}

struct OptionVisitor<'a>(Seed<'a>);

impl<'de> Visitor<'de> for OptionVisitor<'_> {
    visitor!("an option");

    fn visit_none<E>(self) -> Result<Term, E> {
        Ok(Term::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        Ok(Term::List([self.0.deserialize(deserializer)?].into()))
    }
}

struct NewtypeVisitor<'a>(Seed<'a>);

impl<'de> Visitor<'de> for NewtypeVisitor<'_> {
    visitor!("a newtype");

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        self.0.deserialize(deserializer)
    }
}

struct SeqVisitor<'a>(Seed<'a>);

impl<'de> Visitor<'de> for SeqVisitor<'_> {
    visitor!("a sequence");

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Term, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.0)? {
            items.push(item);
        }
        Ok(Term::List(items))
    }
}

struct MapVisitor<'a>(Seed<'a>, Seed<'a>);

impl<'de> Visitor<'de> for MapVisitor<'_> {
    visitor!("a map");

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Term, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, value)) = access.next_entry_seed(self.0, self.1)? {
            pairs.push(Term::List([key, value].into()));
        }
        Ok(Term::List(pairs))
    }
}

#[derive(Clone, Copy)]
enum Nodes<'a> {
    Each(&'a [usize]),
    Same(usize, usize),
}

struct Parts<'a> {
    seed: Seed<'a>,
    nodes: Nodes<'a>,
}

impl<'de> Visitor<'de> for Parts<'_> {
    visitor!("all parts");

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Term, A::Error> {
        let mut items = Vec::new();
        let mut next = |node| match access.next_element_seed(self.seed.inner(node))? {
            Some(item) => {
                items.push(item);
                Ok(())
            }
            None => Err(A::Error::custom("a part is missing")),
        };
        match self.nodes {
            Nodes::Each(nodes) => nodes.iter().try_for_each(|&node| next(node))?,
            Nodes::Same(node, len) => (0..len).try_for_each(|_| next(node))?,
        }
        Ok(Term::List(items))
    }
}

struct EnumVisitor<'a>(Seed<'a>, &'a [Payload]);

impl<'de> Visitor<'de> for EnumVisitor<'_> {
    visitor!("an enum");

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Term, A::Error> {
        let (index, variant) = access.variant_seed(Index(self.1.len()))?;
        let parts = |nodes| Parts {
            seed: self.0,
            nodes: Nodes::Each(nodes),
        };
        let body = match &self.1[index] {
            Payload::Unit => variant.unit_variant().map(|()| Term::Nil)?,
            Payload::Newtype(inner) => variant.newtype_variant_seed(self.0.inner(*inner))?,
            Payload::Tuple(nodes) => variant.tuple_variant(nodes.len(), parts(nodes))?,
            Payload::Struct(nodes) => variant.struct_variant(names(nodes.len()), parts(nodes))?,
        };
        Ok(Term::List([Term::Int(index as i128), body].into()))
    }
}

/// A variant's index, below the number of variants.
struct Index(usize);

impl<'de> DeserializeSeed<'de> for Index {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Index {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a variant index below {}", self.0)
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<usize, E> {
        usize::try_from(index)
            .ok()
            .filter(|&index| index < self.0)
            .ok_or_else(|| E::custom(format!("variant index {index} of {}", self.0)))
    }
}
