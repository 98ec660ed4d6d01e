//! The order of keys: bytes that compare as Rust's derived `Ord` compares the values they were made of.
//!
//! Numbers are written with the high byte first and the sign flipped; what has no fixed length ends with a byte that is
//! below all that could go on. So the bytes of one value are never the beginning of another's, and rows of them compare
//! part by part.

use crate::exact::{boolean, character, is_a, is_exactly, octets, signed, unsigned, utf8, wide};
use crate::object::{class_of, Owned, Stop};
use crate::plan::{Node, Numbers, Plan, Shape};
use crate::python::{
    known, PyList_GetItem, PyList_Size, PyObject_GetAttr, PySequence_List, PyTuple_GetItem,
    PyTuple_Size, Raw,
};
use crate::stack::Stack;

const END: u8 = 0;
const ONE_MORE: u8 = 1;

pub struct Ranker<'a> {
    pub plan: &'a Plan,
    pub stack: Stack,
}

impl Ranker<'_> {
    /// Adds the rank of a key. `Stop` where the key is none of the node's.
    ///
    /// # Safety
    /// `value` must be an object that lives through the call, and the caller hold the interpreter's lock.
    pub unsafe fn add(&self, node: &Node, value: Raw, rank: &mut Vec<u8>) -> Result<(), Stop> {
        self.stack.check()?;
        // SAFETY: `value` lives; each object is asked its class before it is used as one of it.
        unsafe {
            match node {
                Node::Int {
                    bits,
                    signed: false,
                } => rank.extend(unsigned(value, *bits)?.to_be_bytes()),
                Node::Int { bits, signed: true } => {
                    rank.extend((signed(value, *bits)? ^ i64::MIN).to_be_bytes());
                }
                Node::Byte => rank.push(unsigned(value, 8)? as u8),
                Node::Wide { signed } => {
                    let (low, high) = wide(value, *signed)?;
                    let sign = if *signed { 1 << 63 } else { 0 };
                    rank.extend((high ^ sign).to_be_bytes());
                    rank.extend(low.to_be_bytes());
                }
                Node::Bool { .. } => rank.push(boolean(value)?.into()),
                Node::Char => rank.extend(u32::from(character(value)?).to_be_bytes()),
                Node::Unit if value == known().none => {}
                Node::Text { bytes: false } => text(utf8(value)?, rank),
                Node::Text { bytes: true } => text(octets(value).ok_or(Stop)?, rank),
                Node::Octets { length, .. } => {
                    let data = octets(value).ok_or(Stop)?;
                    if length.is_some_and(|length| length != data.len()) {
                        return Err(Stop);
                    }
                    text(data, rank);
                }
                Node::Digest => {
                    let (words, rest) = octets(value).ok_or(Stop)?.as_chunks::<4>();
                    if words.len() != 8 || !rest.is_empty() {
                        return Err(Stop);
                    }
                    rank.extend(words.iter().flat_map(|word| word.iter().rev()));
                }
                Node::Option { some } => {
                    if value == known().none {
                        rank.push(END);
                    } else {
                        rank.push(ONE_MORE);
                        self.add(some, value, rank)?;
                    }
                }
                Node::Numbers(Numbers {
                    code, size, length, ..
                }) => {
                    let item = number(*code, *size)?;
                    self.row(&item, *length, value, rank)?;
                }
                Node::Seq { item, length, .. } => self.row(item, *length, value, rank)?,
                Node::Set { item, .. } => {
                    if !is_a(value, known().set) && !is_a(value, known().frozenset) {
                        return Err(Stop);
                    }
                    let items = Owned::new(PySequence_List(value))?;
                    let mut ranks = (0..PyList_Size(items.raw()))
                        .map(|index| {
                            let mut rank = Vec::new();
                            self.add(item, PyList_GetItem(items.raw(), index), &mut rank)?;
                            Ok(rank)
                        })
                        .collect::<Result<Vec<_>, Stop>>()?;
                    ranks.sort();
                    for item in ranks {
                        rank.push(ONE_MORE);
                        rank.extend(item);
                    }
                    rank.push(END);
                }
                Node::Tuple { items, .. } => {
                    is_exactly(value, known().tuple)?;
                    if PyTuple_Size(value) as usize != items.len() {
                        return Err(Stop);
                    }
                    for (index, item) in items.iter().enumerate() {
                        self.add(item, PyTuple_GetItem(value, index as isize), rank)?;
                    }
                }
                Node::Struct { shape, .. } => {
                    is_exactly(value, shape.class.raw())?;
                    self.fields(shape, value, rank)?;
                }
                Node::Members(members) => {
                    let index = members.iter().position(|member| member.raw() == value);
                    rank.extend((index.ok_or(Stop)? as u32).to_be_bytes());
                }
                Node::Enum(variants) => {
                    let class = class_of(value);
                    let index = variants
                        .iter()
                        .position(|(shape, _)| shape.class.raw() == class)
                        .ok_or(Stop)?;
                    rank.extend((index as u32).to_be_bytes());
                    self.fields(&variants[index].0, value, rank)?;
                }
                Node::Use { definition, .. } => {
                    self.add(&self.plan.definitions[*definition], value, rank)?;
                }
                Node::Unit | Node::Float32 | Node::Float64 | Node::Map { .. } => return Err(Stop),
            }
        }
        Ok(())
    }

    unsafe fn row(
        &self,
        item: &Node,
        length: Option<usize>,
        value: Raw,
        rank: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        // SAFETY: `value` lives by the callers' contract, and is a tuple where it is taken for one.
        unsafe {
            is_exactly(value, known().tuple)?;
            let count = PyTuple_Size(value);
            if length.is_some_and(|length| length != count as usize) {
                return Err(Stop);
            }
            for index in 0..count {
                rank.push(ONE_MORE);
                self.add(item, PyTuple_GetItem(value, index), rank)?;
            }
        }
        rank.push(END);
        Ok(())
    }

    unsafe fn fields(&self, shape: &Shape, value: Raw, rank: &mut Vec<u8>) -> Result<(), Stop> {
        for (name, field) in shape.names.iter().zip(&shape.fields) {
            // SAFETY: `value` lives by the callers' contract, and the reference to its part is ours meanwhile.
            unsafe {
                let inner = Owned::new(PyObject_GetAttr(value, name.raw()))?;
                self.add(field, inner.raw(), rank)?;
            }
        }
        Ok(())
    }
}

/// A zero in the data is followed by the highest byte, so that it is above the end.
fn text(data: &[u8], rank: &mut Vec<u8>) {
    for (index, part) in data.split(|&byte| byte == 0).enumerate() {
        if index > 0 {
            rank.extend([0, u8::MAX]);
        }
        rank.extend_from_slice(part);
    }
    rank.extend([0, END]);
}

/// The node of a number in a run; a float has no order.
fn number(code: u8, size: usize) -> Result<Node, Stop> {
    Ok(match code {
        b'?' => Node::Bool { byte: false },
        b'f' | b'd' => return Err(Stop),
        _ => Node::Int {
            bits: 8 * size as u32,
            signed: code.is_ascii_lowercase(),
        },
    })
}
