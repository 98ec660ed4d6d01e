//! A polynomial as a graph of base elements: equal values are one node, and constants are folded.

use std::collections::HashMap;

use risc0_zkp::field::baby_bear::BabyBearElem;

use crate::program::Weight;
use crate::vectors::P;

pub type Id = u32;

/// An extension element's components. A base element's last three are zero.
pub type Element = [Id; 4];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// In Montgomery form.
    Constant(u32),
    Global {
        arg: usize,
        offset: usize,
    },
    Tap(usize),
    Add(Id, Id),
    Sub(Id, Id),
    Mul(Id, Id),
    /// A component of what a group computes.
    Part {
        group: u32,
        component: u8,
    },
}

/// What computes four nodes together.
pub enum Group {
    Product(Element, Element),
    Sum(Vec<Term>),
}

pub struct Term {
    pub value: Id,
    pub weight: Weight,
}

pub struct Graph {
    /// Each after those it is made of.
    pub nodes: Vec<Node>,
    pub groups: Vec<Group>,
    /// Whether a node is the same in every row.
    uniform: Vec<bool>,
    ids: HashMap<Node, Id>,
    products: HashMap<(Element, Element), Element>,
}

const ZERO: Id = 0;
const ONE: Id = 1;

impl Default for Graph {
    fn default() -> Self {
        let mut graph = Self {
            nodes: Vec::new(),
            groups: Vec::new(),
            uniform: Vec::new(),
            ids: HashMap::new(),
            products: HashMap::new(),
        };
        for (id, value) in [(ZERO, 0), (ONE, 1)] {
            let constant = graph.constant(BabyBearElem::new(value));
            assert_eq!(constant, id, "the first nodes are zero and one");
        }
        graph
    }
}

impl Graph {
    pub fn zero(&self) -> Id {
        ZERO
    }

    pub fn is_uniform(&self, id: Id) -> bool {
        self.uniform[id as usize]
    }

    pub fn node(&mut self, node: Node) -> Id {
        if let Some(&id) = self.ids.get(&node) {
            return id;
        }
        let uniform = match node {
            Node::Constant(_) | Node::Global { .. } => true,
            Node::Tap(_) | Node::Part { .. } => false,
            Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) => {
                self.is_uniform(a) && self.is_uniform(b)
            }
        };
        let id = Id::try_from(self.nodes.len()).expect("fewer than 2^32 nodes");
        self.nodes.push(node);
        self.uniform.push(uniform);
        self.ids.insert(node, id);
        id
    }

    pub fn base(&mut self, node: Node) -> Element {
        [self.node(node), ZERO, ZERO, ZERO]
    }

    pub fn add(&mut self, a: Element, b: Element) -> Element {
        std::array::from_fn(|i| self.add_base(a[i], b[i]))
    }

    pub fn sub(&mut self, a: Element, b: Element) -> Element {
        std::array::from_fn(|i| self.sub_base(a[i], b[i]))
    }

    /// The product modulo x^4 + 11.
    pub fn mul(&mut self, a: Element, b: Element) -> Element {
        let size = |element: Element| element.iter().filter(|&&id| id != ZERO).count();
        let uniform = a.iter().chain(&b).all(|&id| self.is_uniform(id));
        if size(a) * size(b) > 8 && !uniform {
            return self.product(a, b);
        }
        let minus_eleven = self.constant(BabyBearElem::new(P - 11));
        let mut result = [ZERO; 4];
        let mut wrapped = [ZERO; 4];
        for (i, &x) in a.iter().enumerate() {
            for (j, &y) in b.iter().enumerate() {
                let product = self.mul_base(x, y);
                let sum = if i + j < 4 { &mut result } else { &mut wrapped };
                sum[(i + j) % 4] = self.add_base(sum[(i + j) % 4], product);
            }
        }
        std::array::from_fn(|i| {
            let wrapped = self.mul_base(minus_eleven, wrapped[i]);
            self.add_base(result[i], wrapped)
        })
    }

    fn product(&mut self, a: Element, b: Element) -> Element {
        let (a, b) = (a.min(b), a.max(b));
        if let Some(&product) = self.products.get(&(a, b)) {
            return product;
        }
        let product = self.group(Group::Product(a, b));
        self.products.insert((a, b), product);
        product
    }

    pub fn sum(&mut self, terms: Vec<Term>) -> Element {
        if terms.is_empty() {
            return [ZERO; 4];
        }
        self.group(Group::Sum(terms))
    }

    fn group(&mut self, group: Group) -> Element {
        let index = u32::try_from(self.groups.len()).expect("fewer than 2^32 groups");
        self.groups.push(group);
        [0, 1, 2, 3].map(|component| {
            self.node(Node::Part {
                group: index,
                component,
            })
        })
    }

    fn constant(&mut self, value: BabyBearElem) -> Id {
        self.node(Node::Constant(value.as_u32_montgomery()))
    }

    /// Two constants.
    fn constants(&self, a: Id, b: Id) -> Option<(BabyBearElem, BabyBearElem)> {
        match (self.nodes[a as usize], self.nodes[b as usize]) {
            (Node::Constant(a), Node::Constant(b)) => {
                Some((BabyBearElem::new_raw(a), BabyBearElem::new_raw(b)))
            }
            _ => None,
        }
    }

    fn add_base(&mut self, a: Id, b: Id) -> Id {
        match (a, b, self.constants(a, b)) {
            (_, _, Some((a, b))) => self.constant(a + b),
            (ZERO, other, _) | (other, ZERO, _) => other,
            _ => self.node(Node::Add(a.min(b), a.max(b))),
        }
    }

    fn sub_base(&mut self, a: Id, b: Id) -> Id {
        match (b, self.constants(a, b)) {
            (_, Some((a, b))) => self.constant(a - b),
            (ZERO, _) => a,
            _ => self.node(Node::Sub(a, b)),
        }
    }

    fn mul_base(&mut self, a: Id, b: Id) -> Id {
        match (a, b, self.constants(a, b)) {
            (_, _, Some((a, b))) => self.constant(a * b),
            (ZERO, _, _) | (_, ZERO, _) => ZERO,
            (ONE, other, _) | (other, ONE, _) => other,
            _ => self.node(Node::Mul(a.min(b), a.max(b))),
        }
    }
}
