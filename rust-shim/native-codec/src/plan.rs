//! What a type looks like on the wire in one format, as trees that encoder and decoder walk.
//!
//! Python describes a type by nested tuples, as ("Int", 64, False) or ("Seq", ITEM, ("list", MAKE)). This module decides
//! what the format makes of it: in the packed format a u8 or bool inside a sequence, tuple or struct takes a byte, and
//! the outermost of these ends at a word.

use std::collections::HashMap;

use crate::object::{class_of, text_of, Owned, Stop};
use crate::python::{known, PyLong_AsLong, PyTuple_GetItem, PyTuple_Size, Raw};
use crate::stack::Stack;

/// The size of a value of a type that is still being read: those contain themselves only behind a tag or a length.
const WORD: usize = 4;

/// A type in one format.
pub struct Plan {
    pub root: Node,
    /// Structs and enums that are used more than once, or in themselves.
    pub definitions: Vec<Node>,
}

/// Where the value of a node comes from or goes to, in words and bytes.
pub enum Node {
    /// An integer of 8 to 64 bits in one word or two.
    Int {
        bits: u32,
        signed: bool,
    },
    /// An integer of 128 bits in four words.
    Wide {
        signed: bool,
    },
    /// A packed u8.
    Byte,
    /// A bool; `byte` where it is packed.
    Bool {
        byte: bool,
    },
    Float32,
    Float64,
    Char,
    Unit,
    /// A length in bytes, the bytes, and zeros up to the next word: a str, or a serde byte string.
    Text {
        bytes: bool,
    },
    /// A Vec or array of u8; `thin` where they are packed.
    Octets {
        length: Option<usize>,
        thin: bool,
        close: bool,
    },
    /// A digest of eight words, held as its 32 bytes.
    Digest,
    Option {
        some: Box<Node>,
    },
    /// A Vec or array of numbers that a buffer can hold.
    Numbers(Numbers),
    Seq {
        item: Box<Node>,
        length: Option<usize>,
        tuple: bool,
        least: usize,
        close: bool,
    },
    Set {
        item: Box<Node>,
        ordered: bool,
        frozen: bool,
        least: usize,
        close: bool,
    },
    Map {
        key: Box<Node>,
        value: Box<Node>,
        ordered: bool,
        least: usize,
        close: bool,
    },
    Tuple {
        items: Vec<Node>,
        close: bool,
    },
    Struct {
        shape: Shape,
        close: bool,
    },
    /// A plain enum: its members in order.
    Members(Vec<Owned>),
    /// An enum of dataclasses.
    Enum(Vec<(Shape, bool)>),
    /// A definition; `again` where this is a use of it in itself, which counts as a level of nesting.
    Use {
        definition: usize,
        again: bool,
    },
}

/// The numbers of a run: how a buffer of them calls them, as `struct` does, is their `code`.
pub struct Numbers {
    pub code: u8,
    /// Bytes of a number in a buffer.
    pub size: usize,
    /// Bytes of a number on the wire: a word or two, or a byte where they are packed.
    pub width: usize,
    pub length: Option<usize>,
    pub container: Container,
    /// Makes the container of a buffer of the numbers.
    pub fill: Owned,
    pub close: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Container {
    List,
    Tuple,
    Other,
}

/// A dataclass: its fields in order.
pub struct Shape {
    pub class: Owned,
    pub names: Vec<Owned>,
    pub fields: Vec<Node>,
    /// Whether storing the fields does what the constructor does.
    pub direct: bool,
}

/// Reads the description of a type: (root, definitions). `Stop` where it is nested too deep, or is none.
///
/// # Safety
/// `description` must be a live object and the caller hold the interpreter's lock.
pub unsafe fn read(description: Raw, packed: bool) -> Result<Plan, Stop> {
    // SAFETY: by this function's contract; the items of a live tuple live.
    unsafe {
        let mut reader = Reader {
            packed,
            stack: Stack::new(),
            source: items(item(description, 1)?)?.collect::<Result<_, _>>()?,
            known: HashMap::new(),
            definitions: Vec::new(),
            sizes: Vec::new(),
        };
        let root = reader.node(item(description, 0)?, false)?;
        let definitions = reader.definitions.into_iter().collect::<Option<_>>();
        Ok(Plan {
            root,
            definitions: definitions.ok_or(Stop)?,
        })
    }
}

struct Reader {
    packed: bool,
    stack: Stack,
    /// The descriptions of the definitions.
    source: Vec<Raw>,
    /// Which definition is which description, inside a sequence, tuple or struct or not.
    known: HashMap<(usize, bool), usize>,
    /// None while it is being read.
    definitions: Vec<Option<Node>>,
    /// The fewest bytes that a value of each takes.
    sizes: Vec<usize>,
}

impl Reader {
    /// `nested`: inside a sequence, tuple or struct.
    unsafe fn node(&mut self, tuple: Raw, nested: bool) -> Result<Node, Stop> {
        self.stack.check()?;
        let (packed, close) = (self.packed, self.packed && !nested);
        let thin = packed && nested;
        // SAFETY: the items of a live tuple live, and each is asked what it is before it is used.
        unsafe {
            let item = |index| item(tuple, index);
            Ok(match text(item(0)?)? {
                "Int" => match (number(item(1)?)? as u32, truth(item(2)?)) {
                    (8, false) if thin => Node::Byte,
                    (128, signed) => Node::Wide { signed },
                    (bits, signed) => Node::Int { bits, signed },
                },
                "Bool" => Node::Bool { byte: thin },
                "Float" if number(item(1)?)? == 32 => Node::Float32,
                "Float" => Node::Float64,
                "Char" => Node::Char,
                "Unit" => Node::Unit,
                "Str" => Node::Text { bytes: false },
                "Bytes" if truth(item(2)?) => Node::Text { bytes: true },
                "Bytes" => Node::Octets {
                    length: length(item(1)?)?,
                    thin: packed,
                    close,
                },
                "Digest" => Node::Digest,
                "Option" => {
                    let some = self.node(item(1)?, nested)?;
                    let some = if truth(item(2)?) {
                        let shape = Shape {
                            class: Owned::share(known().some)?,
                            names: vec![Owned::share(known().value)?],
                            fields: vec![some],
                            direct: false,
                        };
                        Node::Struct {
                            shape,
                            close: false,
                        }
                    } else {
                        some
                    };
                    Node::Option {
                        some: Box::new(some),
                    }
                }
                "Seq" => self.sequence(item(1)?, None, item(2)?, close)?,
                "Array" => self.sequence(item(1)?, length(item(2)?)?, item(3)?, close)?,
                "Set" => {
                    let inner = self.node(item(1)?, true)?;
                    Node::Set {
                        least: self.least_size(&inner),
                        item: Box::new(inner),
                        ordered: truth(item(2)?),
                        frozen: truth(item(3)?),
                        close,
                    }
                }
                "Map" => {
                    let key = self.node(item(1)?, true)?;
                    let value = self.node(item(2)?, true)?;
                    Node::Map {
                        least: self
                            .least_size(&key)
                            .saturating_add(self.least_size(&value)),
                        key: Box::new(key),
                        value: Box::new(value),
                        ordered: truth(item(3)?),
                        close,
                    }
                }
                "Tuple" => Node::Tuple {
                    items: self.nodes(item(1)?, true)?,
                    close,
                },
                "Struct" => {
                    let level = truth(self::item(item(1)?, 4)?);
                    Node::Struct {
                        shape: self.shape(item(1)?, nested || level)?,
                        close: close && level,
                    }
                }
                "Members" => Node::Members(
                    items(item(1)?)?
                        .map(|member| Owned::share(member?))
                        .collect::<Result<_, _>>()?,
                ),
                "Enum" => {
                    let mut variants = Vec::new();
                    for variant in items(item(1)?)? {
                        let variant = variant?;
                        let level = truth(self::item(variant, 4)?);
                        let shape = self.shape(variant, nested || level)?;
                        variants.push((shape, close && level));
                    }
                    Node::Enum(variants)
                }
                "Use" => {
                    let index = number(item(1)?)?;
                    let definition = match self.known.get(&(index, nested)) {
                        Some(&definition) => definition,
                        None => self.define(index, nested)?,
                    };
                    Node::Use {
                        definition,
                        again: truth(item(2)?),
                    }
                }
                _ => return Err(Stop),
            })
        }
    }

    unsafe fn define(&mut self, index: usize, nested: bool) -> Result<usize, Stop> {
        let definition = self.definitions.len();
        self.known.insert((index, nested), definition);
        self.definitions.push(None);
        self.sizes.push(WORD);
        let source = *self.source.get(index).ok_or(Stop)?;
        // SAFETY: as in `node`.
        let node = unsafe { self.node(source, nested)? };
        self.sizes[definition] = self.least_size(&node);
        self.definitions[definition] = Some(node);
        Ok(definition)
    }

    /// A Vec or array; `container` is (name, function that fills one from a buffer or None).
    unsafe fn sequence(
        &mut self,
        tuple: Raw,
        length: Option<usize>,
        container: Raw,
        close: bool,
    ) -> Result<Node, Stop> {
        // SAFETY: as in `node`.
        unsafe {
            let inner = self.node(tuple, true)?;
            let name = text(item(container, 0)?)?;
            if let Some((code, size)) = run_of(&inner) {
                return Ok(Node::Numbers(Numbers {
                    code,
                    size,
                    width: self.least_size(&inner),
                    length,
                    container: match name {
                        "list" => Container::List,
                        "tuple" => Container::Tuple,
                        _ => Container::Other,
                    },
                    fill: Owned::share(item(container, 1)?)?,
                    close,
                }));
            }
            Ok(Node::Seq {
                least: self.least_size(&inner),
                item: Box::new(inner),
                length,
                tuple: name == "tuple",
                close,
            })
        }
    }

    /// (class, names, fields, direct, whether it is a level of its own).
    unsafe fn shape(&mut self, tuple: Raw, nested: bool) -> Result<Shape, Stop> {
        // SAFETY: as in `node`.
        unsafe {
            Ok(Shape {
                class: Owned::share(item(tuple, 0)?)?,
                names: items(item(tuple, 1)?)?
                    .map(|name| Owned::share(name?))
                    .collect::<Result<_, _>>()?,
                fields: self.nodes(item(tuple, 2)?, nested)?,
                direct: truth(item(tuple, 3)?),
            })
        }
    }

    unsafe fn nodes(&mut self, tuple: Raw, nested: bool) -> Result<Vec<Node>, Stop> {
        // SAFETY: as in `node`.
        unsafe {
            items(tuple)?
                .map(|inner| self.node(inner?, nested))
                .collect()
        }
    }

    /// The fewest bytes that a value takes; 0 exactly where no value takes any.
    fn least_size(&self, node: &Node) -> usize {
        let all = |nodes: &[Node]| {
            nodes
                .iter()
                .map(|node| self.least_size(node))
                .fold(0, usize::saturating_add)
        };
        match node {
            Node::Unit => 0,
            Node::Byte | Node::Bool { byte: true } => 1,
            Node::Int { bits: 64, .. } | Node::Float64 => 8,
            Node::Wide { .. } => 16,
            Node::Digest => 32,
            Node::Octets {
                length: Some(length),
                thin,
                ..
            } => length.saturating_mul(if *thin { 1 } else { WORD }),
            Node::Numbers(Numbers {
                width,
                length: Some(length),
                ..
            }) => length.saturating_mul(*width),
            Node::Seq {
                least,
                length: Some(length),
                ..
            } => length.saturating_mul(*least),
            Node::Tuple { items, .. } => all(items),
            Node::Struct { shape, .. } => all(&shape.fields),
            Node::Use { definition, .. } => self.sizes[*definition],
            _ => WORD,
        }
    }
}

/// The code of a number in a buffer, and its size there; None for what is no such number.
fn run_of(node: &Node) -> Option<(u8, usize)> {
    Some(match node {
        Node::Byte => (b'B', 1),
        Node::Bool { .. } => (b'?', 1),
        Node::Float32 => (b'f', 4),
        Node::Float64 => (b'd', 8),
        Node::Int { bits, signed } => {
            let code = match bits {
                8 => b'b',
                16 => b'h',
                32 => b'i',
                _ => b'q',
            };
            let case = if *signed { 0 } else { b'a' - b'A' };
            (code - case, *bits as usize / 8)
        }
        _ => return None,
    })
}

unsafe fn items(tuple: Raw) -> Result<impl Iterator<Item = Result<Raw, Stop>>, Stop> {
    // SAFETY: `tuple` is a live object by the callers' contract.
    if unsafe { class_of(tuple) } != known().tuple {
        return Err(Stop);
    }
    // SAFETY: it is a tuple.
    let size = unsafe { PyTuple_Size(tuple) };
    // SAFETY: as above.
    Ok((0..size).map(move |index| unsafe { item(tuple, index) }))
}

/// An item of a tuple, which goes on owning it.
unsafe fn item(tuple: Raw, index: isize) -> Result<Raw, Stop> {
    // SAFETY: `tuple` is a live object; CPython refuses what is no tuple and an index past the end.
    let item = unsafe { PyTuple_GetItem(tuple, index) };
    if item.is_null() {
        Err(Stop)
    } else {
        Ok(item)
    }
}

unsafe fn text<'a>(object: Raw) -> Result<&'a str, Stop> {
    // SAFETY: the callers' object lives, and CPython refuses what is no str.
    unsafe { text_of(object) }
}

unsafe fn number(object: Raw) -> Result<usize, Stop> {
    // SAFETY: the callers' object lives, and CPython refuses what is no int.
    usize::try_from(unsafe { PyLong_AsLong(object) }).map_err(|_| Stop)
}

fn truth(object: Raw) -> bool {
    object == known().r#true
}

/// A length, or None.
unsafe fn length(object: Raw) -> Result<Option<usize>, Stop> {
    if object == known().none {
        return Ok(None);
    }
    // SAFETY: as for `number`.
    unsafe { number(object) }.map(Some)
}
