//! f32 in IEEE arithmetic: each operation rounded to nearest even, products summed in order by fused multiply-adds.

use crate::fused::{Factor, Sum};
use crate::memory::{as_f32, as_f32_mut, product, words, Memory};
use crate::moves::AXES;
use crate::plan::{arguments, first};
use crate::sums::{pairs, Window};
use crate::Checked;

/// `kind, a, b, y, shape, strides of a, strides of b`: add, sub, mul, div, min, max.
pub fn binary(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 4 + 3 * AXES] = arguments(args)?;
    let [kind, a, b, y] = [all[0], all[1], all[2], all[3]];
    let apply: fn(f32, f32) -> f32 = match kind {
        0 => |a, b| a + b,
        1 => |a, b| a - b,
        2 => |a, b| a * b,
        3 => |a, b| a / b,
        4 => |a, b| if a < b { a } else { b },
        5 => |a, b| if a > b { a } else { b },
        _ => return Err("no such operation on two f32"),
    };
    pairs(4, a, b, words(y, product(&all[4..10])?), &all[4..], memory, |a, b, at, y| {
        as_f32_mut(y)[at] = apply(as_f32(a)[0], as_f32(b)[0]);
    })
}

/// `kind, x, y, count`: neg, abs, sqrt, floor, ceil, rint.
pub fn unary(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [kind, x, y, count] = arguments(args)?;
    let apply: fn(f32) -> f32 = match kind {
        0 => |x| -x,
        1 => |x| f32::from_bits(x.to_bits() & 0x7fff_ffff),
        2 => libm::sqrtf,
        3 => libm::floorf,
        4 => libm::ceilf,
        5 => libm::rintf,
        _ => return Err("no such operation on an f32"),
    };
    let Some(([y], [x])) = memory.split([words(y, count.into())], [words(x, count.into())])? else {
        return Ok(());
    };
    for (y, x) in as_f32_mut(y).iter_mut().zip(as_f32(x)) {
        *y = apply(*x);
    }
    Ok(())
}

/// `x, y, count, low, high`: clamped; a NaN becomes low.
pub fn clip(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, y, count, low, high] = arguments(args)?;
    let (low, high) = (f32::from_bits(low), f32::from_bits(high));
    let Some(([y], [x])) = memory.split([words(y, count.into())], [words(x, count.into())])? else {
        return Ok(());
    };
    for (y, x) in as_f32_mut(y).iter_mut().zip(as_f32(x)) {
        let value = if *x > low { *x } else { low };
        *y = if value < high { value } else { high };
    }
    Ok(())
}

/// `x, neighbours, y, count, mean, lanes`: sums of so many neighbours each, or means, added up in 1, 4 or 8 lanes.
pub fn neighbours(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, width, y, count, mean, lanes] = arguments(args)?;
    if width == 0 || mean > 1 || ![1, 4, 8].contains(&lanes) {
        return Err("a sum of nothing");
    }
    let read = words(x, product(&[count, width])?);
    let Some(([y], [x])) = memory.split([words(y, count.into())], [read])? else { return Ok(()) };
    for (row, (y, x)) in as_f32_mut(y).iter_mut().zip(as_f32(x).chunks_exact(width as usize)).enumerate() {
        let sum = if lanes == 8 { aligned_sum(x, row) } else { sum(x, lanes) };
        *y = if mean == 1 { sum / width as f32 } else { sum };
    }
    Ok(())
}

/// The order of MLAS: four lanes side by side, then those added up, then the rest; or one lane.
fn sum(x: &[f32], lanes: u32) -> f32 {
    if lanes == 1 {
        return x.iter().fold(0.0, |sum, x| sum + x);
    }
    let (whole, rest) = x.as_chunks::<4>();
    let mut four = [0f32; 4];
    for x in whole {
        four.iter_mut().zip(x).for_each(|(lane, x)| *lane += x);
    }
    rest.iter().fold((four[0] + four[2]) + (four[1] + four[3]), |sum, x| sum + x)
}

/// The order of Eigen: eight lanes side by side from the first element that lies at a multiple of four in the tensor, then
/// four; those added up; what is before them, then the rest.
fn aligned_sum(x: &[f32], row: usize) -> f32 {
    let head = (row.wrapping_mul(x.len()).wrapping_neg() & 3).min(x.len());
    let (before, rest) = x.split_at(head);
    if rest.len() < 4 {
        return x.iter().fold(-0.0, |sum, x| sum + x);
    }
    let mut eight = [-0f32; 8];
    let (whole, rest) = rest.as_chunks::<8>();
    for x in whole {
        eight.iter_mut().zip(x).for_each(|(lane, x)| *lane += x);
    }
    let mut four: [f32; 4] = core::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
    let (whole, rest) = rest.as_chunks::<4>();
    for x in whole {
        four.iter_mut().zip(x).for_each(|(lane, x)| *lane += x);
    }
    before.iter().chain(rest).fold((four[0] + four[2]) + (four[1] + four[3]), |sum, x| sum + x)
}

/// A sum of products from 0, each added by a fused multiply-add.
trait Chain: Copy {
    const START: Self;
    fn add(self, a: f32, w: f32) -> Self;
}

/// Of finite factors, in integers; a zero has no sign.
impl Chain for Sum {
    const START: Self = Self::NONE;

    #[inline(always)]
    fn add(self, a: f32, w: f32) -> Self {
        self.add_product(Factor::new(a), Factor::new(w))
    }
}

impl Chain for f32 {
    const START: Self = 0.0;

    fn add(self, a: f32, w: f32) -> Self {
        libm::fmaf(a, w, self)
    }
}

/// Whether every product has a zero for a factor, so that the sum is 0.
#[derive(Clone, Copy)]
struct Zeros(bool);

impl Chain for Zeros {
    const START: Self = Self(true);

    fn add(self, a: f32, w: f32) -> Self {
        Self(self.0 && (a == 0.0 || w == 0.0) && a.is_finite() && w.is_finite())
    }
}

/// The sum as an f32, unless it is too large for one, or a zero whose sign is not known.
fn settled(sum: Sum) -> Option<f32> {
    sum.to_f32().filter(|sum| sum.to_bits() << 1 != 0)
}

fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.to_bits() >> 23 & 0xff != 0xff)
}

fn sum_of_products(finite: bool, terms: impl Iterator<Item = (f32, f32)> + Clone) -> f32 {
    fn sum<C: Chain>(terms: impl Iterator<Item = (f32, f32)>) -> C {
        terms.fold(C::START, |sum, (a, w)| sum.add(a, w))
    }
    match finite.then(|| settled(sum(terms.clone()))).flatten() {
        Some(sum) => sum,
        None if sum::<Zeros>(terms.clone()).0 => 0.0,
        None => sum(terms),
    }
}

/// `a, w, has a bias, bias, y, batches, rows, K, columns, w of each batch`: a matrix product.
pub fn matrix(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [a, w, has_bias, bias, y, batches, rows, depth, columns, own] = arguments(args)?;
    if own > 1 || has_bias > 1 || depth == 0 || columns == 0 {
        return Err("a matrix is empty");
    }
    let matrices = if own == 1 { batches } else { 1 };
    let reads = [
        words(a, product(&[batches, rows, depth])?),
        words(w, product(&[matrices, depth, columns])?),
        words(bias, u64::from(columns) * u64::from(has_bias)),
    ];
    let write = words(y, product(&[batches, rows, columns])?);
    let Some(([y], [a, w, bias])) = memory.split([write], reads)? else { return Ok(()) };
    let (w, bias) = (as_f32(w), as_f32(bias));
    let (depth, columns) = (depth as usize, columns as usize);
    let rows_of = as_f32_mut(y).chunks_exact_mut(columns).zip(as_f32(a).chunks_exact(depth));
    let finite_weights = all_finite(w);
    for (row, (y, a)) in rows_of.enumerate() {
        let finite = finite_weights && all_finite(a);
        let w = if own == 1 { &w[row / rows as usize * depth * columns..] } else { w };
        for (column, y) in y.iter_mut().enumerate() {
            let w = w[column..].iter().step_by(columns);
            let sum = sum_of_products(finite, a.iter().zip(w).map(|(a, w)| (*a, *w)));
            *y = if has_bias == 1 { sum + bias[column] } else { sum };
        }
    }
    Ok(())
}

/// `x, w, has a bias, bias, y, N, C, M, groups, window`: a convolution.
pub fn convolution(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let ([x, w, has_bias, bias, y, n, c, m, groups], window) = first(args)?;
    let window = Window::new(window)?;
    if groups == 0 || c == 0 || c % groups != 0 || m % groups != 0 || has_bias > 1 {
        return Err("channels do not divide into groups");
    }
    let depth = c / groups;
    let taps = product(&window.kernel)?;
    let [inputs, _] = window.planes(product(&[n, c])?)?;
    let [_, outputs] = window.planes(product(&[n, m])?)?;
    let reads = [
        words(x, inputs),
        words(w, product(&[m, depth])?.saturating_mul(taps)),
        words(bias, u64::from(m) * u64::from(has_bias)),
    ];
    let Some(([y], [x, w, bias])) = memory.split([words(y, outputs)], reads)? else { return Ok(()) };
    let (x, w, bias, y) = (as_f32(x), as_f32(w), as_f32(bias), as_f32_mut(y));
    let [plane, out] = window.planes(1)?.map(|size| size as usize);
    let (depth, taps, m) = (depth as usize, taps as usize, m as usize);
    for image in 0..n as usize {
        for channel in 0..m {
            let group = channel / (m / groups as usize);
            let x = &x[(image * c as usize + group * depth) * plane..][..depth * plane];
            let w = &w[channel * depth * taps..][..depth * taps];
            let y = &mut y[(image * m + channel) * out..][..out];
            let finite = all_finite(w) && all_finite(x);
            window.outputs(|index, at| {
                let visit = Visit { window: &window, at, x, w, plane, taps };
                let sum = match finite.then(|| settled(visit.sum())).flatten() {
                    Some(sum) => sum,
                    None if visit.sum::<Zeros>().0 => 0.0,
                    None => visit.sum(),
                };
                y[index] = if has_bias == 1 { sum + bias[channel] } else { sum };
            });
        }
    }
    Ok(())
}

/// One output of a convolution: the channels' planes, and the kernel.
struct Visit<'a> {
    window: &'a Window,
    at: [u32; 3],
    x: &'a [f32],
    w: &'a [f32],
    plane: usize,
    taps: usize,
}

impl Visit<'_> {
    fn sum<C: Chain>(&self) -> C {
        let mut sum = C::START;
        for (x, w) in self.x.chunks_exact(self.plane).zip(self.w.chunks_exact(self.taps)) {
            self.window.positions(self.at, |position, tap| {
                sum = sum.add(x[position], w[tap]);
            });
        }
        sum
    }
}
