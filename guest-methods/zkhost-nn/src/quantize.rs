//! Between s32, f32 and bytes: requantisation, quantisation, tables, sums of two quantised tensors.

use crate::choices::Type;
use crate::memory::{as_f32, as_f32_mut, as_i32, as_u32, as_u32_mut, bytes, product, words, Memory};
use crate::moves::AXES;
use crate::plan::arguments;
use crate::requantize::{round, valid, Output, Requantize, OFFSET};
use crate::sums::pairs;
use crate::Checked;

/// Elements as (outer, channels, inner): which of the parameters is whose.
struct Channels {
    outer: usize,
    channels: usize,
    inner: usize,
    count: u64,
    /// Parameters: one, or one a channel.
    parameters: usize,
}

impl Channels {
    fn new([outer, channels, inner]: [u32; 3], parameters: u32) -> Checked<Self> {
        let count = product(&[outer, channels, inner])?;
        if count == 0 || (parameters != 1 && parameters != channels) {
            return Err("parameters for another number of channels");
        }
        let (outer, channels, inner) = (outer as usize, channels as usize, inner as usize);
        Ok(Self { outer, channels, inner, count, parameters: parameters as usize })
    }

    /// Calls `each` with a parameter's index and the elements it is for.
    fn each(&self, mut each: impl FnMut(usize, core::ops::Range<usize>)) {
        if self.parameters == 1 {
            return each(0, 0..self.count as usize);
        }
        for index in 0..self.outer * self.channels {
            each(index % self.channels, index * self.inner..(index + 1) * self.inner);
        }
    }
}

fn scales<'a>(memory: &Memory<'a>, at: u32, count: u32) -> Checked<&'a [f32]> {
    let scales = as_f32(memory.constant(words(at, count.into()))?);
    if scales.iter().all(|scale| valid(*scale)) { Ok(scales) } else { Err("a scale is not positive and finite") }
}

/// `x, y, outer, channels, inner, scales, their number, zero, low, high`: s32 to bytes.
pub fn requantize(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, y, outer, channels, inner, scale, count, zero, low, high] = arguments(args)?;
    let layout = Channels::new([outer, channels, inner], count)?;
    let (scales, output) = (scales(memory, scale, count)?, Output::new(zero, low, high)?);
    let Some(([y], [x])) = memory.split([bytes(y, layout.count)], [words(x, layout.count)])? else {
        return Ok(());
    };
    let x = as_i32(x);
    layout.each(|index, range| {
        let requantize = Requantize::new(scales[index], 0, output);
        for (y, x) in y[range.clone()].iter_mut().zip(&x[range]) {
            let lane = x.wrapping_add(OFFSET) as u32;
            *y = if lane < 1 << 24 { requantize.apply(lane << 7) } else { requantize.emulate(*x) };
        }
    });
    Ok(())
}

/// `x, y, outer, channels, inner, scales, zeros, number of both, low, high, added`: f32 to bytes. Zeros, low and high are of
/// the tensor's own type, s8 or u8; `added` is what bytes have more, 128 for s8.
pub fn quantize(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, y, outer, channels, inner, scale, zero, count, low, high, added] = arguments(args)?;
    let layout = Channels::new([outer, channels, inner], count)?;
    let scales = scales(memory, scale, count)?;
    let zeros = as_i32(memory.constant(words(zero, count.into()))?);
    let (low, high, added) = (low as i32, high as i32, added as i32);
    if !zeros.iter().chain([&low, &high]).all(|value| (0..256).contains(&value.wrapping_add(added))) || low > high {
        return Err("a quantisation's range is not one");
    }
    let Some(([y], [x])) = memory.split([bytes(y, layout.count)], [words(x, layout.count)])? else {
        return Ok(());
    };
    let x = as_f32(x);
    layout.each(|index, range| {
        let (scale, zero) = (scales[index], zeros[index]);
        for (y, x) in y[range.clone()].iter_mut().zip(&x[range]) {
            *y = (round(x / scale, low - zero, high - zero) + zero + added) as u8;
        }
    });
    Ok(())
}

/// `type, x, y, outer, channels, inner, scales, zeros, number of both`: bytes or s32 to f32.
pub fn dequantize(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [kind, x, y, outer, channels, inner, scale, zero, count] = arguments(args)?;
    let layout = Channels::new([outer, channels, inner], count)?;
    let kind = Type::new(kind)?;
    let scales = as_f32(memory.constant(words(scale, count.into()))?);
    let zeros = as_i32(memory.constant(words(zero, count.into()))?);
    if kind == Type::Float {
        return Err("f32 is not dequantised");
    }
    let Some(([y], [x])) = memory.split([words(y, layout.count)], [kind.region(x, layout.count)])? else {
        return Ok(());
    };
    let y = as_f32_mut(y);
    layout.each(|index, range| {
        let (scale, zero) = (scales[index], zeros[index]);
        for at in range {
            let value = if kind == Type::Byte { x[at].into() } else { as_i32(x)[at] };
            y[at] = value.wrapping_sub(zero) as f32 * scale;
        }
    });
    Ok(())
}

/// `x, count, y, scale, zero`: DynamicQuantizeLinear.
pub fn dynamic(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, count, y, scale, zero] = arguments(args)?;
    let writes = [bytes(y, count.into()), words(scale, 1), bytes(zero, 1)];
    let Some(([y, scale_at, zero_at], [x])) = memory.split(writes, [words(x, count.into())])? else {
        return Ok(());
    };
    let x = as_f32(x);
    let (mut low, mut high) = (0f32, 0f32);
    for x in x {
        if !x.is_finite() {
            return Err("a value to quantise is not finite");
        }
        low = if *x < low { *x } else { low };
        high = if *x > high { *x } else { high };
    }
    let scale = if high == low { 1.0 } else { (high - low) / 255.0 };
    let zero = round(0.0 - low / scale, 0, 255);
    for (y, x) in y.iter_mut().zip(x) {
        // The quotient is clamped before it is rounded, as MLAS does, which leaves the same integers.
        *y = (round(x / scale, -zero, 255 - zero) + zero) as u8;
    }
    as_f32_mut(scale_at)[0] = scale;
    zero_at[0] = zero as u8;
    Ok(())
}

/// `size, x, count, table, y`: a table's entries, of 1 or 4 bytes.
pub fn table(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [size, x, count, table, y] = arguments(args)?;
    let element = |at, count| crate::memory::elements(size, at, count);
    let reads = [bytes(x, count.into()), element(table, 256)?];
    let Some(([y], [x, table])) = memory.split([element(y, count.into())?], reads)? else { return Ok(()) };
    if size == 4 {
        let table = as_u32(table);
        for (y, x) in as_u32_mut(y).iter_mut().zip(x) {
            *y = table[usize::from(*x)];
        }
        return Ok(());
    }
    let table: &[u8; 256] = table.try_into().map_err(|_| "a table of 256 bytes")?;
    let (mut y, mut x) = (y.chunks_exact_mut(8), x.chunks_exact(8));
    for (y, x) in y.by_ref().zip(x.by_ref()) {
        for i in 0..8 {
            y[i] = table[usize::from(x[i])];
        }
    }
    for (y, x) in y.into_remainder().iter_mut().zip(x.remainder()) {
        *y = table[usize::from(*x)];
    }
    Ok(())
}

/// `a, b, tables, y, low, high, shape, strides of a, strides of b`: QLinearAdd. The tables are 2 x 256 f32, ratio times
/// value for each byte of a and of b, then `fixed`: y = clamp(rint((fixed + A[a]) + B[b])).
pub fn add(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 7 + 3 * AXES] = arguments(args)?;
    let [a, b, tables, y, low, high, added] = [all[0], all[1], all[2], all[3], all[4], all[5], all[6]];
    let tables = as_f32(memory.constant(words(tables, 513))?);
    let (low, high) = (low as i32, high as i32);
    if low > high || low < -128 || high > 255 || !tables.iter().all(|value| value.is_finite()) {
        return Err("a sum's range or factors are none");
    }
    let fixed = tables[512];
    pairs(1, a, b, bytes(y, product(&all[7..13])?), &all[7..], memory, |a, b, at, y| {
        let sum = (fixed + tables[usize::from(a[0])]) + tables[256 + usize::from(b[0])];
        y[at] = (round(sum, low, high) + added as i32) as u8;
    })
}
