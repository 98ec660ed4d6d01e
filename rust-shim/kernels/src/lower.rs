//! From risc0's definition of a constraint polynomial to a [`Program`].
//!
//! The definition computes with extension elements and carries, along each chain of constraints, the mix's power. Here
//! every extension element is four base elements, of which most are the constant zero; powers are known numbers; and a
//! run of constraints is one sum of products with weights, reduced once. What is the same in every row is set apart.

mod graph;
mod schedule;

use risc0_zkp::adapter::{PolyExtStep, PolyExtStepDef};
use risc0_zkp::field::baby_bear::BabyBearElem;

use self::graph::{Element, Graph, Node, Term};
use crate::circuit::Circuit;
use crate::program::{Program, Weight};

/// A longer sum is computed in parts: its values must all be at hand when it is.
const TERMS: usize = 128;

/// The program of a circuit's polynomial.
pub fn program(circuit: &Circuit) -> Program {
    let mut graph = Graph::default();
    let result = total(circuit, &mut graph);
    schedule::program(circuit, &graph, result)
}

/// A chain of constraints: the sum of its terms, and the power of the mix that its next constraint takes.
struct Chain {
    terms: Vec<Term>,
    degree: u32,
    uses: u32,
    total: Option<Element>,
}

impl Chain {
    /// The chain's value, computed once and not as part of another chain's sum.
    fn total(&mut self, graph: &mut Graph) -> Element {
        let terms = std::mem::take(&mut self.terms);
        *self.total.get_or_insert_with(|| graph.sum(terms))
    }

    /// The terms of a chain that goes on from this one.
    fn terms(&mut self, graph: &mut Graph) -> Vec<Term> {
        if self.uses == 1 && self.total.is_none() && self.terms.len() < TERMS {
            return std::mem::take(&mut self.terms);
        }
        let total = self.total(graph);
        weighted(graph, total, 0)
    }
}

/// An element's components that are not zero, as terms.
fn weighted(graph: &Graph, element: Element, degree: u32) -> Vec<Term> {
    (0..4)
        .filter(|&component| element[component] != graph.zero())
        .map(|component| Term {
            value: element[component],
            weight: Weight {
                degree,
                component: component as u8,
            },
        })
        .collect()
}

fn total(circuit: &Circuit, graph: &mut Graph) -> Element {
    let PolyExtStepDef { block, ret } = &circuit.polynomial;
    let uses = uses(block);
    let mut values: Vec<Element> = Vec::new();
    let mut chains: Vec<Chain> = Vec::new();
    for step in *block {
        let chain = match *step {
            PolyExtStep::True => (Vec::new(), 0),
            PolyExtStep::AndEqz(chain, value) => {
                let mut terms = chains[chain].terms(graph);
                let degree = chains[chain].degree;
                terms.extend(weighted(graph, values[value], degree));
                (terms, degree + 1)
            }
            PolyExtStep::AndCond(chain, condition, inner) => {
                let value = chains[inner].total(graph);
                let value = graph.mul(values[condition], value);
                let mut terms = chains[chain].terms(graph);
                let degree = chains[chain].degree;
                terms.extend(weighted(graph, value, degree));
                (terms, degree + chains[inner].degree)
            }
            ref step => {
                let value = element(circuit, graph, &values, step);
                values.push(value);
                continue;
            }
        };
        chains.push(Chain {
            terms: chain.0,
            degree: chain.1,
            uses: uses[chains.len()],
            total: None,
        });
    }
    chains[*ret].total(graph)
}

/// How often each chain is gone on from or is a condition's.
fn uses(block: &[PolyExtStep]) -> Vec<u32> {
    let mut uses = vec![0; block.len()];
    for step in block {
        match *step {
            PolyExtStep::AndEqz(chain, _) => uses[chain] += 1,
            PolyExtStep::AndCond(chain, _, inner) => {
                uses[chain] += 1;
                uses[inner] += 1;
            }
            _ => {}
        }
    }
    uses
}

fn element(
    circuit: &Circuit,
    graph: &mut Graph,
    values: &[Element],
    step: &PolyExtStep,
) -> Element {
    let constant = |value: u32| Node::Constant(BabyBearElem::new(value).as_u32_montgomery());
    match *step {
        PolyExtStep::Const(value) => graph.base(constant(value)),
        PolyExtStep::ConstExt(a, b, c, d) => [a, b, c, d].map(|value| graph.node(constant(value))),
        PolyExtStep::Get(tap) => graph.base(Node::Tap(tap)),
        PolyExtStep::GetGlobal(global, offset) => {
            let arg = circuit.globals[global].expect("a circuit reads only globals that it has");
            graph.base(Node::Global { arg, offset })
        }
        PolyExtStep::Add(a, b) => graph.add(values[a], values[b]),
        PolyExtStep::Sub(a, b) => graph.sub(values[a], values[b]),
        PolyExtStep::Mul(a, b) => graph.mul(values[a], values[b]),
        ref step => unreachable!("a step that this version of risc0 does not have: {step:?}"),
    }
}
