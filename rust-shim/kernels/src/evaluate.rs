//! Runs a [`Program`] on a block of rows, with the vectors that the CPU has.

use crate::block::{Block, ROWS};
use crate::program::{Op, Product, Program, Slot, Sum, Tap, Term};
use crate::vectors::arithmetic::{self, Factor, Vector, Wide};
use crate::vectors::isa::{self, by_isa, Isa};
use crate::vectors::P;

/// The rows to evaluate: [`ROWS`] from `first` on, wrapped at `steps`.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub first: usize,
    /// How many rows a column has: a power of two.
    pub steps: usize,
    /// The prover's register groups, columns of `steps` elements one after another.
    pub args: &'a [*const u32],
}

/// Runs the program; its result is in the memory's slots [`Program::result`] afterwards.
///
/// `memory` has [`Program::slots`] blocks, the first of which hold the uniforms.
///
/// # Safety
///
/// `rows.args` has a group for each of the program's taps, with all its columns.
pub unsafe fn evaluate(
    isa: Isa,
    program: &Program,
    weights: &[[u32; 4]],
    memory: &mut [Block],
    rows: Rows<'_>,
) {
    assert!(memory.len() == program.slots && weights.len() == program.weights.len());
    assert!(rows.steps.is_power_of_two());
    let run = Run {
        program,
        weights: weights.as_ptr(),
        memory: memory.as_mut_ptr(),
        rows,
    };
    run_all(isa, &run);
}

by_isa! {
    fn run_all(run: &Run<'_>) = all
}

#[inline(always)]
unsafe fn all<V: Vector>(run: &Run<'_>) {
    run.all::<V>();
}

/// The code below becomes part of the functions that enable an instruction set. So it has no closures, which would stay
/// functions of their own, without it.
///
/// Indices are not checked here: [`Program::check`] did, when the program was made.
struct Run<'a> {
    program: &'a Program,
    weights: *const [u32; 4],
    memory: *mut Block,
    rows: Rows<'a>,
}

impl Run<'_> {
    #[inline(always)]
    unsafe fn all<V: Vector>(&self) {
        for &op in &self.program.ops {
            match op {
                Op::Load { tap, to } => {
                    self.load(*self.program.taps.get_unchecked(tap as usize), to)
                }
                Op::Add { a, b, to } => {
                    for lane in (0..ROWS).step_by(V::LANES) {
                        let sum = arithmetic::add::<V>(self.read(a, lane), self.read(b, lane));
                        self.write(to, lane, sum);
                    }
                }
                Op::Sub { a, b, to } => {
                    for lane in (0..ROWS).step_by(V::LANES) {
                        let difference =
                            arithmetic::sub::<V>(self.read(a, lane), self.read(b, lane));
                        self.write(to, lane, difference);
                    }
                }
                Op::Mul { a, b, to } => {
                    for lane in (0..ROWS).step_by(V::LANES) {
                        let product = arithmetic::mul::<V>(self.read(a, lane), self.read(b, lane));
                        self.write(to, lane, product);
                    }
                }
                Op::Product { index } => {
                    self.product::<V>(self.program.products.get_unchecked(index as usize));
                }
                Op::Sum { index } => self.sum::<V>(self.program.sums.get_unchecked(index as usize)),
            }
        }
    }

    #[inline(always)]
    unsafe fn read<V: Vector>(&self, slot: Slot, lane: usize) -> V {
        V::load(self.memory.add(slot as usize).cast::<u32>().add(lane))
    }

    #[inline(always)]
    unsafe fn write<V: Vector>(&self, slot: Slot, lane: usize, value: V) {
        value.store(self.memory.add(slot as usize).cast::<u32>().add(lane));
    }

    #[inline(always)]
    unsafe fn load(&self, tap: Tap, to: Slot) {
        let Rows { first, steps, args } = self.rows;
        let column = args.get_unchecked(tap.arg).add(tap.column * steps);
        let start = first.wrapping_sub(tap.back) & (steps - 1);
        let to = self.memory.add(to as usize).cast::<u32>();
        if start + ROWS <= steps {
            to.copy_from_nonoverlapping(column.add(start), ROWS);
        } else {
            for row in 0..ROWS {
                *to.add(row) = *column.add((start + row) & (steps - 1));
            }
        }
    }

    /// The product of two extension elements modulo x^4 + 11, each component a sum of four products.
    #[inline(always)]
    unsafe fn product<V: Vector>(&self, product: &Product) {
        let minus_eleven = arithmetic::constant::<V>(MINUS_ELEVEN);
        for lane in (0..ROWS).step_by(V::LANES) {
            let mut a = [Factor::<V>::constant(0); 4];
            let mut b = a;
            let mut wrapped = a;
            for i in 0..4 {
                let value = self.read::<V>(product.b[i], lane);
                a[i] = Factor::new(self.read(product.a[i], lane));
                b[i] = Factor::new(value);
                wrapped[i] = Factor::new(arithmetic::mul(value, minus_eleven));
            }
            for k in 0..4 {
                let mut sum = Wide::zero();
                for i in 0..4 {
                    let b = if i <= k { b[k - i] } else { wrapped[k + 4 - i] };
                    sum = sum.add(a[i], b);
                }
                self.write(product.to[k], lane, sum.fold().reduce());
            }
        }
    }

    #[inline(always)]
    unsafe fn sum<V: Vector>(&self, sum: &Sum) {
        for lane in (0..ROWS).step_by(V::LANES) {
            let mut total = [Wide::<V>::zero(); 4];
            let mut pairs = sum.terms.chunks_exact(2);
            for pair in &mut pairs {
                self.add_term(&mut total, &pair[0], lane);
                self.add_term(&mut total, &pair[1], lane);
                for wide in &mut total {
                    *wide = wide.fold();
                }
            }
            for term in pairs.remainder() {
                self.add_term(&mut total, term, lane);
            }
            for (to, wide) in sum.to.iter().zip(total) {
                self.write(*to, lane, wide.fold().reduce());
            }
        }
    }

    #[inline(always)]
    unsafe fn add_term<V: Vector>(&self, total: &mut [Wide<V>; 4], term: &Term, lane: usize) {
        let value = Factor::new(self.read(term.value, lane));
        let weight = Factor::coefficients(&*self.weights.add(term.weight as usize));
        for (wide, weight) in total.iter_mut().zip(weight) {
            *wide = wide.add(value, weight);
        }
    }
}

/// -11 in Montgomery form: x^4 of the extension.
const MINUS_ELEVEN: u32 = ((((P - 11) as u64) << 32) % P as u64) as u32;
