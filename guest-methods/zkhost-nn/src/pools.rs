//! Pools: the largest value of a window, or the mean of it.

use crate::choices::Type;
use crate::memory::{as_f32, as_f32_mut, as_i16, as_i32, as_u32, bytes, words, Memory};
use crate::plan::first;
use crate::sums::{Window, WINDOW};
use crate::Checked;

/// `type, x, y, planes, window`: the largest value in each window; positions outside do not count. Bytes or f32.
pub fn max(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let ([kind, x, y, planes], window) = first(args)?;
    let (kind, window) = (Type::new(kind)?, Window::new(window)?);
    if matches!(kind, Type::Word | Type::Double) {
        return Err("neither s32 nor f64 is pooled");
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
        sum / self.divisor(window, at, inside) as f32
    }

    /// What the sum of the positions that lie inside is divided by.
    fn divisor(&self, window: &Window, at: [u32; 3], inside: u32) -> u32 {
        if self.count_pads {
            window.counted(at, &self.pads)
        } else {
            inside
        }
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

/// A window's sum of bytes, and what its output is for each.
///
/// The output is a monotone function of the sum of the window's values, added one after the other in f32: it is the lowest
/// byte, and one more for each of `thresholds` that the sum reaches. Nearly always the sum of the bytes tells it: `table` has
/// the output for each, or -1 - level where the roundings of the additions decide and the output is `level` above the
/// lowest at least.
#[derive(Clone, Copy)]
struct Case<'p> {
    /// Positions of the window that lie inside.
    inside: u32,
    /// What their sum is divided by.
    divisor: u32,
    /// As `ordered` numbers them, in ascending order.
    thresholds: &'p [i32],
    /// Empty where it would be too large.
    table: &'p [i16],
    lowest: u32,
}

impl Case<'_> {
    #[inline(always)]
    fn output(&self, sum: u32, floats: impl FnOnce() -> f32) -> u8 {
        match self.table.get(sum as usize) {
            Some(entry) if *entry >= 0 => *entry as u8,
            entry => self.above(entry.map_or(0, |entry| (-1 - *entry) as usize), floats()),
        }
    }

    fn above(&self, mut level: usize, sum: f32) -> u8 {
        let sum = ordered(sum);
        while self.thresholds.get(level).is_some_and(|threshold| sum >= *threshold) {
            level += 1;
        }
        (self.lowest as usize + level) as u8
    }
}

/// Numbers f32 in their order.
fn ordered(value: f32) -> i32 {
    let bits = value.to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// Cases of one operation, at most.
const CASES: usize = 64;

/// `x, y, planes, count pads, values, low, high, cases, then of each case: inside, divisor, thresholds, 1 or 0 for with or
/// without a table, table; 6 counted pads, window`: means of bytes, by onnxruntime's rule. `values` are 256 f32, what each
/// byte stands for; a case has `high - low` thresholds.
pub fn average_bytes(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let ([x, y, planes, count_pads, values, low, high, count], rest) = first(args)?;
    if count == 0 || count as usize > CASES || low > high || high > 255 {
        return Err("a mean's range or cases are none");
    }
    let (list, rest) = rest.split_at_checked(5 * count as usize).ok_or("too few arguments")?;
    let (pads, window) = rest.split_at_checked(6).ok_or("too few arguments")?;
    let (mean, window) = (Mean::new(count_pads, pads)?, Window::new(window)?);
    let values: &[f32; 256] = as_f32(memory.constant(words(values, 256))?).try_into().map_err(|_| "256 values")?;
    let mut cases = [Case { inside: 0, divisor: 0, thresholds: &[], table: &[], lowest: low }; CASES];
    for (case, args) in cases.iter_mut().zip(list.as_chunks::<5>().0) {
        let [inside, divisor, thresholds, tabled, table] = *args;
        if tabled > 1 || inside > 1 << 20 {
            return Err("a mean's range or cases are none");
        }
        let entries = tabled * (255 * inside + 1);
        let table = as_i16(memory.constant(words(table, entries.div_ceil(2).into()))?);
        let thresholds = as_i32(memory.constant(words(thresholds, (high - low).into()))?);
        *case = Case { inside, divisor, thresholds, table: &table[..entries as usize], lowest: low };
    }
    let cases = &cases[..count as usize];
    let [inputs, outputs] = window.planes(planes.into())?;
    let Some(([y], [x])) = memory.split([bytes(y, outputs)], [bytes(x, inputs)])? else { return Ok(()) };
    let [plane, out] = window.planes(1)?.map(|size| size as usize);
    for (x, y) in x.chunks_exact(plane).zip(y.chunks_exact_mut(out)) {
        match cases {
            [case] if case.inside == 4 && case.divisor == 4 && window.is_halving() => {
                halve(case, values, &window, x, y)
            }
            _ => means(cases, values, &mean, &window, x, y)?,
        }
    }
    Ok(())
}

/// A plane's means of any windows.
fn means(cases: &[Case<'_>], values: &[f32; 256], mean: &Mean, window: &Window, x: &[u8], y: &mut [u8]) -> Checked {
    let mut missing = false;
    window.outputs(|index, at| {
        let (mut sum, mut inside) = (0, 0);
        window.positions(at, |position, _| {
            sum += u32::from(x[position]);
            inside += 1;
        });
        let divisor = mean.divisor(window, at, inside);
        let Some(case) = cases.iter().find(|case| case.inside == inside && case.divisor == divisor) else {
            missing = true;
            return;
        };
        y[index] = case.output(sum, || {
            let mut sum = 0f32;
            window.positions(at, |position, _| sum += values[usize::from(x[position])]);
            sum
        });
    });
    if missing {
        return Err("a window that there is no case for");
    }
    Ok(())
}

/// A plane's means of 2 x 2, side by side.
fn halve(case: &Case<'_>, values: &[f32; 256], window: &Window, x: &[u8], y: &mut [u8]) {
    let (width, columns) = (window.input[2] as usize, window.output[2] as usize);
    let whole_words = (x.as_ptr() as usize | width).is_multiple_of(4) && 2 * columns == width;
    let table = case.table;
    for (row, y) in y.chunks_exact_mut(columns).enumerate() {
        let rows = &x[2 * row * width..][..2 * width];
        let output = |column: usize, sum: usize| match table.get(sum) {
            Some(entry) if *entry >= 0 => *entry as u8,
            entry => near(case, values, rows, 2 * column, entry.map_or(0, |entry| (-1 - *entry) as usize)),
        };
        if whole_words {
            let (above, below) = as_u32(rows).split_at(width / 4);
            let words = above.iter().zip(below).zip(y.as_chunks_mut::<2>().0);
            for (pair, ((above, below), y)) in words.enumerate() {
                // Every second byte of both rows, then the others: two sums side by side.
                const EVEN: u32 = 0x00ff_00ff;
                let sums = (above & EVEN) + (above >> 8 & EVEN) + (below & EVEN) + (below >> 8 & EVEN);
                y[0] = output(2 * pair, sums as usize & 0xffff);
                y[1] = output(2 * pair + 1, sums as usize >> 16);
            }
        } else {
            let (above, below) = rows.split_at(width);
            let columns = above.as_chunks::<2>().0.iter().zip(below.as_chunks::<2>().0);
            for (column, (y, ([a, b], [c, d]))) in y.iter_mut().zip(columns).enumerate() {
                *y = output(column, usize::from(*a) + usize::from(*b) + usize::from(*c) + usize::from(*d));
            }
        }
    }
}

/// The mean of two bytes, from `first` on, and the two below them, which is `level` above the lowest at least.
#[inline(never)]
fn near(case: &Case<'_>, values: &[f32; 256], rows: &[u8], first: usize, level: usize) -> u8 {
    let (above, below) = rows.split_at(rows.len() / 2);
    let value = |byte: u8| values[usize::from(byte)];
    let sum = value(above[first]) + value(above[first + 1]);
    case.above(level, (sum + value(below[first])) + value(below[first + 1]))
}

const _: () = assert!(WINDOW == 18);
