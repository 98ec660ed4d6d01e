//! ArgMax, TopK and Threshold: what is chosen among values.

use crate::memory::{as_f32, as_i32, as_i32_mut, as_u32, as_u32_mut, bytes, product, words, Memory, Region};
use crate::plan::arguments;
use crate::Checked;

/// The types that values have: bytes, s32, f32 and f64.
#[derive(Clone, Copy, PartialEq)]
pub enum Type {
    Byte,
    Word,
    Float,
    Double,
}

impl Type {
    pub fn new(code: u32) -> Checked<Self> {
        Ok(match code {
            0 => Self::Byte,
            1 => Self::Word,
            2 => Self::Float,
            3 => Self::Double,
            _ => return Err("no such type"),
        })
    }

    pub fn region(self, at: u32, count: u64) -> Region {
        match self {
            Self::Byte => bytes(at, count),
            Self::Word | Self::Float => words(at, count),
            Self::Double => words(at, count.saturating_mul(2)),
        }
    }
}

/// Values that are compared; floats without NaN.
#[derive(Clone, Copy)]
enum Values<'a> {
    Byte(&'a [u8]),
    Word(&'a [i32]),
    Float(&'a [f32]),
    Double(&'a [[u32; 2]]),
}

impl<'a> Values<'a> {
    fn new(kind: Type, data: &'a [u8]) -> Self {
        match kind {
            Type::Byte => Self::Byte(data),
            Type::Word => Self::Word(as_i32(data)),
            Type::Float => Self::Float(as_f32(data)),
            Type::Double => Self::Double(as_u32(data).as_chunks().0),
        }
    }

    #[inline]
    fn less(&self, a: usize, b: usize) -> bool {
        match self {
            Self::Byte(values) => values[a] < values[b],
            Self::Word(values) => values[a] < values[b],
            Self::Float(values) => values[a] < values[b],
            Self::Double(values) => double(values[a]) < double(values[b]),
        }
    }

    /// A value's bytes as memory has them, and how many they are.
    fn bytes(&self, at: usize) -> ([u8; 8], usize) {
        let (bits, count) = match self {
            Self::Byte(values) => (values[at].into(), 1),
            Self::Word(values) => (u64::from(values[at] as u32), 4),
            Self::Float(values) => (values[at].to_bits().into(), 4),
            Self::Double(values) => (double(values[at]).to_bits(), 8),
        };
        (bits.to_le_bytes(), count)
    }
}

/// An f64 of its low and its high word.
fn double([low, high]: [u32; 2]) -> f64 {
    f64::from_bits(u64::from(low) | u64::from(high) << 32)
}

/// `type, x, rows, width, last, y`: the position (s32) of each row's largest value, the first of equals or the last.
pub fn arg_max(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [kind, x, rows, width, last, y] = arguments(args)?;
    let kind = Type::new(kind)?;
    if width == 0 || last > 1 {
        return Err("a row of nothing has no largest value");
    }
    let read = kind.region(x, product(&[rows, width])?);
    let Some(([y], [x])) = memory.split([words(y, rows.into())], [read])? else { return Ok(()) };
    let x = Values::new(kind, x);
    let (width, last) = (width as usize, last == 1);
    for (row, y) in as_i32_mut(y).iter_mut().enumerate() {
        let row = row * width..(row + 1) * width;
        let best = match x {
            Values::Byte(values) => largest(values[row].iter().copied(), last),
            Values::Word(values) => largest(values[row].iter().copied(), last),
            Values::Float(values) => largest(values[row].iter().copied(), last),
            Values::Double(values) => largest(values[row].iter().copied().map(double), last),
        };
        *y = best as i32;
    }
    Ok(())
}

/// The position of the largest value, the first of equals or the last.
#[inline(never)]
fn largest<T: PartialOrd>(mut values: impl Iterator<Item = T>, last: bool) -> usize {
    let Some(mut most) = values.next() else { return 0 };
    let mut best = 0;
    for (at, value) in values.enumerate() {
        if if last { most <= value } else { most < value } {
            (best, most) = (at + 1, value);
        }
    }
    best
}

/// `type, x, rows, width, k, largest, values, indices`: the k largest (or smallest) of each row in order, of equals the first.
pub fn top_k(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [kind, x, rows, width, k, largest, values, indices] = arguments(args)?;
    let kind = Type::new(kind)?;
    if k == 0 || k > width || largest > 1 {
        return Err("k is out of range");
    }
    let count = product(&[rows, k])?;
    let writes = [kind.region(values, count), words(indices, count)];
    let read = kind.region(x, product(&[rows, width])?);
    let Some(([values, indices], [x])) = memory.split(writes, [read])? else { return Ok(()) };
    let x = Values::new(kind, x);
    let (k, width) = (k as usize, width as usize);
    let indices = as_u32_mut(indices);
    let before = |a: usize, b: usize| if largest == 1 { x.less(b, a) } else { x.less(a, b) };
    for (row, best) in indices.chunks_exact_mut(k).enumerate() {
        let row = row * width;
        let mut found = 0;
        for at in 0..width {
            // An insertion that keeps equals in their order.
            let mut place = found;
            while place > 0 && before(row + at, row + best[place - 1] as usize) {
                place -= 1;
            }
            if place < k {
                found = (found + 1).min(k);
                best.copy_within(place..found - 1, place + 1);
                best[place] = at as u32;
            }
        }
        for (i, at) in best.iter().enumerate() {
            let (bytes, count) = x.bytes(row + *at as usize);
            values[(row / width * k + i) * count..][..count].copy_from_slice(&bytes[..count]);
        }
    }
    Ok(())
}

/// `type, x, count, limit, y`: 1 where x >= limit, otherwise 0. The limit is an s32, or the bits of an f32 (also of one that
/// f64 values are compared with).
pub fn threshold(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [kind, x, count, limit, y] = arguments(args)?;
    let kind = Type::new(kind)?;
    let read = kind.region(x, count.into());
    let Some(([y], [x])) = memory.split([bytes(y, count.into())], [read])? else { return Ok(()) };
    for (at, y) in y.iter_mut().enumerate() {
        *y = match Values::new(kind, x) {
            Values::Byte(x) => i32::from(x[at]) >= limit as i32,
            Values::Word(x) => x[at] >= limit as i32,
            Values::Float(x) => x[at] >= f32::from_bits(limit),
            Values::Double(x) => double(x[at]) >= f32::from_bits(limit).into(),
        }
        .into();
    }
    Ok(())
}
