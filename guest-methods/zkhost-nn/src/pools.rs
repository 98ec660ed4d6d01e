//! Pools: the largest value of a window, or the mean of it.

use crate::choices::Type;
use crate::memory::{as_f32, as_f32_mut, bytes, words, Memory};
use crate::plan::first;
use crate::requantize::round;
use crate::sums::{Window, WINDOW};
use crate::Checked;

/// `type, x, y, planes, window`: the largest value in each window; positions outside do not count. Bytes or f32.
pub fn max(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let ([kind, x, y, planes], window) = first(args)?;
    let (kind, window) = (Type::new(kind)?, Window::new(window)?);
    if kind == Type::Word {
        return Err("s32 is not pooled");
    }
    let [inputs, outputs] = window.planes(planes.into())?;
    let Some(([y], [x])) = memory.split([kind.region(y, outputs)], [kind.region(x, inputs)])? else {
        return Ok(());
    };
    let [plane, out] = window.planes(1)?.map(|size| size as usize);
    if kind == Type::Byte {
        for (x, y) in x.chunks_exact(plane).zip(y.chunks_exact_mut(out)) {
            window.outputs(|index, at| {
                let mut best = 0;
                window.positions(at, |position, _| best = best.max(x[position]));
                y[index] = best;
            });
        }
        return Ok(());
    }
    for (x, y) in as_f32(x).chunks_exact(plane).zip(as_f32_mut(y).chunks_exact_mut(out)) {
        window.outputs(|index, at| {
            let mut best = f32::NEG_INFINITY;
            window.positions(at, |position, _| best = if x[position] > best { x[position] } else { best });
            y[index] = best;
        });
    }
    Ok(())
}

/// The mean of a window: what its sum is divided by.
struct Mean {
    count_pads: bool,
    pads: [u32; 6],
}

impl Mean {
    fn new(count_pads: u32, pads: &[u32]) -> Checked<Self> {
        let pads = pads.try_into().map_err(|_| "a wrong number of pads")?;
        if count_pads > 1 {
            return Err("no such mean");
        }
        Ok(Self { count_pads: count_pads == 1, pads })
    }

    fn of(&self, window: &Window, at: [u32; 3], value: impl Fn(usize) -> f32) -> f32 {
        let (mut sum, mut inside) = (0f32, 0);
        window.positions(at, |position, _| {
            sum += value(position);
            inside += 1;
        });
        sum / if self.count_pads { window.counted(at, &self.pads) } else { inside } as f32
    }
}

/// `x, y, planes, count pads, 6 counted pads, window`: means of f32.
pub fn average(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let ([x, y, planes, count_pads], rest) = first(args)?;
    let (pads, window) = rest.split_at_checked(6).ok_or("too few arguments")?;
    let (mean, window) = (Mean::new(count_pads, pads)?, Window::new(window)?);
    let [inputs, outputs] = window.planes(planes.into())?;
    let Some(([y], [x])) = memory.split([words(y, outputs)], [words(x, inputs)])? else { return Ok(()) };
    let [plane, out] = window.planes(1)?.map(|size| size as usize);
    for (x, y) in as_f32(x).chunks_exact(plane).zip(as_f32_mut(y).chunks_exact_mut(out)) {
        window.outputs(|index, at| y[index] = mean.of(&window, at, |position| x[position]));
    }
    Ok(())
}

/// `x, y, planes, count pads, values, y scale, zero, low, high, subtracted, 6 counted pads, window`: means of bytes, by
/// onnxruntime's rule. `values` are 256 f32, what each byte stands for; zero, low and high have `shift` in them, and
/// `subtracted` leads from there to bytes.
pub fn average_bytes(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let ([x, y, planes, count_pads, values, scale, zero, low, high, subtracted], rest) = first(args)?;
    let (pads, window) = rest.split_at_checked(6).ok_or("too few arguments")?;
    let (mean, window) = (Mean::new(count_pads, pads)?, Window::new(window)?);
    let values = as_f32(memory.constant(words(values, 256))?);
    let (scale, zero, low, high) = (f32::from_bits(scale), zero as i32, low as i32, high as i32);
    if !crate::requantize::valid(scale) || low > high || low < -1024 || high > 1024 {
        return Err("a mean's range or scale is none");
    }
    let [inputs, outputs] = window.planes(planes.into())?;
    let Some(([y], [x])) = memory.split([bytes(y, outputs)], [bytes(x, inputs)])? else { return Ok(()) };
    let [plane, out] = window.planes(1)?.map(|size| size as usize);
    for (x, y) in x.chunks_exact(plane).zip(y.chunks_exact_mut(out)) {
        window.outputs(|index, at| {
            let value = mean.of(&window, at, |position| values[usize::from(x[position])]) / scale + zero as f32;
            y[index] = (round(value, low, high) - subtracted as i32) as u8;
        });
    }
    Ok(())
}

const _: () = assert!(WINDOW == 18);
