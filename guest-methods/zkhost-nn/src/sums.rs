//! Sums of products in plain code: what runs where the accelerator is not wanted or does not fit.

use crate::memory::{as_i32, as_i32_mut, bytes, product, words, Memory, Region};
use crate::moves::{Strided, AXES};
use crate::plan::{arguments, first};
use crate::Checked;

/// A kernel on its input: three spatial axes, those that an array lacks with size 1 in front.
#[derive(Clone, Copy)]
pub struct Window {
    pub input: [u32; 3],
    pub output: [u32; 3],
    pub kernel: [u32; 3],
    stride: [u32; 3],
    pad: [u32; 3],
    dilation: [u32; 3],
}

pub const WINDOW: usize = 18;

impl Window {
    /// `input, output, kernel, strides, pads before, dilations`, three each.
    pub fn new(args: &[u32]) -> Checked<Self> {
        let all: [u32; WINDOW] = arguments(args)?;
        let axis = |i: usize| [all[3 * i], all[3 * i + 1], all[3 * i + 2]];
        let window =
            Self { input: axis(0), output: axis(1), kernel: axis(2), stride: axis(3), pad: axis(4), dilation: axis(5) };
        if all[..12].contains(&0) || all.iter().any(|value| *value >= 1 << 20) {
            return Err("a window is out of range");
        }
        for axis in 0..3 {
            let reach = |count: [u32; 3], step: [u32; 3]| u64::from(count[axis]) * u64::from(step[axis]);
            if reach(window.output, window.stride) + reach(window.kernel, window.dilation) >= 1 << 30 {
                return Err("a window is out of range");
            }
        }
        product(&window.input)?;
        product(&window.output)?;
        product(&window.kernel)?;
        Ok(window)
    }

    /// Where an axis' position is on the input; None outside.
    #[inline]
    fn position(&self, axis: usize, output: u32, kernel: u32) -> Option<u32> {
        let at = output * self.stride[axis] + kernel * self.dilation[axis];
        at.checked_sub(self.pad[axis]).filter(|at| *at < self.input[axis])
    }

    /// Calls `visit` with the index of each output of a plane.
    pub fn outputs(&self, mut visit: impl FnMut(usize, [u32; 3])) {
        let mut index = 0;
        for z in 0..self.output[0] {
            for y in 0..self.output[1] {
                for x in 0..self.output[2] {
                    visit(index, [z, y, x]);
                    index += 1;
                }
            }
        }
    }

    /// Calls `visit` with the index on the input, and in the kernel, of each position of an output that lies inside, in order.
    #[inline]
    pub fn positions(&self, [z, y, x]: [u32; 3], mut visit: impl FnMut(usize, usize)) {
        for i in 0..self.kernel[0] {
            let Some(z) = self.position(0, z, i) else { continue };
            for j in 0..self.kernel[1] {
                let Some(y) = self.position(1, y, j) else { continue };
                let row = (z * self.input[1] + y) * self.input[2];
                let kernel = (i * self.kernel[1] + j) * self.kernel[2];
                for k in 0..self.kernel[2] {
                    if let Some(x) = self.position(2, x, k) {
                        visit((row + x) as usize, (kernel + k) as usize);
                    }
                }
            }
        }
    }

    /// Whether windows are 2 x 2 positions side by side on the last two axes, all of them inside.
    pub fn is_halving(&self) -> bool {
        let halves = |axis: usize| 2 * self.output[axis] <= self.input[axis];
        (self.kernel, self.stride[1..] == [2, 2], self.dilation[1..] == [1, 1], self.pad)
            == ([1, 2, 2], true, true, [0; 3])
            && (self.input[0] == self.output[0] && self.input[0] == 1)
            && halves(1)
            && halves(2)
    }

    /// Whether all positions of all windows lie inside.
    pub fn is_inside(&self) -> bool {
        (0..3).all(|axis| {
            let last = (self.output[axis] - 1) * self.stride[axis] + (self.kernel[axis] - 1) * self.dilation[axis];
            self.pad[axis] == 0 && last < self.input[axis]
        })
    }

    /// Copies what an output's window covers of each plane of `x`, one plane after the other. `outside` is for positions
    /// outside; None where there are none.
    #[inline]
    pub fn gather(&self, at: [u32; 3], x: &[u8], outside: Option<u8>, to: &mut [i8], each: impl Fn(u8) -> i8) {
        let (plane, taps) = (self.input.iter().product::<u32>() as usize, self.kernel.iter().product::<u32>() as usize);
        let Some(outside) = outside else {
            let start = |axis: usize| (at[axis] * self.stride[axis]) as usize;
            let (height, width) = (self.input[1] as usize, self.input[2] as usize);
            let first = (start(0) * height + start(1)) * width + start(2);
            let [z_step, y_step, step] = self.dilation.map(|step| step as usize);
            let [depth, rows, columns] = self.kernel.map(|size| size as usize);
            let mut to = to.iter_mut();
            for x in x.chunks_exact(plane) {
                for z in 0..depth {
                    for y in 0..rows {
                        let row = &x[first + (z * z_step * height + y * y_step) * width..];
                        for (x, to) in row.iter().step_by(step).take(columns).zip(&mut to) {
                            *to = each(*x);
                        }
                    }
                }
            }
            return;
        };
        let count = x.len() / plane * taps;
        to[..count].fill(each(outside));
        self.positions(at, |position, tap| {
            for (x, to) in x[position..].iter().step_by(plane).zip(to[tap..count].iter_mut().step_by(taps)) {
                *to = each(*x);
            }
        });
    }

    pub fn planes(&self, channels: u64) -> Checked<[u64; 2]> {
        Ok([
            channels * u64::from(self.input.iter().product::<u32>()),
            channels * u64::from(self.output.iter().product::<u32>()),
        ])
    }

    /// How many of an output's positions lie within the input and `pads` (before, then after, each axis) around it.
    pub fn counted(&self, output: [u32; 3], pads: &[u32]) -> u32 {
        (0..3)
            .map(|axis| {
                let inside = |k: &u32| {
                    let at = output[axis] * self.stride[axis] + k * self.dilation[axis];
                    at + pads[axis] >= self.pad[axis] && at < self.pad[axis] + self.input[axis] + pads[3 + axis]
                };
                (0..self.kernel[axis]).filter(inside).count() as u32
            })
            .product()
    }
}

/// A zero point: a value, or the one byte of a tensor that was quantised dynamically.
#[derive(Clone, Copy)]
pub struct Zero {
    tensor: bool,
    value: u32,
}

impl Zero {
    pub fn new(kind: u32, value: u32) -> Checked<Self> {
        if kind > 1 || (kind == 0 && value > 255) {
            return Err("no such zero point");
        }
        Ok(Self { tensor: kind == 1, value })
    }

    /// What must be read for it; nothing for a value.
    pub fn region(self) -> Region {
        bytes(if self.tensor { self.value } else { 0 }, self.tensor.into())
    }

    pub fn of(self, read: &[u8]) -> i32 {
        if self.tensor {
            read[0].into()
        } else {
            self.value as i32
        }
    }
}

/// `x, kind and value of its zero point, w, zero points of w, bias, y, N, C, M, groups, window`: the sums of a convolution (s32).
pub fn convolution(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let ([x, kind, zero, w, w_zero, bias, y, n, c, m, groups], window) = first(args)?;
    let (window, zero) = (Window::new(window)?, Zero::new(kind, zero)?);
    if groups == 0 || c == 0 || c % groups != 0 || m % groups != 0 {
        return Err("channels do not divide into groups");
    }
    let depth = c / groups;
    let taps = product(&window.kernel)?;
    let [inputs, _] = window.planes(product(&[n, c])?)?;
    let [_, outputs] = window.planes(product(&[n, m])?)?;
    let weights = product(&[m, depth])?.saturating_mul(taps);
    let reads = [bytes(x, inputs), bytes(w, weights), words(w_zero, m.into()), words(bias, m.into()), zero.region()];
    let Some(([y], [x, w, w_zero, bias, zero_at])) = memory.split([words(y, outputs)], reads)? else {
        return Ok(());
    };
    let (zero, y, w_zero, bias) = (zero.of(zero_at), as_i32_mut(y), as_i32(w_zero), as_i32(bias));
    let [plane, out] = window.planes(1)?.map(|size| size as usize);
    let (depth, taps, m) = (depth as usize, taps as usize, m as usize);
    for image in 0..n as usize {
        for channel in 0..m {
            let group = channel / (m / groups as usize);
            let x = &x[(image * c as usize + group * depth) * plane..][..depth * plane];
            let w = &w[channel * depth * taps..][..depth * taps];
            let y = &mut y[(image * m + channel) * out..][..out];
            window.outputs(|index, at| {
                let mut sum = bias[channel];
                window.positions(at, |position, tap| {
                    for (x, w) in x[position..].iter().step_by(plane).zip(w[tap..].iter().step_by(taps)) {
                        let product = (i32::from(*x) - zero).wrapping_mul(i32::from(*w) - w_zero[channel]);
                        sum = sum.wrapping_add(product);
                    }
                });
                y[index] = sum;
            });
        }
    }
    Ok(())
}

/// `a, kind and value of its zero point, w, zero points of w, bias, y, batches, rows, K, columns, w of each batch`:
/// the sums of a matrix product (s32); w is (K, columns), shared by the batches or one each.
pub fn matrix(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [a, kind, zero, w, w_zero, bias, y, batches, rows, depth, columns, own] = arguments(args)?;
    let zero = Zero::new(kind, zero)?;
    if own > 1 || depth == 0 || columns == 0 {
        return Err("a matrix is empty");
    }
    let matrices = if own == 1 { batches } else { 1 };
    let reads = [
        bytes(a, product(&[batches, rows, depth])?),
        bytes(w, product(&[matrices, depth, columns])?),
        words(w_zero, columns.into()),
        words(bias, columns.into()),
        zero.region(),
    ];
    let write = words(y, product(&[batches, rows, columns])?);
    let Some(([y], [a, w, w_zero, bias, zero_at])) = memory.split([write], reads)? else { return Ok(()) };
    let (zero, w_zero, bias) = (zero.of(zero_at), as_i32(w_zero), as_i32(bias));
    let (depth, columns) = (depth as usize, columns as usize);
    for (row, (y, a)) in as_i32_mut(y).chunks_exact_mut(columns).zip(a.chunks_exact(depth)).enumerate() {
        let w = if own == 1 { &w[row / rows as usize * depth * columns..] } else { w };
        let sum = a.iter().fold(0i32, |sum, a| sum.wrapping_add(i32::from(*a) - zero));
        let mut put = |column: usize, products: &[i32]| {
            let out = y[column..].iter_mut().zip(&bias[column..]).zip(&w_zero[column..]);
            for (((y, bias), w_zero), products) in out.zip(products) {
                *y = bias.wrapping_add(*products).wrapping_sub(w_zero.wrapping_mul(sum));
            }
        };
        let mut column = 0;
        while column + TOGETHER <= columns {
            put(column, &side_by_side::<TOGETHER>(a, zero, &w[column..], columns));
            column += TOGETHER;
        }
        while column < columns {
            put(column, &side_by_side::<1>(a, zero, &w[column..], columns));
            column += 1;
        }
    }
    Ok(())
}

/// Columns that are computed together.
const TOGETHER: usize = 8;

/// Sums of products of a row less its zero point with neighbouring columns of a matrix, whose rows are `step` apart.
#[inline(always)]
fn side_by_side<const N: usize>(a: &[u8], zero: i32, w: &[u8], step: usize) -> [i32; N] {
    let mut sums = [0i32; N];
    assert!(a.is_empty() || (a.len() - 1) * step + N <= w.len());
    let mut w = w.as_ptr();
    for a in a {
        let a = i32::from(*a) - zero;
        for (at, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the rows lie within `w`, by the assertion; the pointer is moved on beyond the last, where nothing is read.
            *sum = sum.wrapping_add(a.wrapping_mul(unsafe { *w.add(at) }.into()));
        }
        w = w.wrapping_add(step);
    }
    sums
}

/// `x, zero point, neighbours, y, count`: sums of so many neighbours each (s32).
pub fn neighbours(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, zero, width, y, count] = arguments(args)?;
    if width == 0 || width > 1 << 22 {
        return Err("a sum of nothing, or of more than fits");
    }
    let read = bytes(x, product(&[count, width])?);
    let Some(([y], [x])) = memory.split([words(y, count.into())], [read])? else { return Ok(()) };
    let all = (zero as i32).wrapping_mul(width as i32);
    for (y, x) in as_i32_mut(y).iter_mut().zip(x.chunks_exact(width as usize)) {
        *y = x.iter().map(|x| i32::from(*x)).sum::<i32>().wrapping_sub(all);
    }
    Ok(())
}

/// `a, b, their zero points, y, shape, strides of a, strides of b`: products (s32).
pub fn products(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 5 + 3 * AXES] = arguments(args)?;
    let [a, b, a_zero, b_zero, y] = [all[0], all[1], all[2], all[3], all[4]];
    pairs(1, a, b, words(y, product(&all[5..11])?), &all[5..], memory, |a, b, at, y| {
        as_i32_mut(y)[at] = (i32::from(a[0]) - a_zero as i32).wrapping_mul(i32::from(b[0]) - b_zero as i32);
    })
}

/// Calls `each` with two elements of `size` bytes, broadcast to one shape, their position, and what is written.
pub fn pairs(
    size: u32,
    a: u32,
    b: u32,
    y: Region,
    layout: &[u32],
    memory: &mut Memory<'_>,
    mut each: impl FnMut(&[u8], &[u8], usize, &mut [u8]),
) -> Checked {
    let (shape, strides) = layout.split_at(AXES);
    let (a_walk, b_walk) = (Strided::new(shape, &strides[..AXES])?, Strided::new(shape, &strides[AXES..])?);
    let ((a, a_first), (b, b_first)) = (a_walk.region(size, a)?, b_walk.region(size, b)?);
    let Some(([y], [a, b])) = memory.split([y], [a, b])? else { return Ok(()) };
    let ((count, a_step), (_, b_step)) = (a_walk.run(), b_walk.run());
    let (size, mut at) = (size as usize, 0);
    Strided::rows([&a_walk, &b_walk], |[i, j]| {
        let (mut i, mut j) = (a_first.wrapping_add_signed(i), b_first.wrapping_add_signed(j));
        for _ in 0..count {
            each(&a[i * size..][..size], &b[j * size..][..size], at, y);
            at += 1;
            i = i.wrapping_add_signed(a_step);
            j = j.wrapping_add_signed(b_step);
        }
    });
    Ok(())
}
