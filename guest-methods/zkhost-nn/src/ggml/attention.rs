//! Causal attention.

use super::activations::finite;
use super::exp::exp;
use super::sums;
use crate::memory::{as_f32, as_f32_mut, product as size, words, Memory};
use crate::plan::arguments;
use crate::Checked;

/// `q, k, v, y, scratch, queries, positions, heads, heads of k and v, width, scale`: the queries are those of the last
/// positions; the scratch has a word for each position.
pub fn attention(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [q, k, v, y, scratch, queries, positions, heads, kv_heads, width, scale] = arguments(args)?;
    if queries == 0 || queries > positions || kv_heads == 0 || heads == 0 || heads % kv_heads != 0 || width == 0 {
        return Err("an attention's heads or positions do not fit");
    }
    let scale = f32::from_bits(scale);
    let (of_q, of_k) = (size(&[queries, heads, width])?, size(&[positions, kv_heads, width])?);
    let writes = [words(y, of_q), words(scratch, positions.into())];
    let reads = [words(q, of_q), words(k, of_k), words(v, of_k)];
    let Some(([y, scores], [q, k, v])) = memory.split(writes, reads)? else { return Ok(()) };
    let (q, k, v, scores) = (finite(as_f32(q))?, finite(as_f32(k))?, finite(as_f32(v))?, as_f32_mut(scores));
    let [first, heads, kv_heads, width] = [positions - queries, heads, kv_heads, width].map(|size| size as usize);
    let group = heads / kv_heads;
    let rows = as_f32_mut(y).chunks_exact_mut(width).zip(q.chunks_exact(width));
    for (row, (y, q)) in rows.enumerate() {
        let (seen, head) = (first + row / heads + 1, row % heads / group);
        let scores = &mut scores[..seen];
        let at = |position: usize| (position * kv_heads + head) * width;
        for (position, score) in scores.iter_mut().enumerate() {
            *score = sums::dot(&k[at(position)..][..width], q).single() * scale;
        }
        softmax(scores)?;
        for (element, y) in y.iter_mut().enumerate() {
            let values = v[at(0) + element..].iter().step_by(kv_heads * width);
            *y = sums::dot_of(values.zip(scores.iter())).single();
        }
    }
    Ok(())
}

/// exp(x - max) / sum, the sum taken by fours.
fn softmax(x: &mut [f32]) -> Checked {
    finite(x)?;
    let most = x.iter().fold(f32::NEG_INFINITY, |most, x| if *x > most { *x } else { most });
    let mut sum = 0f64;
    for four in x.chunks_mut(4) {
        let mut e = [0f32; 4];
        for (x, e) in four.iter_mut().zip(&mut e) {
            *x = exp(*x - most);
            *e = *x;
        }
        sum += f64::from((e[0] + e[1]) + (e[2] + e[3]));
    }
    let inverse = (1.0 / sum) as f32;
    x.iter_mut().for_each(|x| *x *= inverse);
    Ok(())
}
