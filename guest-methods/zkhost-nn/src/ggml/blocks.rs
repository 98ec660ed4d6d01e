//! Some rows of quantised weights times a quantised vector: integers within a block, f32 from block to block.

use super::activations::Vector;
use super::dots::{plain, Weight};
use super::product::Rule;
use super::soft::{Factor, Float};

/// Rows that share the loads of a vector.
pub const ROWS: usize = 4;

/// The scales of some rows, one row after the other.
pub struct Rows<'a> {
    pub rule: Rule,
    pub d: &'a [f32],
    pub low: &'a [f32],
    pub mins: &'a [u8],
}

impl Rows<'_> {
    /// Rows of blocks of 32, of the rule Q4 or Q8. Scales of f16 keep all within f32's normal range.
    pub fn by_32<const R: usize, const Q4: bool>(&self, w: &[i8], x: &Vector<'_>, y: &mut [f32]) {
        let (depth, count) = (x.values.len(), x.scales.len());
        let mut totals = [Float::default(); R];
        let d: [&[f32]; R] = core::array::from_fn(|r| &self.d[r * count..][..count]);
        for (block, (x, e)) in x.values.as_chunks::<32>().0.iter().zip(x.scales).enumerate() {
            let sums = dots::<R, i8>(w, depth, 32 * block, x);
            let e = Factor::of(*e);
            for (r, total) in totals.iter_mut().enumerate() {
                let (i, d) = (Factor::integer(sums[r]), Factor::of(d[r][block]));
                let term = if Q4 { Factor::from(i.times(d)).times(e) } else { d.exactly(e).times(i) };
                *total = total.plus(term);
            }
        }
        for (y, total) in y.iter_mut().zip(totals) {
            *y = total.value();
        }
    }

    /// Rows of blocks of 256, eight lanes of 32 each. The vector's scales lie between 2^-80 and 2^80, as `activations` checked.
    pub fn by_256<const R: usize>(&self, w: &[i16], x: &Vector<'_>, y: &mut [f32]) {
        let (depth, count) = (x.values.len(), x.scales.len());
        let (mut totals, mut lanes) = ([Float::default(); R], [[Float::default(); 8]; R]);
        for (block, (values, e)) in x.values.as_chunks::<256>().0.iter().zip(x.scales).enumerate() {
            let e = Factor::of(*e);
            let scales: [Factor; R] = core::array::from_fn(|r| Factor::of(self.d[r * count + block]).times(e).into());
            for (lane, x) in values.as_chunks::<32>().0.iter().enumerate() {
                let sums = dots::<R, i16>(w, depth, 256 * block + 32 * lane, x);
                for r in 0..R {
                    lanes[r][lane] = lanes[r][lane].plus(scales[r].times(Factor::integer(sums[r])));
                }
            }
            if self.rule == Rule::Q4K {
                let sums = &x.sums[8 * block..][..8];
                for (r, total) in totals.iter_mut().enumerate() {
                    let mins = &self.mins[8 * (r * count + block)..][..8];
                    let sum: i32 = mins.iter().zip(sums).map(|(m, sum)| i32::from(*m) * sum).sum();
                    let low: Factor = Factor::of(self.low[r * count + block]).times(e).into();
                    *total = total.plus(low.times(Factor::integer(-sum)));
                }
            }
        }
        for (y, (total, lanes)) in y.iter_mut().zip(totals.iter().zip(lanes)) {
            *y = lanes.iter().fold(*total, |total, lane| total.plus(*lane)).value();
        }
    }
}

/// The sums of products of some rows with a block, which begins at `at` in each row of `depth`.
#[inline(always)]
fn dots<const R: usize, T: Weight>(w: &[T], depth: usize, at: usize, x: &[i8; 32]) -> [i32; R] {
    let rows: [&[T; 32]; R] =
        core::array::from_fn(|r| w[r * depth + at..].first_chunk().expect("a block lies within its row"));
    if R == ROWS {
        let sums = T::four(core::array::from_fn(|r| rows[r % R]), x);
        return core::array::from_fn(|r| sums[r % ROWS]);
    }
    plain(rows, x)
}
