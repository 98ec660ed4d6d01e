//! Copies, fills and gathers, and the walk over strided arrays that other operations share.

use crate::memory::{as_i32, as_u32, as_u32_mut, bytes, elements, product, words, Memory, Region};
use crate::plan::arguments;
use crate::Checked;

/// Axes of a strided walk; arrays of fewer have ones in front.
pub const AXES: usize = 6;

/// The elements of a strided array, relative to its first.
pub struct Strided {
    shape: [u32; AXES],
    strides: [i32; AXES],
    low: i64,
    high: i64,
}

impl Strided {
    pub fn new(shape: &[u32], strides: &[u32]) -> Checked<Self> {
        let shape: [u32; AXES] = shape.try_into().map_err(|_| "a shape of another rank")?;
        let strides: [u32; AXES] = strides.try_into().map_err(|_| "strides of another rank")?;
        let strides = strides.map(|stride| stride as i32);
        if product(&shape)? == 0 {
            return Err("an empty array");
        }
        let (mut low, mut high) = (0i64, 0i64);
        for (count, stride) in shape.iter().zip(strides) {
            let reach = i64::from(count - 1) * i64::from(stride);
            low = low.checked_add(reach.min(0)).ok_or("strides are out of range")?;
            high = high.checked_add(reach.max(0)).ok_or("strides are out of range")?;
        }
        if high - low >= 1 << 31 {
            return Err("strides are out of range");
        }
        Ok(Self { shape, strides, low, high })
    }

    /// The region that the array touches, its first element at `at`, and that element's index in it.
    pub fn region(&self, size: u32, at: u32) -> Checked<(Region, usize)> {
        let space = at & crate::memory::CONSTANT;
        let start = i64::from(at & !crate::memory::CONSTANT) + self.low * i64::from(size);
        let start = u32::try_from(start).ok().filter(|start| start & space == 0 && *start < 1 << 31);
        let start = start.ok_or("a region does not lie within memory")?;
        Ok((elements(size, start | space, (self.high - self.low + 1) as u64)?, (-self.low) as usize))
    }

    /// Calls `row` with the offset of each run along the last axis, in order; offsets of several arrays of one shape go together.
    pub fn rows<const N: usize>(arrays: [&Self; N], mut row: impl FnMut([isize; N])) {
        let Some(first) = arrays.first() else { return };
        let mut index = [0u32; AXES - 1];
        let mut at = [0isize; N];
        loop {
            row(at);
            let mut axis = AXES - 1;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                for (at, array) in at.iter_mut().zip(arrays) {
                    *at += array.strides[axis] as isize;
                }
                if index[axis] < first.shape[axis] {
                    break;
                }
                for (at, array) in at.iter_mut().zip(arrays) {
                    *at -= array.strides[axis] as isize * first.shape[axis] as isize;
                }
                index[axis] = 0;
            }
        }
    }

    /// The same with one run along the last axis in the place of many, how many they were, and the stride between them. None where
    /// they do not follow each other upwards.
    fn one_row(&self) -> Option<(Self, usize, usize)> {
        let axis = AXES - 2;
        let (rows, step) = (self.shape[axis] as usize, usize::try_from(self.strides[axis]).ok()?);
        let mut shape = self.shape;
        shape[axis] = 1;
        Some((Self { shape, ..*self }, rows, step))
    }

    /// Length of a run, and the stride along it.
    pub fn run(&self) -> (usize, isize) {
        (self.shape[AXES - 1] as usize, self.strides[AXES - 1] as isize)
    }
}

/// `size, destination, count, value`: every element becomes `value`.
pub fn fill(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [size, to, count, value] = arguments(args)?;
    if let Some(([to], [])) = memory.split([elements(size, to, count.into())?], [])? {
        match size {
            1 => to.fill(value as u8),
            _ => as_u32_mut(to).fill(value),
        }
    }
    Ok(())
}

/// `destination, count, source`: every byte becomes the one at `source`.
pub fn fill_from(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [to, count, from] = arguments(args)?;
    if let Some(([to], [from])) = memory.split([bytes(to, count.into())], [bytes(from, 1)])? {
        to.fill(from[0]);
    }
    Ok(())
}

/// `size, source, destination, shape, strides of the source, strides of the destination`, in elements of `size` bytes.
pub fn copy(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 3 + 3 * AXES] = arguments(args)?;
    let [size, from, to] = [all[0], all[1], all[2]];
    let shape = &all[3..9];
    let (source, target) = (Strided::new(shape, &all[9..15])?, Strided::new(shape, &all[15..])?);
    let ((read, first), (write, start)) = (source.region(size, from)?, target.region(size, to)?);
    let Some(([write], [read])) = memory.split([write], [read])? else { return Ok(()) };
    let ((count, step), (_, stride)) = (source.run(), target.run());
    if size == 1 && stride == 1 && step > 0 && (step > 1 || count <= SHORT) {
        if let (Some((source, rows, row_step)), Some((target, _, to_row))) = (source.one_row(), target.one_row()) {
            Strided::rows([&source, &target], |[from, to]| {
                let (from, to) = (first.wrapping_add_signed(from), start.wrapping_add_signed(to));
                copy_rows(&read[from..], (row_step, step as usize), &mut write[to..], to_row, rows, count);
            });
            return Ok(());
        }
    }
    Strided::rows([&source, &target], |[from, to]| {
        let (from, to) = (first.wrapping_add_signed(from), start.wrapping_add_signed(to));
        if size == 1 {
            run(read, from, step, write, to, stride, count);
        } else {
            run(as_u32(read), from, step, as_u32_mut(write), to, stride, count);
        }
    });
    Ok(())
}

#[inline(always)]
fn run<T: Copy>(read: &[T], from: usize, step: isize, write: &mut [T], to: usize, stride: isize, count: usize) {
    if step == 1 && stride == 1 {
        write[to..to + count].copy_from_slice(&read[from..from + count]);
        return;
    }
    let (mut from, mut to) = (from, to);
    for _ in 0..count {
        write[to] = read[from];
        from = from.wrapping_add_signed(step);
        to = to.wrapping_add_signed(stride);
    }
}

/// Rows of so many bytes and fewer are copied one by one: a call of memcpy takes longer.
pub const SHORT: usize = 32;

/// Copies rows of `columns` bytes that are `step` apart, in rows that are `row_step` apart, to rows of neighbouring bytes.
pub fn copy_rows(
    from: &[u8],
    (row_step, step): (usize, usize),
    to: &mut [u8],
    to_row: usize,
    rows: usize,
    columns: usize,
) {
    let (Some(last), Some(end)) = (rows.checked_sub(1), columns.checked_sub(1)) else { return };
    assert!(last * row_step + end * step < from.len() && last * to_row + end < to.len());
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    let all = from as usize | to as usize | row_step | to_row | columns;
    // SAFETY: rows lie within the slices, by the assertion, and those do not overlap; pairs are aligned where all sizes and
    // addresses are even.
    unsafe {
        match step {
            1 if all & 1 == 0 => {
                each_row::<u16, 1>(from.cast(), (row_step / 2, 1), to.cast(), to_row / 2, rows, columns / 2)
            }
            1 => each_row::<u8, 1>(from, (row_step, 1), to, to_row, rows, columns),
            2 => each_row::<u8, 2>(from, (row_step, 2), to, to_row, rows, columns),
            _ => each_row::<u8, 0>(from, (row_step, step), to, to_row, rows, columns),
        }
    }
}

/// Copies rows of `columns` elements. `STEP` is from one to the next; 0 is `step`.
///
/// # Safety
/// All rows must be readable from `from`, `row_step` apart, and writable from `to`, `to_row` apart, and not overlap; all that
/// in elements, which both pointers must be aligned for.
#[inline(never)]
unsafe fn each_row<T, const STEP: usize>(
    mut from: *const T,
    (row_step, step): (usize, usize),
    mut to: *mut T,
    to_row: usize,
    rows: usize,
    columns: usize,
) {
    let step = if STEP == 0 { step } else { STEP };
    // SAFETY: by this function's contract; pointers are moved on beyond the last element, where nothing is read or written.
    // Reads are volatile because the compiler makes calls of memcpy of others.
    unsafe {
        for _ in 0..rows {
            let (mut element, mut to_element) = (from, to);
            macro_rules! copy {
                ($($at:literal)*) => {{
                    $(to_element.add($at).write(element.wrapping_add($at * step).read_volatile());)*
                }};
            }
            let four = to.add(columns & !3);
            while to_element != four {
                copy!(0 1 2 3);
                (element, to_element) = (element.wrapping_add(4 * step), to_element.add(4));
            }
            if columns & 2 != 0 {
                copy!(0 1);
                (element, to_element) = (element.wrapping_add(2 * step), to_element.add(2));
            }
            if columns & 1 != 0 {
                copy!(0);
            }
            (from, to) = (from.wrapping_add(row_step), to.wrapping_add(to_row));
        }
    }
}

/// Copies bytes to elements that are `step` apart.
pub fn scatter(from: &[u8], to: &mut [u8], step: usize) {
    let Some(last) = from.len().checked_sub(1) else { return };
    assert!(last * step < to.len());
    if step == 1 {
        return to[..from.len()].copy_from_slice(from);
    }
    let mut to = to.as_mut_ptr();
    let (four, rest) = from.as_chunks::<4>();
    // SAFETY: all that is written lies within the slice, by the assertion; the pointer is moved on beyond the last element, where
    // nothing is written.
    unsafe {
        for bytes in four {
            for byte in bytes {
                *to = *byte;
                to = to.wrapping_add(step);
            }
        }
        for byte in rest {
            *to = *byte;
            to = to.wrapping_add(step);
        }
    }
}

/// `source, destination, count`: bytes with their top bit flipped, which turns s8 into what plans keep, and back.
pub fn flip(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [from, to, count] = arguments(args)?;
    let count = u64::from(count);
    if let Some(([to], [from])) = memory.split([bytes(to, count)], [bytes(from, count)])? {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from ^ 0x80;
        }
    }
    Ok(())
}

/// `table, rows, bytes of a row, index, count, destination`: rows of a table by s32 index, negative ones from the end.
pub fn gather(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [table, rows, width, index, count, to] = arguments(args)?;
    let write = bytes(to, product(&[count, width])?);
    let reads = [bytes(table, product(&[rows, width])?), words(index, count.into())];
    let Some(([write], [table, index])) = memory.split([write], reads)? else { return Ok(()) };
    let width = width as usize;
    if width == 0 {
        return Ok(());
    }
    for (to, index) in write.chunks_exact_mut(width).zip(as_i32(index)) {
        let row = if *index < 0 { i64::from(*index) + i64::from(rows) } else { (*index).into() };
        let row = usize::try_from(row).ok().filter(|row| *row < rows as usize);
        let row = row.ok_or("an index of a gather is out of range")?;
        to.copy_from_slice(&table[row * width..][..width]);
    }
    Ok(())
}
