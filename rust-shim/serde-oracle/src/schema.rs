//! Descriptors, parsed.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use crate::Term;

/// A type: nodes that name each other by index, so that a type can contain itself.
#[derive(Debug)]
pub struct Schema {
    pub nodes: Vec<Node>,
    pub root: usize,
}

/// One type; numbers are indices of other nodes.
#[derive(Clone, Debug)]
pub enum Node {
    Bool,
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Unit,
    Option(usize),
    Seq(usize),
    Map(usize, usize),
    Tuple(Vec<usize>),
    Array(usize, usize),
    Struct(Vec<usize>),
    Newtype(usize),
    TupleStruct(Vec<usize>),
    UnitStruct,
    Enum(Vec<Payload>),
    /// A named type whose parts are not parsed yet.
    Pending,
}

/// What a variant carries.
#[derive(Clone, Debug)]
pub enum Payload {
    Unit,
    Newtype(usize),
    Tuple(Vec<usize>),
    Struct(Vec<usize>),
}

impl Schema {
    /// Parses a descriptor; the error says which part of it makes no sense.
    pub fn parse(descriptor: &Term) -> Result<Self, String> {
        let mut parser = Parser {
            nodes: Vec::new(),
            names: BTreeMap::new(),
        };
        let root = parser.node(descriptor)?;
        Ok(Self {
            nodes: parser.nodes,
            root,
        })
    }
}

struct Parser<'a> {
    nodes: Vec<Node>,
    names: BTreeMap<&'a str, usize>,
}

impl<'a> Parser<'a> {
    fn node(&mut self, term: &'a Term) -> Result<usize, String> {
        let items = list(term)?;
        let kind = text(items.first().ok_or("an empty descriptor")?)?;
        let node = match (kind, &items[1..]) {
            ("bool", []) => Node::Bool,
            ("u8", []) => Node::U8,
            ("u16", []) => Node::U16,
            ("u32", []) => Node::U32,
            ("u64", []) => Node::U64,
            ("u128", []) => Node::U128,
            ("i8", []) => Node::I8,
            ("i16", []) => Node::I16,
            ("i32", []) => Node::I32,
            ("i64", []) => Node::I64,
            ("i128", []) => Node::I128,
            ("f32", []) => Node::F32,
            ("f64", []) => Node::F64,
            ("char", []) => Node::Char,
            ("str", []) => Node::Str,
            ("bytes", []) => Node::Bytes,
            ("unit", []) => Node::Unit,
            ("option", [inner]) => Node::Option(self.node(inner)?),
            ("seq", [inner]) => Node::Seq(self.node(inner)?),
            ("map", [key, value]) => Node::Map(self.node(key)?, self.node(value)?),
            ("tuple", [parts]) => Node::Tuple(self.nodes(parts)?),
            ("array", [inner, Term::Int(len)]) => {
                let len = usize::try_from(*len).map_err(|_| format!("an array of {len}"))?;
                Node::Array(self.node(inner)?, len)
            }
            ("ref", [name]) => {
                let name = text(name)?;
                return self
                    .names
                    .get(name)
                    .copied()
                    .ok_or_else(|| format!("a ref to {name}, which is no type"));
            }
            ("unit_struct", [_name]) => Node::UnitStruct,
            ("struct" | "newtype" | "tuple_struct" | "enum", [name, body]) => {
                return self.named(kind, text(name)?, body)
            }
            _ => return Err(format!("no such descriptor: {term:?}")),
        };
        Ok(self.add(node))
    }

    fn named(&mut self, kind: &str, name: &'a str, body: &'a Term) -> Result<usize, String> {
        let index = self.add(Node::Pending);
        self.names.insert(name, index);
        self.nodes[index] = match kind {
            "struct" => Node::Struct(self.fields(body)?),
            "newtype" => Node::Newtype(self.node(body)?),
            "tuple_struct" => Node::TupleStruct(self.nodes(body)?),
            _ => Node::Enum(
                list(body)?
                    .iter()
                    .map(|variant| self.variant(variant))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(index)
    }

    fn variant(&mut self, term: &'a Term) -> Result<Payload, String> {
        let [_name, kind, body] = list(term)? else {
            return Err(format!("a variant is [name, kind, payload], not {term:?}"));
        };
        Ok(match text(kind)? {
            "unit" => Payload::Unit,
            "newtype" => Payload::Newtype(self.node(body)?),
            "tuple" => Payload::Tuple(self.nodes(body)?),
            "struct" => Payload::Struct(self.fields(body)?),
            other => return Err(format!("no such kind of variant: {other}")),
        })
    }

    fn nodes(&mut self, term: &'a Term) -> Result<Vec<usize>, String> {
        list(term)?.iter().map(|part| self.node(part)).collect()
    }

    fn fields(&mut self, term: &'a Term) -> Result<Vec<usize>, String> {
        list(term)?
            .iter()
            .map(|field| match list(field)? {
                [_name, part] => self.node(part),
                _ => Err(format!("a field is [name, type], not {field:?}")),
            })
            .collect()
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

fn list(term: &Term) -> Result<&[Term], String> {
    match term {
        Term::List(items) => Ok(items),
        other => Err(format!("expected a list, found {other:?}")),
    }
}

fn text(term: &Term) -> Result<&str, String> {
    match term {
        Term::Str(text) => Ok(text),
        other => Err(format!("expected a name, found {other:?}")),
    }
}
