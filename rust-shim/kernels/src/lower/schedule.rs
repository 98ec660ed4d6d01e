//! In which order a graph is computed, and where each value is kept.

use std::collections::HashMap;

use risc0_zkp::field::baby_bear::BabyBearElem;

use super::graph::{Element, Graph, Group, Id, Node};
use crate::circuit::Circuit;
use crate::program::{Op, Product, Program, Slot, Sum, Tap, Term, Uniform, Weight};

const BACK: usize = risc0_zkp::INV_RATE;

/// A step of the schedule: a node of its own, or a group's four.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    Node(Id),
    Group(u32),
}

impl Item {
    fn of(graph: &Graph, id: Id) -> Self {
        match graph.nodes[id as usize] {
            Node::Part { group, .. } => Self::Group(group),
            _ => Self::Node(id),
        }
    }

    /// What it is computed from.
    fn operands(self, graph: &Graph) -> Vec<Id> {
        match self {
            Self::Node(id) => match graph.nodes[id as usize] {
                Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) => vec![a, b],
                _ => Vec::new(),
            },
            Self::Group(group) => match &graph.groups[group as usize] {
                Group::Product(a, b) => a.iter().chain(b).copied().collect(),
                Group::Sum(terms) => terms.iter().map(|term| term.value).collect(),
            },
        }
    }
}

/// The program that computes `result`.
pub fn program(circuit: &Circuit, graph: &Graph, result: Element) -> Program {
    let items = order(graph, result);
    let mut places = Places::new(graph, &items, result);
    let mut program = Program {
        ops: Vec::with_capacity(items.len()),
        taps: Vec::new(),
        products: Vec::new(),
        sums: Vec::new(),
        weights: Vec::new(),
        uniforms: places.uniforms.clone(),
        uniform_slots: places.uniform_slots.clone(),
        slots: 0,
        result: [0; 4],
    };
    let mut weights: HashMap<Weight, u32> = HashMap::new();
    for (time, &item) in items.iter().enumerate() {
        let operands = item.operands(graph);
        let from: Vec<Slot> = operands.iter().map(|&id| places.slot(id)).collect();
        places.free(&operands, time);
        let op = match item {
            Item::Node(id) => {
                let to = places.take(id);
                match graph.nodes[id as usize] {
                    Node::Add(..) => Op::Add {
                        a: from[0],
                        b: from[1],
                        to,
                    },
                    Node::Sub(..) => Op::Sub {
                        a: from[0],
                        b: from[1],
                        to,
                    },
                    Node::Mul(..) => Op::Mul {
                        a: from[0],
                        b: from[1],
                        to,
                    },
                    Node::Tap(index) => {
                        program.taps.push(tap(circuit, index));
                        let tap = program.taps.len() as u32 - 1;
                        Op::Load { tap, to }
                    }
                    node => unreachable!("{node:?} is no operation"),
                }
            }
            Item::Group(group) => {
                let parts = places.parts(group);
                let to = parts.map(|id| places.take(id));
                places.free(&parts, time);
                match &graph.groups[group as usize] {
                    Group::Product(..) => {
                        let [a, b] = [0, 4].map(|start| std::array::from_fn(|i| from[start + i]));
                        program.products.push(Product { a, b, to });
                        Op::Product {
                            index: program.products.len() as u32 - 1,
                        }
                    }
                    Group::Sum(terms) => {
                        let terms = terms.iter().zip(&from).map(|(term, &value)| {
                            let weight = *weights.entry(term.weight).or_insert_with(|| {
                                program.weights.push(term.weight);
                                program.weights.len() as u32 - 1
                            });
                            Term { value, weight }
                        });
                        let terms = terms.collect();
                        program.sums.push(Sum { terms, to });
                        Op::Sum {
                            index: program.sums.len() as u32 - 1,
                        }
                    }
                }
            }
        };
        program.ops.push(op);
    }
    program.result = result.map(|id| places.slot(id));
    program.slots = places.count as usize;
    program.check();
    program
}

fn tap(circuit: &Circuit, index: usize) -> Tap {
    let tap = &circuit.taps.taps[index];
    Tap {
        arg: circuit.groups[tap.group].expect("a group with taps is one of the prover's args"),
        column: usize::from(tap.offset),
        back: usize::from(tap.back) * BACK,
    }
}

/// What varies by row, each after its operands and as late as the sum that needs it.
fn order(graph: &Graph, result: Element) -> Vec<Item> {
    enum Visit {
        Enter(Item),
        Leave(Item),
    }
    let mut items = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let enter = |stack: &mut Vec<Visit>, operands: &[Id]| {
        let varying = operands.iter().rev().filter(|&&id| !graph.is_uniform(id));
        stack.extend(varying.map(|&id| Visit::Enter(Item::of(graph, id))));
    };
    let mut stack = Vec::new();
    enter(&mut stack, &result);
    while let Some(visit) = stack.pop() {
        match visit {
            Visit::Leave(item) => items.push(item),
            Visit::Enter(item) => {
                if seen.insert(item) {
                    stack.push(Visit::Leave(item));
                    enter(&mut stack, &item.operands(graph));
                }
            }
        }
    }
    items
}

/// Slots, each given again when its value has been read for the last time.
struct Places {
    uniforms: Vec<Uniform>,
    uniform_slots: Vec<u32>,
    slots: HashMap<Id, Slot>,
    last_reads: HashMap<Id, usize>,
    parts: HashMap<u32, Element>,
    spare: Vec<Slot>,
    count: Slot,
}

impl Places {
    fn new(graph: &Graph, items: &[Item], result: Element) -> Self {
        let mut places = Self {
            uniforms: Vec::new(),
            uniform_slots: Vec::new(),
            slots: HashMap::new(),
            last_reads: HashMap::new(),
            parts: HashMap::new(),
            spare: Vec::new(),
            count: 0,
        };
        for (id, node) in (0..).zip(&graph.nodes) {
            if let Node::Part { group, component } = *node {
                places.parts.entry(group).or_default()[usize::from(component)] = id;
                places.last_reads.insert(id, 0);
            }
        }
        let mut indices = HashMap::new();
        for (time, item) in items.iter().enumerate() {
            for id in item.operands(graph) {
                places.read(graph, id, time, &mut indices);
            }
        }
        for id in result {
            places.read(graph, id, usize::MAX, &mut indices);
        }
        places
    }

    /// Notes that a node is read at a time; a uniform gets its slot for good.
    fn read(&mut self, graph: &Graph, id: Id, time: usize, indices: &mut HashMap<Id, u32>) {
        if !graph.is_uniform(id) {
            self.last_reads.insert(id, time);
        } else if !self.slots.contains_key(&id) {
            let index = self.uniform(graph, id, indices);
            self.uniform_slots.push(index);
            self.slots.insert(id, self.count);
            self.count += 1;
        }
    }

    /// The index of a uniform, which is added with those that it is made of.
    fn uniform(&mut self, graph: &Graph, id: Id, indices: &mut HashMap<Id, u32>) -> u32 {
        if let Some(&index) = indices.get(&id) {
            return index;
        }
        let uniform = match graph.nodes[id as usize] {
            Node::Constant(value) => Uniform::Constant(BabyBearElem::new_raw(value)),
            Node::Global { arg, offset } => Uniform::Global { arg, offset },
            Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) => {
                let [a, b] = [a, b].map(|id| self.uniform(graph, id, indices));
                match graph.nodes[id as usize] {
                    Node::Add(..) => Uniform::Add(a, b),
                    Node::Sub(..) => Uniform::Sub(a, b),
                    _ => Uniform::Mul(a, b),
                }
            }
            node => unreachable!("{node:?} differs by row"),
        };
        self.uniforms.push(uniform);
        let index = self.uniforms.len() as u32 - 1;
        indices.insert(id, index);
        index
    }

    fn slot(&self, id: Id) -> Slot {
        self.slots[&id]
    }

    fn parts(&self, group: u32) -> Element {
        self.parts[&group]
    }

    fn take(&mut self, id: Id) -> Slot {
        let slot = self.spare.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.slots.insert(id, slot);
        slot
    }

    /// Gives back the slots of those that nothing reads after `time`.
    fn free(&mut self, ids: &[Id], time: usize) {
        for id in ids {
            if self.last_reads.get(id).is_some_and(|&last| last <= time) {
                self.last_reads.remove(id);
                self.spare.extend(self.slots.get(id));
            }
        }
    }
}
