//! What a constraint polynomial becomes: a list of operations over blocks of rows.

use risc0_zkp::field::baby_bear::{BabyBearElem, BabyBearExtElem};
use risc0_zkp::field::Elem;

/// Where a block is in an evaluation's memory.
pub type Slot = u32;

/// One step. Operands are slots; `to` may be one of them.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// The rows of a tap (an index into [`Program::taps`]).
    Load {
        tap: u32,
        to: Slot,
    },
    Add {
        a: Slot,
        b: Slot,
        to: Slot,
    },
    Sub {
        a: Slot,
        b: Slot,
        to: Slot,
    },
    Mul {
        a: Slot,
        b: Slot,
        to: Slot,
    },
    /// A product of two extension elements (an index into [`Program::products`]).
    Product {
        index: u32,
    },
    /// A sum of base elements times weights, an extension element (an index into [`Program::sums`]).
    Sum {
        index: u32,
    },
}

/// A column, and by how many rows of the domain it is looked at earlier.
#[derive(Clone, Copy, Debug)]
pub struct Tap {
    /// The index in the prover's `args` of the column's group.
    pub arg: usize,
    pub column: usize,
    pub back: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Product {
    pub a: [Slot; 4],
    pub b: [Slot; 4],
    pub to: [Slot; 4],
}

#[derive(Clone, Debug)]
pub struct Sum {
    pub terms: Vec<Term>,
    pub to: [Slot; 4],
}

#[derive(Clone, Copy, Debug)]
pub struct Term {
    pub value: Slot,
    /// An index into [`Program::weights`].
    pub weight: u32,
}

/// mix^degree * x^component, where x is the extension's generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weight {
    pub degree: u32,
    pub component: u8,
}

/// A value that is the same in every row. Operands are earlier uniforms.
#[derive(Clone, Copy, Debug)]
pub enum Uniform {
    Constant(BabyBearElem),
    /// The index in the prover's `args` of the globals, and which of them.
    Global {
        arg: usize,
        offset: usize,
    },
    Add(u32, u32),
    Sub(u32, u32),
    Mul(u32, u32),
}

/// A constraint polynomial, ready to be evaluated.
pub struct Program {
    pub ops: Vec<Op>,
    pub taps: Vec<Tap>,
    pub products: Vec<Product>,
    pub sums: Vec<Sum>,
    pub weights: Vec<Weight>,
    pub uniforms: Vec<Uniform>,
    /// Which uniforms fill the first slots, one each. No operation writes to these slots.
    pub uniform_slots: Vec<u32>,
    /// How many slots an evaluation needs.
    pub slots: usize,
    /// The polynomial's value.
    pub result: [Slot; 4],
}

impl Program {
    /// The values of the uniforms, for these globals.
    ///
    /// `global` returns the global of an index in `args` and an offset.
    pub fn uniforms(&self, global: impl Fn(usize, usize) -> BabyBearElem) -> Vec<BabyBearElem> {
        let mut values: Vec<BabyBearElem> = Vec::with_capacity(self.uniforms.len());
        for uniform in &self.uniforms {
            let value = |index: u32| values[index as usize];
            values.push(match *uniform {
                Uniform::Constant(value) => value,
                Uniform::Global { arg, offset } => global(arg, offset),
                Uniform::Add(a, b) => value(a) + value(b),
                Uniform::Sub(a, b) => value(a) - value(b),
                Uniform::Mul(a, b) => value(a) * value(b),
            });
        }
        values
    }

    /// The values of the weights, for this mix.
    pub fn weights(&self, mix: BabyBearExtElem) -> Vec<[u32; 4]> {
        let last = self.weights.iter().map(|weight| weight.degree).max();
        let mut powers = vec![BabyBearExtElem::ONE];
        for degree in 0..last.unwrap_or(0) as usize {
            powers.push(powers[degree] * mix);
        }
        let value = |weight: &Weight| {
            let mut component = [BabyBearElem::ZERO; 4];
            component[usize::from(weight.component)] = BabyBearElem::ONE;
            let value = powers[weight.degree as usize] * BabyBearExtElem::from(component);
            std::array::from_fn(|i| value.elems()[i].as_u32_montgomery())
        };
        self.weights.iter().map(value).collect()
    }
}

impl Program {
    /// Panics unless every index is in range: evaluation does not check them again.
    pub fn check(&self) {
        let slot = |slot: Slot| assert!((slot as usize) < self.slots, "slot {slot}");
        for op in &self.ops {
            match *op {
                Op::Load { tap, to } => {
                    assert!((tap as usize) < self.taps.len(), "tap {tap}");
                    slot(to);
                }
                Op::Add { a, b, to } | Op::Sub { a, b, to } | Op::Mul { a, b, to } => {
                    [a, b, to].into_iter().for_each(slot);
                }
                Op::Product { index } => {
                    let Product { a, b, to } = self.products[index as usize];
                    [a, b, to].as_flattened().iter().copied().for_each(slot);
                }
                Op::Sum { index } => {
                    let Sum { terms, to } = &self.sums[index as usize];
                    to.iter().copied().for_each(slot);
                    for term in terms {
                        slot(term.value);
                        assert!((term.weight as usize) < self.weights.len(), "weight");
                    }
                }
            }
        }
        self.result.into_iter().for_each(slot);
    }
}
