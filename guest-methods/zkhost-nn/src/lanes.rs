//! From lanes, three planes of bytes, to what a layer writes: requantised bytes, pooled or not, or sums in s32.

use crate::memory::product;
use crate::moves::{copy_rows, SHORT};
use crate::polyphase::Polyphase;
use crate::program::{Span, CELL};
use crate::requantize::{Channel, Requantize, Rows, OFFSET};
use crate::Checked;

/// Three planes of bytes: the lanes that a program was proved to hold for.
#[derive(Clone, Copy)]
pub struct Lanes<'p> {
    planes: &'p [u8],
    plane: usize,
}

impl<'p> Lanes<'p> {
    pub fn new(planes: &'p [u8]) -> Self {
        Self { planes, plane: planes.len() / 3 }
    }

    /// A lane times 2^7.
    #[inline(always)]
    pub fn times128(&self, at: usize) -> u32 {
        debug_assert!(at < self.plane);
        // SAFETY: callers check their largest index against the planes' length.
        unsafe {
            let low = self.planes.as_ptr().add(at);
            u32::from(*low) << 7 | u32::from(*low.add(self.plane)) << 15 | u32::from(*low.add(2 * self.plane)) << 23
        }
    }

    /// A lane without its offset.
    #[inline(always)]
    pub fn sum(&self, at: usize) -> i32 {
        (self.times128(at) >> 7) as i32 - OFFSET
    }
}

/// Which lanes are a channel's outputs, and where they go: (row, column) is lane `first + row * row_step + column *
/// column_step`, the largest of `pool` x `pool` of them where there is a pool.
#[derive(Clone, Copy)]
pub struct Grid {
    pub first: u32,
    pub rows: u32,
    pub columns: u32,
    pub row_step: u32,
    pub column_step: u32,
    pub pool: u32,
    /// From one row's output to the next one's, and from one column's, in elements.
    pub to_row: u32,
    pub to_column: u32,
    pub phases: Polyphase,
}

impl Grid {
    /// Checks that all lanes are below `lanes`.
    pub fn check(&self, lanes: u32) -> Checked {
        let all = [self.rows, self.columns, self.row_step, self.column_step, self.pool];
        if all.contains(&0) || all.iter().any(|value| *value >= 1 << 16) || self.first >= 1 << 20 {
            return Err("a grid of lanes is out of range");
        }
        let reach = |count: u32, step: u32| product(&[count * self.pool - 1, step]);
        if self.pool > 16
            || u64::from(self.first) + reach(self.rows, self.row_step)? + reach(self.columns, self.column_step)?
                >= lanes.into()
        {
            return Err("a grid reaches beyond the lanes");
        }
        Ok(())
    }

    /// Elements from the first to the last that is written, both in.
    pub fn extent(&self, rows: u32) -> Checked<u64> {
        self.phases.extent(rows, self.columns, self.to_row, self.to_column)
    }

    /// The lanes of so many rows, where those of a row are evenly spaced, and its outputs neighbours.
    pub fn neighbours(&self, rows: u32) -> Option<Rows> {
        assert!(rows <= self.rows);
        let (row_step, step, to_row) = (self.row_step as usize, self.column_step as usize, self.to_row as usize);
        let (mut rows, mut columns) = (rows as usize, self.columns as usize);
        if self.to_column != 1 || !(self.pool == 1 || self.is_pooled()) {
            return None;
        }
        if self.is_plain() && columns == row_step && columns == to_row {
            // Nothing lies between the rows.
            (columns, rows) = (columns * rows, 1);
        }
        Rows::new(self.first as usize, [rows, columns], [row_step, step], to_row, self.pool == 2)
    }

    /// Requantised bytes. `to` holds `extent(rows)` elements, `rows` at most those of the grid.
    pub fn bytes(&self, lanes: &Lanes<'_>, requantize: &Requantize, channel: &Channel, rows: u32, to: &mut [u8]) {
        assert!(rows <= self.rows);
        let (first, row_step) = (self.first as usize, self.row_step as usize);
        let (columns, step, pool) = (self.columns as usize, self.column_step as usize, self.pool as usize);
        let (to_row, to_column) = (self.to_row as usize, self.to_column as usize);
        for row in 0..rows as usize {
            let to = &mut to[row * to_row..];
            let from = first + row * pool * row_step;
            for column in 0..columns {
                // The rule is monotone: the largest lane gives the largest output.
                let mut most = 0;
                for i in 0..pool {
                    for j in 0..pool {
                        most = most.max(lanes.times128(from + i * row_step + (column * pool + j) * step));
                    }
                }
                to[column * to_column] = requantize.apply(channel, most);
            }
        }
    }

    /// Bytes that lie where their lanes do, from the first lane of `span` on, or the largest of each 2 x 2 of them: the rows
    /// from `first` on.
    pub fn put(&self, span: Span, from: &[u8], first: u32, rows: u32, to: &mut [u8]) {
        assert!(rows <= self.rows && (self.is_plain() || self.is_pooled()));
        let (columns, row_step, to_row) = (self.columns as usize, self.row_step as usize, self.to_row as usize);
        let from = &from[self.first as usize - span.first as usize * CELL..];
        if self.is_pooled() {
            return largest(from, row_step, &mut to[first as usize * to_row..], to_row, rows as usize, columns);
        }
        if !self.phases.is_one() {
            for piece in self.phases.pieces(first, rows, self.columns, self.to_row) {
                let from = &from[piece.row as usize * row_step + piece.column as usize..];
                let (row_step, step) = (piece.row_step as usize * row_step, piece.step as usize);
                let (rows, columns) = (piece.rows as usize, piece.columns as usize);
                copy_rows(from, (row_step, step), &mut to[piece.at..], to_row, rows, columns);
            }
            return;
        }
        let to = &mut to[first as usize * to_row..];
        if columns == row_step && columns == to_row {
            let count = columns * rows as usize;
            return to[..count].copy_from_slice(&from[..count]);
        }
        let rows = rows as usize;
        if columns <= SHORT {
            return copy_rows(from, (row_step, 1), to, to_row, rows, columns);
        }
        for row in 0..rows {
            to[row * to_row..][..columns].copy_from_slice(&from[row * row_step..][..columns]);
        }
    }

    /// Whether each lane of a row is an output, and they go where they lie side by side.
    pub fn is_plain(&self) -> bool {
        (self.pool, self.column_step, self.to_column) == (1, 1, 1)
    }

    /// Whether the largest of 2 x 2 neighbouring lanes are the outputs, and they go side by side.
    pub fn is_pooled(&self) -> bool {
        (self.pool, self.column_step, self.to_column) == (2, 1, 1)
    }

    /// The cells of all lanes that are read.
    pub fn span(&self) -> Span {
        let last = (self.rows * self.pool - 1) * self.row_step + (self.columns * self.pool - 1) * self.column_step;
        let (first, cell) = (self.first / CELL as u32, CELL as u32);
        Span { first, count: (self.first + last) / cell + 1 - first }
    }

    /// Sums with their bias, in s32.
    pub fn sums(&self, lanes: &Lanes<'_>, bias: i32, rows: u32, to: &mut [i32]) {
        assert!(rows <= self.rows);
        for row in 0..rows {
            for column in 0..self.columns {
                let mut most = i32::MIN;
                for i in 0..self.pool {
                    for j in 0..self.pool {
                        let lane = (row * self.pool + i) * self.row_step + (column * self.pool + j) * self.column_step;
                        most = most.max(lanes.sum((self.first + lane) as usize));
                    }
                }
                to[(row * self.to_row + column * self.to_column) as usize] = most.wrapping_add(bias);
            }
        }
    }
}

/// The largest of each 2 x 2 bytes of `from`, whose rows are `row_step` apart.
#[inline(never)]
fn largest(from: &[u8], row_step: usize, to: &mut [u8], to_row: usize, rows: usize, columns: usize) {
    let (Some(last), Some(end)) = (rows.checked_sub(1), columns.checked_sub(1)) else { return };
    assert!((2 * last + 1) * row_step + 2 * end + 1 < from.len() && last * to_row + end < to.len());
    let (mut from, mut to) = (from.as_ptr(), to.as_mut_ptr());
    // SAFETY: rows lie within the slices, by the assertion; pointers are moved on beyond the last element, where nothing is read
    // or written.
    unsafe {
        for _ in 0..rows {
            let (mut above, mut below, mut element) = (from, from.add(row_step), to);
            macro_rules! one {
                ($at:literal) => {
                    let (left, right) = (2 * $at, 2 * $at + 1);
                    let most = (*above.add(left)).max(*above.add(right)).max(*below.add(left)).max(*below.add(right));
                    element.add($at).write(most);
                };
            }
            let (end, two) = (to.add(columns), to.add(columns & !1));
            while element != two {
                one!(0);
                one!(1);
                (above, below, element) = (above.wrapping_add(4), below.wrapping_add(4), element.add(2));
            }
            if element != end {
                one!(0);
            }
            (from, to) = (from.wrapping_add(2 * row_step), to.wrapping_add(to_row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_two_by_two() {
        let bytes: alloc::vec::Vec<u8> = (0..400u32).map(|at| ((at * at * 31) >> 3) as u8).collect();
        for (rows, columns, row_step, to_row) in
            [(1, 1, 2, 1), (3, 1, 5, 4), (2, 4, 9, 4), (5, 7, 14, 9), (4, 2, 31, 2)]
        {
            let mut to = [9; 64];
            largest(&bytes[1..], row_step, &mut to, to_row, rows, columns);
            let mut wanted = [9; 64];
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let at = 1 + 2 * row * row_step + 2 * column;
                let four = [at, at + 1, at + row_step, at + row_step + 1].map(|at| bytes[at]);
                wanted[row * to_row + column] = four.into_iter().max().unwrap();
            }
            assert_eq!(to, wanted);
        }
        largest(&bytes, 8, &mut [], 4, 0, 4);
        assert!(
            std::panic::catch_unwind(|| largest(&bytes[..7], 4, &mut [0; 2], 2, 1, 2)).is_err(),
            "one byte is missing"
        );
        assert!(
            std::panic::catch_unwind(|| largest(&bytes, 4, &mut [0; 2], 2, 2, 1)).is_err(),
            "no place for the second row"
        );
    }
}
