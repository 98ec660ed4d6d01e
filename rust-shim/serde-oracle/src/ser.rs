//! Serialization of a plain value, call for call as serde's derive would do it.

use alloc::{boxed::Box, format, vec::Vec};

use serde::{
    ser::{
        Error, SerializeMap, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
    Serialize, Serializer,
};

use crate::{Node, Payload, Schema, Term, LIMIT, MAX_DEPTH};

/// A plain value and its type.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    schema: &'a Schema,
    node: usize,
    value: &'a Term,
    depth: usize,
}

impl<'a> Typed<'a> {
    /// A value of the schema's root type.
    pub fn new(schema: &'a Schema, value: &'a Term) -> Self {
        Self {
            schema,
            node: schema.root,
            value,
            depth: 0,
        }
    }

    fn inner(&self, node: usize, value: &'a Term) -> Self {
        Self {
            schema: self.schema,
            node,
            value,
            depth: self.depth + 1,
        }
    }

    fn mismatch<E: Error>(&self) -> E {
        E::custom(format!(
            "{:?} is no value of {:?}",
            self.value, self.schema.nodes[self.node]
        ))
    }

    fn int<T: TryFrom<i128>, E: Error>(&self) -> Result<T, E> {
        match self.value {
            Term::Int(value) => T::try_from(*value).map_err(|_| self.mismatch()),
            _ => Err(self.mismatch()),
        }
    }

    fn wide<E: Error>(&self) -> Result<[u8; 16], E> {
        match self.value {
            Term::Bytes(bytes) => bytes.as_slice().try_into().map_err(|_| self.mismatch()),
            _ => Err(self.mismatch()),
        }
    }

    fn items<E: Error>(&self) -> Result<&'a [Term], E> {
        match self.value {
            Term::List(items) => Ok(items),
            _ => Err(self.mismatch()),
        }
    }

    fn parts<E: Error>(&self, nodes: &[usize], value: &'a Term) -> Result<Vec<Self>, E> {
        match value {
            Term::List(items) if items.len() == nodes.len() => Ok(nodes
                .iter()
                .zip(items)
                .map(|(&node, item)| self.inner(node, item))
                .collect()),
            _ => Err(self.mismatch()),
        }
    }

    /// Numbers as a Vec, which some formats move whole.
    fn numbers<T: TryFrom<i128>, E: Error>(&self) -> Result<Vec<T>, E> {
        let Term::List(items) = self.value else {
            return Err(self.mismatch());
        };
        let number = |item: &Term| match item {
            Term::Int(value) => T::try_from(*value).map_err(|_| self.mismatch()),
            _ => Err(self.mismatch()),
        };
        items.iter().map(number).collect()
    }
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.depth > MAX_DEPTH {
            return Err(S::Error::custom(LIMIT));
        }
        match &self.schema.nodes[self.node] {
            Node::Bool => match self.value {
                Term::Bool(value) => serializer.serialize_bool(*value),
                _ => Err(self.mismatch()),
            },
            Node::U8 => serializer.serialize_u8(self.int()?),
            Node::U16 => serializer.serialize_u16(self.int()?),
            Node::U32 => serializer.serialize_u32(self.int()?),
            Node::U64 => serializer.serialize_u64(self.int()?),
            Node::U128 => serializer.serialize_u128(u128::from_le_bytes(self.wide()?)),
            Node::I8 => serializer.serialize_i8(self.int()?),
            Node::I16 => serializer.serialize_i16(self.int()?),
            Node::I32 => serializer.serialize_i32(self.int()?),
            Node::I64 => serializer.serialize_i64(self.int()?),
            Node::I128 => serializer.serialize_i128(i128::from_le_bytes(self.wide()?)),
            Node::F32 => serializer.serialize_f32(f32::from_bits(self.int()?)),
            Node::F64 => serializer.serialize_f64(f64::from_bits(self.int()?)),
            Node::Char => serializer.serialize_char(
                char::from_u32(self.int()?).ok_or_else(|| self.mismatch::<S::Error>())?,
            ),
            Node::Str => match self.value {
                Term::Str(text) => serializer.serialize_str(text),
                _ => Err(self.mismatch()),
            },
            Node::Bytes => match self.value {
                Term::Bytes(bytes) => serializer.serialize_bytes(bytes),
                _ => Err(self.mismatch()),
            },
            Node::Unit => serializer.serialize_unit(),
            Node::UnitStruct => serializer.serialize_unit_struct(""),
            Node::Option(inner) => match self.value {
                Term::Nil => serializer.serialize_none(),
                Term::List(items) if items.len() == 1 => {
                    serializer.serialize_some(&self.inner(*inner, &items[0]))
                }
                _ => Err(self.mismatch()),
            },
            Node::Newtype(inner) => {
                serializer.serialize_newtype_struct("", &self.inner(*inner, self.value))
            }
            Node::Seq(inner) => match self.schema.nodes[*inner] {
                Node::U8 => self.numbers::<u8, _>()?.serialize(serializer),
                Node::U32 => self.numbers::<u32, _>()?.serialize(serializer),
                Node::I32 => self.numbers::<i32, _>()?.serialize(serializer),
                Node::U64 => self.numbers::<u64, _>()?.serialize(serializer),
                Node::I64 => self.numbers::<i64, _>()?.serialize(serializer),
                _ => serializer
                    .collect_seq(self.items()?.iter().map(|item| self.inner(*inner, item))),
            },
            Node::Map(key, value) => {
                let pairs = self.items()?;
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for pair in pairs {
                    let parts = self.parts::<S::Error>(&[*key, *value], pair)?;
                    map.serialize_entry(&parts[0], &parts[1])?;
                }
                map.end()
            }
            Node::Tuple(nodes) => tuple(serializer, &self.parts(nodes, self.value)?),
            Node::Array(inner, len) => {
                let items = self.items()?;
                if items.len() != *len {
                    return Err(self.mismatch());
                }
                tuple(
                    serializer,
                    &items
                        .iter()
                        .map(|item| self.inner(*inner, item))
                        .collect::<Vec<_>>(),
                )
            }
            Node::TupleStruct(nodes) => {
                let mut compound = serializer.serialize_tuple_struct("", nodes.len())?;
                self.parts(nodes, self.value)?
                    .iter()
                    .try_for_each(|part| compound.serialize_field(part))?;
                compound.end()
            }
            Node::Struct(nodes) => {
                let mut compound = serializer.serialize_struct("", nodes.len())?;
                self.parts(nodes, self.value)?
                    .iter()
                    .try_for_each(|part| compound.serialize_field("", part))?;
                compound.end()
            }
            Node::Enum(variants) => self.variant(serializer, variants),
            Node::Pending => Err(self.mismatch()),
        }
    }
}

impl Typed<'_> {
    fn variant<S: Serializer>(
        &self,
        serializer: S,
        variants: &[Payload],
    ) -> Result<S::Ok, S::Error> {
        let [Term::Int(index), body] = self.items()? else {
            return Err(self.mismatch());
        };
        let payload = usize::try_from(*index)
            .ok()
            .and_then(|index| variants.get(index));
        let index = *index as u32;
        match payload.ok_or_else(|| self.mismatch::<S::Error>())? {
            Payload::Unit => serializer.serialize_unit_variant("", index, ""),
            Payload::Newtype(inner) => {
                serializer.serialize_newtype_variant("", index, "", &self.inner(*inner, body))
            }
            Payload::Tuple(nodes) => {
                let mut compound =
                    serializer.serialize_tuple_variant("", index, "", nodes.len())?;
                self.parts(nodes, body)?
                    .iter()
                    .try_for_each(|part| compound.serialize_field(part))?;
                compound.end()
            }
            Payload::Struct(nodes) => {
                let mut compound =
                    serializer.serialize_struct_variant("", index, "", nodes.len())?;
                self.parts(nodes, body)?
                    .iter()
                    .try_for_each(|part| compound.serialize_field("", part))?;
                compound.end()
            }
        }
    }
}

/// Not inlined into the recursion: its frame would be part of every level's.
#[inline(never)]
fn tuple<S: Serializer>(serializer: S, parts: &[Typed<'_>]) -> Result<S::Ok, S::Error> {
    let mut compound = serializer.serialize_tuple(parts.len())?;
    parts
        .iter()
        .try_for_each(|part| compound.serialize_element(part))?;
    compound.end()
}

/// serde wants names that live for ever; the formats look only at how many there are.
pub(crate) fn names(count: usize) -> &'static [&'static str] {
    const SOME: &[&str] = &[""; 64];
    SOME.get(..count)
        .unwrap_or_else(|| Box::leak(alloc::vec![""; count].into_boxed_slice()))
}
