//! Products of a tensor of ggml's kinds with vectors.

use super::activations::{self, Vector};
use super::blocks::{Rows, ROWS};
use super::sums;
use crate::memory::{as_f32, as_f32_mut, as_i16, as_i8, bytes, product as size, words, Memory};
use crate::plan::arguments;
use crate::Checked;

/// What is computed of rows of weights and a vector, and how the weights lie in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// f32.
    Float,
    /// f32, with the vector rounded to f16.
    Half,
    /// Blocks of 32 bytes: s += i * (d * e).
    Q8,
    /// Blocks of 32 bytes: s += (i * d) * e.
    Q4,
    /// Blocks of 256 s16 with the scales of their parts in them, ordered by element mod 8; and lows.
    Q4K,
    /// The same without lows.
    Q6K,
}

impl Rule {
    fn new(rule: u32) -> Checked<Self> {
        let rules = [Self::Float, Self::Half, Self::Q8, Self::Q4, Self::Q4K, Self::Q6K];
        rules.get(rule as usize).copied().ok_or("no such product of ggml")
    }

    /// Elements of a block, and bytes of a weight.
    fn block(self) -> (u32, u64) {
        match self {
            Self::Float | Self::Half => (4, 4),
            Self::Q8 | Self::Q4 => (32, 1),
            Self::Q4K | Self::Q6K => (256, 2),
        }
    }
}

/// `rule, w, d, low, mins, x, y, scratch, rows, depth, vectors`: d, and low (Q4_K), are f32 for each row and block; mins
/// (Q4_K) bytes for each 32 elements. The scratch has words: `depth` for each vector of Half; for each vector of bytes one
/// a block (nine where blocks have 256) and depth / 4.
pub fn product(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [rule, w, d, low, mins, x, y, scratch, rows, depth, vectors] = arguments(args)?;
    let rule = Rule::new(rule)?;
    let (block, width) = rule.block();
    let floats = width == 4;
    if rows == 0 || depth == 0 || (!floats && depth % block != 0) {
        return Err("a row is not made of blocks");
    }
    let weights = size(&[rows, depth])?;
    let blocks = if floats { 0 } else { depth / block };
    let scales = size(&[rows, blocks])?;
    let lows = if rule == Rule::Q4K { scales } else { 0 };
    let each = match rule {
        Rule::Float => 0,
        Rule::Half => depth,
        _ => Vector::words(blocks, depth),
    };
    let writes = [words(y, size(&[vectors, rows])?), words(scratch, size(&[vectors, each])?)];
    let reads = [
        words(w, weights * width / 4),
        words(d, scales),
        words(low, lows),
        bytes(mins, 8 * lows),
        words(x, size(&[vectors, depth])?),
    ];
    let Some(([y, scratch], [w, d, low, mins, x])) = memory.split(writes, reads)? else { return Ok(()) };
    let (x, y) = (as_f32(x), as_f32_mut(y));
    let (rows, depth, blocks, each) = (rows as usize, depth as usize, blocks as usize, 4 * each as usize);
    if floats {
        let x = if rule == Rule::Half { activations::halves(x, as_f32_mut(scratch))? } else { activations::finite(x)? };
        for (y, x) in y.chunks_exact_mut(rows).zip(x.chunks_exact(depth)) {
            for (y, w) in y.iter_mut().zip(as_f32(w).chunks_exact(depth)) {
                *y = sums::dot(w, x).single();
            }
        }
        return Ok(());
    }
    for (x, scratch) in x.chunks_exact(depth).zip(scratch.chunks_exact_mut(each)) {
        activations::quantise(x, scratch, blocks)?;
    }
    // Row by row, so that a page of weights is read once.
    let mut row = 0;
    while row < rows {
        let count = if row + ROWS <= rows { ROWS } else { 1 };
        let of = |per: usize| row * per..(row + count) * per;
        let lows = if lows == 0 { 0 } else { blocks };
        let rows_of = Rows { rule, d: &as_f32(d)[of(blocks)], low: &as_f32(low)[of(lows)], mins: &mins[of(8 * lows)] };
        for (y, scratch) in y.chunks_exact_mut(rows).zip(scratch.chunks_exact(each)) {
            let (x, y) = (Vector::of(scratch, blocks), &mut y[row..row + count]);
            match (rule, count) {
                (Rule::Q8, ROWS) => rows_of.by_32::<ROWS, false>(&as_i8(w)[of(depth)], &x, y),
                (Rule::Q8, _) => rows_of.by_32::<1, false>(&as_i8(w)[of(depth)], &x, y),
                (Rule::Q4, ROWS) => rows_of.by_32::<ROWS, true>(&as_i8(w)[of(depth)], &x, y),
                (Rule::Q4, _) => rows_of.by_32::<1, true>(&as_i8(w)[of(depth)], &x, y),
                (_, ROWS) => rows_of.by_256::<ROWS>(&as_i16(w)[of(depth)], &x, y),
                (_, _) => rows_of.by_256::<1>(&as_i16(w)[of(depth)], &x, y),
            }
        }
        row += count;
    }
    Ok(())
}
