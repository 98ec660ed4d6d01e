//! ggml: what llama.cpp computes on a CPU without vector instructions, bit for bit. `zkhost.ml.ops.ggml` is the contract.

mod activations;
mod attention;
mod blocks;
mod dots;
mod exp;
mod product;
pub(crate) mod soft;
mod sums;

use crate::memory::{as_f32, as_f32_mut, product as size, words, Memory};
use crate::plan::arguments;
use crate::Checked;
use activations::finite;
pub use attention::attention;
pub use product::product;

const NOT_FINITE: &str = "a value of a ggml operation is not finite";

/// `x, weight, y, rows, width, eps`: RMS norm of rows.
pub fn norm(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, weight, y, rows, width, eps] = arguments(args)?;
    let eps = f32::from_bits(eps);
    if width == 0 || !(eps > 0.0 && eps.is_finite()) {
        return Err("a norm of nothing");
    }
    let count = size(&[rows, width])?;
    let reads = [words(x, count), words(weight, width.into())];
    let Some(([y], [x, weight])) = memory.split([words(y, count)], reads)? else { return Ok(()) };
    let (x, weight, width) = (as_f32(x), as_f32(weight), width as usize);
    for (y, x) in as_f32_mut(y).chunks_exact_mut(width).zip(x.chunks_exact(width)) {
        let x = finite(x)?;
        let mean = (sums::dot(x, x).double() / width as f64) as f32;
        let scale = 1.0 / libm::sqrtf(mean + eps);
        for (y, (x, weight)) in y.iter_mut().zip(x.iter().zip(weight)) {
            *y = (*x * scale) * *weight;
        }
    }
    Ok(())
}

/// `x, table, y, rows, heads, width, pairs`: rotary positions; the table has (cos, sin) for each row and pair.
pub fn rope(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [x, table, y, rows, heads, width, pairs] = arguments(args)?;
    if rows == 0 || width == 0 || heads == 0 || pairs == 0 || u64::from(pairs) * 2 > width.into() {
        return Err("a rotation of more than a head");
    }
    let count = size(&[rows, heads, width])?;
    let reads = [words(x, count), words(table, size(&[rows, pairs, 2])?)];
    let Some(([y], [x, table])) = memory.split([words(y, count)], reads)? else { return Ok(()) };
    let (heads, width, pairs) = (heads as usize, width as usize, pairs as usize);
    let (table, _) = as_f32(table).as_chunks::<2>();
    let rows = as_f32_mut(y).chunks_exact_mut(heads * width).zip(as_f32(x).chunks_exact(heads * width));
    for ((y, x), angles) in rows.zip(table.chunks_exact(pairs)) {
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let ((turned, still), (x, rest)) = (y.split_at_mut(2 * pairs), x.split_at(2 * pairs));
            for ((y, x), [c, s]) in turned.as_chunks_mut::<2>().0.iter_mut().zip(x.as_chunks::<2>().0).zip(angles) {
                *y = [x[0] * c - x[1] * s, x[0] * s + x[1] * c];
            }
            still.copy_from_slice(rest);
        }
    }
    Ok(())
}

/// `gate, up, y, count`: SwiGLU.
pub fn swiglu(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [gate, up, y, count] = arguments(args)?;
    let count = count.into();
    let Some(([y], [gate, up])) = memory.split([words(y, count)], [words(gate, count), words(up, count)])? else {
        return Ok(());
    };
    let gate = finite(as_f32(gate))?;
    for (y, (gate, up)) in as_f32_mut(y).iter_mut().zip(gate.iter().zip(as_f32(up))) {
        *y = exp::swiglu(*gate, *up);
    }
    Ok(())
}
