//! Sums of elements of the base field times elements of the extension of degree 4, as risc0's prover mixes polynomials
//! and evaluates them.

use super::arithmetic::{Factor, Vector, Wide};
use super::isa::{self, by_isa, Isa};
use super::{add, product};

/// Coefficients of 1, x, x^2, x^3.
pub type Extension = [u32; 4];

/// Lanes of the widest vector.
const LANES: usize = 16;

/// A column of a matrix, and what it is multiplied by.
#[derive(Clone, Copy)]
pub struct Term {
    pub column: usize,
    pub factor: Extension,
}

/// Adds to each of `output` the sum of the terms at its row: rows `first`, `first + 1`... of columns of `rows` elements.
pub fn combine(
    isa: Isa,
    terms: &[Term],
    matrix: &[u32],
    rows: usize,
    first: usize,
    output: &mut [Extension],
) {
    assert!(first + output.len() <= rows);
    assert!(terms
        .iter()
        .all(|term| (term.column + 1) * rows <= matrix.len()));
    let (whole, rest) = output.split_at_mut(output.len() / LANES * LANES);
    sums(isa, terms, &matrix[first..], rows, whole);
    for (at, sum) in rest.iter_mut().enumerate() {
        let row = first + whole.len() + at;
        for term in terms {
            let element = matrix[term.column * rows + row];
            for (sum, factor) in sum.iter_mut().zip(&term.factor) {
                *sum = add(*sum, product(element, *factor));
            }
        }
    }
}

/// Powers of an element of the extension, the coefficients apart.
pub struct Powers([Vec<u32>; 4]);

impl Powers {
    /// `columns` has the powers' coefficients of 1, those of x, of x^2 and of x^3.
    pub fn new(columns: [Vec<u32>; 4]) -> Self {
        assert!(columns
            .iter()
            .all(|column| column.len() == columns[0].len()));
        Self(columns)
    }
}

/// The value of a polynomial: the sum of its coefficients times the powers.
pub fn evaluate(isa: Isa, coefficients: &[u32], powers: &Powers) -> Extension {
    assert!(coefficients.len() == powers.0[0].len());
    let mut lanes = [[0; LANES]; 4];
    let whole = coefficients.len() / LANES * LANES;
    dot(isa, &coefficients[..whole], powers, &mut lanes);
    let mut value = lanes.map(|lanes| lanes.into_iter().fold(0, add));
    for (at, coefficient) in coefficients.iter().enumerate().skip(whole) {
        for (value, powers) in value.iter_mut().zip(&powers.0) {
            *value = add(*value, product(*coefficient, powers[at]));
        }
    }
    value
}

by_isa! {
    fn sums(terms: &[Term], matrix: &[u32], rows: usize, output: &mut [Extension]) = sums_of
}

by_isa! {
    fn dot(coefficients: &[u32], powers: &Powers, lanes: &mut [[u32; LANES]; 4]) = dot_of
}

#[inline(always)]
unsafe fn sums_of<V: Vector>(
    terms: &[Term],
    matrix: &[u32],
    rows: usize,
    output: &mut [Extension],
) {
    for at in (0..output.len()).step_by(V::LANES) {
        let mut totals = [Wide::<V>::zero(); 4];
        // Two products between folds: as many as Wide has room for.
        for pair in terms.chunks(2) {
            for term in pair {
                let element = V::load(matrix.as_ptr().add(term.column * rows + at));
                let element = Factor::new(element);
                for (total, factor) in totals.iter_mut().zip(Factor::coefficients(&term.factor)) {
                    *total = total.add(element, factor);
                }
            }
            for total in &mut totals {
                *total = total.fold();
            }
        }
        for (coefficient, total) in totals.iter().enumerate() {
            let mut lanes = [0; LANES];
            total.reduce().store(lanes.as_mut_ptr());
            for (row, lane) in lanes[..V::LANES].iter().enumerate() {
                let sum = &mut output[at + row][coefficient];
                *sum = add(*sum, *lane);
            }
        }
    }
}

#[inline(always)]
unsafe fn dot_of<V: Vector>(coefficients: &[u32], powers: &Powers, lanes: &mut [[u32; LANES]; 4]) {
    let mut totals = [Wide::<V>::zero(); 4];
    for at in (0..coefficients.len()).step_by(V::LANES) {
        let element = Factor::new(V::load(coefficients.as_ptr().add(at)));
        for (total, powers) in totals.iter_mut().zip(&powers.0) {
            let power = Factor::new(V::load(powers.as_ptr().add(at)));
            *total = total.add(element, power).fold();
        }
    }
    for (lanes, total) in lanes.iter_mut().zip(&totals) {
        total.reduce().store(lanes.as_mut_ptr());
    }
}
