//! What a type looks like on the wire in one format, as a tree that encoder and decoder walk.
//!
//! Python describes a type by nested tuples, as ("int", 64, False) or ("seq", ITEM, length or None, "list"). Here is decided
//! what the format makes of it: in the packed format a u8 or bool inside a sequence, tuple or struct takes a byte, and
//! the outermost of these ends at a word.

use crate::object::{class_of, text_of, Owned, Stop};
use crate::python::{known, PyLong_AsLongLong, PyTuple_GetItem, PyTuple_Size, Raw};

/// Types nested deeper than this are left to the general path, which does not use the machine's stack.
const MAX_DEPTH: usize = 64;

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
    Option {
        some: Box<Node>,
    },
    Seq {
        item: Box<Node>,
        length: Option<usize>,
        tuple: bool,
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
}

/// A dataclass: its fields in order.
pub struct Shape {
    pub class: Owned,
    pub names: Vec<Owned>,
    pub fields: Vec<Node>,
    /// Whether storing the fields does what the constructor does.
    pub direct: bool,
}

/// Reads the description of a type. `Stop` where it holds something that only the general path knows.
///
/// # Safety
/// `tuple` must be a live object and the caller hold the interpreter's lock.
pub unsafe fn read(tuple: Raw, packed: bool) -> Result<Node, Stop> {
    // SAFETY: by this function's contract.
    unsafe { Reader { packed }.node(tuple, false, 0) }
}

struct Reader {
    packed: bool,
}

impl Reader {
    /// `nested`: inside a sequence, tuple or struct.
    unsafe fn node(&self, tuple: Raw, nested: bool, depth: usize) -> Result<Node, Stop> {
        if depth > MAX_DEPTH {
            return Err(Stop);
        }
        let (packed, close) = (self.packed, self.packed && !nested);
        let thin = packed && nested;
        // SAFETY: the items of a live tuple live, and each is asked what it is before it is used.
        unsafe {
            let item = |index| item(tuple, index);
            Ok(match text(item(0)?)? {
                "int" => match (number(item(1)?)? as u32, truth(item(2)?)) {
                    (8, false) if thin => Node::Byte,
                    (128, signed) => Node::Wide { signed },
                    (bits, signed) => Node::Int { bits, signed },
                },
                "bool" => Node::Bool { byte: thin },
                "float" if number(item(1)?)? == 32 => Node::Float32,
                "float" => Node::Float64,
                "char" => Node::Char,
                "unit" => Node::Unit,
                "str" => Node::Text { bytes: false },
                "serde_bytes" => Node::Text { bytes: true },
                "bytes" => Node::Octets {
                    length: length(item(1)?)?,
                    thin: packed,
                    close,
                },
                "option" => Node::Option {
                    some: Box::new(self.node(item(1)?, nested, depth + 1)?),
                },
                "seq" => {
                    let inner = self.node(item(1)?, true, depth + 1)?;
                    let least = inner.least_size();
                    if least == 0 {
                        return Err(Stop);
                    }
                    let tuple = text(item(3)?)? == "tuple";
                    Node::Seq {
                        item: Box::new(inner),
                        length: length(item(2)?)?,
                        tuple,
                        least,
                        close,
                    }
                }
                "tuple" => Node::Tuple {
                    items: self.nodes(item(1)?, true, depth)?,
                    close,
                },
                "struct" => {
                    let level = truth(item(5)?);
                    Node::Struct {
                        shape: self.shape(tuple, nested || level, depth)?,
                        close: close && level,
                    }
                }
                "members" => Node::Members(
                    items(item(1)?)?
                        .map(|member| Owned::share(member?))
                        .collect::<Result<_, _>>()?,
                ),
                "enum" => {
                    let variant = |variant: Result<Raw, Stop>| {
                        let variant = variant?;
                        let level = truth(self::item(variant, 5)?);
                        Ok((self.shape(variant, nested || level, depth)?, close && level))
                    };
                    Node::Enum(items(item(1)?)?.map(variant).collect::<Result<_, _>>()?)
                }
                _ => return Err(Stop),
            })
        }
    }

    /// ("struct", class, names, fields, direct, whether it is a level of its own).
    unsafe fn shape(&self, tuple: Raw, nested: bool, depth: usize) -> Result<Shape, Stop> {
        // SAFETY: as in `node`.
        unsafe {
            Ok(Shape {
                class: Owned::share(item(tuple, 1)?)?,
                names: items(item(tuple, 2)?)?
                    .map(|name| Owned::share(name?))
                    .collect::<Result<_, _>>()?,
                fields: self.nodes(item(tuple, 3)?, nested, depth)?,
                direct: truth(item(tuple, 4)?),
            })
        }
    }

    unsafe fn nodes(&self, tuple: Raw, nested: bool, depth: usize) -> Result<Vec<Node>, Stop> {
        // SAFETY: as in `node`.
        unsafe {
            items(tuple)?
                .map(|inner| self.node(inner?, nested, depth + 1))
                .collect()
        }
    }
}

impl Node {
    /// The fewest bytes that a value takes.
    fn least_size(&self) -> usize {
        let all = |nodes: &[Node]| nodes.iter().map(Node::least_size).sum();
        match self {
            Node::Unit => 0,
            Node::Byte | Node::Bool { byte: true } => 1,
            Node::Int { bits: 64, .. } | Node::Float64 => 8,
            Node::Wide { .. } => 16,
            Node::Octets {
                length: Some(length),
                thin,
                ..
            } => length * if *thin { 1 } else { 4 },
            Node::Seq {
                least,
                length: Some(length),
                ..
            } => length.saturating_mul(*least),
            Node::Tuple { items, .. } => all(items),
            Node::Struct { shape, .. } => all(&shape.fields),
            _ => 4,
        }
    }
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
    usize::try_from(unsafe { PyLong_AsLongLong(object) }).map_err(|_| Stop)
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
