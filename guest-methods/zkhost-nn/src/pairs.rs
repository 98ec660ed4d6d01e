//! Products in plain code, two a multiplication: what runs where the accelerator is not wanted or does not fit.
//!
//! A word holds two weights, w + 65536 v. Times an input it holds two products, and so does a sum of two such words: with 2^15
//! added, the lower one stays within 16 bits, where weights are in -127..=127 and inputs in -128..=127. So the word's upper half
//! is the sum of the upper products exactly, and what is left of all words' sum is that of the lower ones.

use crate::convolution::Correction;
use crate::memory::{as_i32_mut, as_u32, bytes, product, words, Memory};
use crate::plan::{arguments, first};
use crate::sums::Window;
use crate::workspace::Workspace;
use crate::Checked;

/// Pairs of outputs that are computed together.
const TOGETHER: usize = 4;
/// Inputs of an output, at most.
pub const MAX_INPUTS: usize = 1 << 14;

/// Inputs of an output, with one of no weight where their number is odd.
fn inputs(count: u64) -> Checked<usize> {
    if count > MAX_INPUTS as u64 {
        return Err("an output of too many inputs");
    }
    Ok((count as usize).next_multiple_of(2))
}

/// Words of the weights of so many outputs.
fn weights(outputs: u32, inputs: usize) -> Checked<u64> {
    product(&[outputs.div_ceil(2 * TOGETHER as u32), inputs as u32, TOGETHER as u32])
}

/// Sums of products for outputs in turn. `x` has an even number of inputs less 128; `w`, for each 8 outputs, for each input, 4
/// words of two weights each.
#[inline(always)]
fn sums(x: &[i8], w: &[u32], mut put: impl FnMut(usize, [i32; 2 * TOGETHER])) {
    const HALF: u32 = 1 << 15;
    let steps = x.as_chunks::<2>().0;
    for (block, w) in w.chunks_exact(steps.len() * 2 * TOGETHER).enumerate() {
        let (mut all, mut high) = ([0u32; TOGETHER], [0i32; TOGETHER]);
        for ([x, next], w) in steps.iter().zip(w.as_chunks::<{ 2 * TOGETHER }>().0) {
            let (x, next) = (i32::from(*x) as u32, i32::from(*next) as u32);
            for i in 0..TOGETHER {
                let both = w[i].wrapping_mul(x).wrapping_add(w[TOGETHER + i].wrapping_mul(next)).wrapping_add(HALF);
                all[i] = all[i].wrapping_add(both);
                high[i] += both as i32 >> 16;
            }
        }
        let added = steps.len() as u32 * HALF;
        put(
            block * 2 * TOGETHER,
            core::array::from_fn(|i| match i % 2 {
                0 => all[i / 2].wrapping_sub(added).wrapping_sub((high[i / 2] as u32) << 16) as i32,
                _ => high[i / 2],
            }),
        );
    }
}

/// What `sums` takes for a byte.
#[inline(always)]
fn centred(byte: u8) -> i8 {
    (byte ^ 0x80) as i8
}

/// `x, kind and value of its zero point, w, sums of the weights, bias, y, N, C, M, groups, window`: the sums of a convolution
/// (s32). w: for each group, what `sums` takes for its channels; inputs are its input channels' taps.
#[inline(never)]
pub fn convolution(args: &[u32], memory: &mut Memory<'_>, workspace: &mut Workspace) -> Checked {
    let ([x, kind, zero, w, w_sums, bias, y, n, c, m, groups], window) = first(args)?;
    let window = Window::new(window)?;
    if groups == 0 || c == 0 || m == 0 || c % groups != 0 || m % groups != 0 {
        return Err("channels do not divide into groups");
    }
    let (depth, outputs) = (c / groups, m / groups);
    let inputs = inputs(product(&[depth])?.saturating_mul(product(&window.kernel)?))?;
    let group_words = weights(outputs, inputs)?;
    let correction = Correction::new(kind, zero, w_sums, bias, m.into(), memory)?;
    let [read, _] = window.planes(product(&[n, c])?)?;
    let [_, written] = window.planes(product(&[n, m])?)?;
    let reads = [bytes(x, read), words(w, group_words * u64::from(groups)), correction.region()];
    let Some(([y], [x, w, zero])) = memory.split([words(y, written)], reads)? else { return Ok(()) };
    let (y, w) = (as_i32_mut(y), as_u32(w));
    let (outside, zero) = (correction.outside(zero), correction.zero(zero));
    let [plane, out] = window.planes(1)?.map(|size| size as usize);
    let (depth, outputs) = (depth as usize, outputs as usize);
    let patch = &mut workspace.patch[..inputs];
    let whole = window.is_inside();
    patch.fill(0);
    for (image, y) in y.chunks_exact_mut(m as usize * out).enumerate() {
        for (group, w) in w.chunks_exact(group_words as usize).enumerate() {
            let first = group * outputs;
            let x = &x[(image * c as usize + group * depth) * plane..][..depth * plane];
            window.outputs(|index, at| {
                window.gather(at, x, if whole { None } else { Some(outside) }, patch, centred);
                sums(patch, w, |channel, sums| {
                    for (channel, sum) in (first + channel..first + outputs).zip(sums) {
                        y[channel * out + index] = sum.wrapping_add(correction.bias(channel, zero));
                    }
                });
            });
        }
    }
    Ok(())
}

/// `a, kind and value of its zero point, w, sums of the weights, bias, y, rows, K, columns`: the sums of a matrix product
/// (s32). w: what `sums` takes for the columns.
#[inline(never)]
pub fn matrix(args: &[u32], memory: &mut Memory<'_>, workspace: &mut Workspace) -> Checked {
    let [a, kind, zero, w, w_sums, bias, y, rows, depth, columns] = arguments(args)?;
    if depth == 0 || columns == 0 {
        return Err("a matrix is empty");
    }
    let inputs = inputs(depth.into())?;
    let correction = Correction::new(kind, zero, w_sums, bias, columns.into(), memory)?;
    let reads = [bytes(a, product(&[rows, depth])?), words(w, weights(columns, inputs)?), correction.region()];
    let write = words(y, product(&[rows, columns])?);
    let Some(([y], [a, w, zero])) = memory.split([write], reads)? else { return Ok(()) };
    let (w, zero) = (as_u32(w), correction.zero(zero));
    let patch = &mut workspace.patch[..inputs];
    patch[inputs - 1] = 0;
    for (y, a) in as_i32_mut(y).chunks_exact_mut(columns as usize).zip(a.chunks_exact(depth as usize)) {
        for (to, a) in patch.iter_mut().zip(a) {
            *to = centred(*a);
        }
        sums(patch, w, |first, sums| {
            for (column, (y, sum)) in (first..).zip(y[first..].iter_mut().zip(sums)) {
                *y = sum.wrapping_add(correction.bias(column, zero));
            }
        });
    }
    Ok(())
}
