//! Outputs as a strided convolution reads them: its polyphase components apart, each a plane of its own. A convolution with
//! strides is one without them on those planes, each with its part of the kernel.

use crate::memory::product;
use crate::Checked;

/// The components that rows and columns are divided among: the strides of the layer that reads them; 1 and 1 for others.
#[derive(Clone, Copy)]
pub struct Polyphase {
    rows: u32,
    columns: u32,
    /// Where the first row and the first column belong.
    row: u32,
    column: u32,
    /// Elements from one component's plane to the next one's; rows of components follow each other.
    step: u32,
}

impl Polyphase {
    pub fn new(rows: u32, columns: u32, row: u32, column: u32, step: u32) -> Checked<Self> {
        if rows > 16 || columns > 16 || row >= rows || column >= columns {
            return Err("polyphase components are out of range");
        }
        Ok(Self { rows, columns, row, column, step })
    }

    /// Whether there is one component: nothing is taken apart.
    pub fn is_one(&self) -> bool {
        (self.rows, self.columns) == (1, 1)
    }

    /// Where an output lies, where a component's rows and columns are so many elements apart.
    pub fn at(&self, row: u32, column: u32, to_row: u32, to_column: u32) -> usize {
        let (row, column) = (row + self.row, column + self.column);
        let component = row % self.rows * self.columns + column % self.columns;
        (component * self.step + row / self.rows * to_row + column / self.columns * to_column) as usize
    }

    /// Elements from the first to the last that so many rows and columns may take.
    pub fn extent(&self, rows: u32, columns: u32, to_row: u32, to_column: u32) -> Checked<u64> {
        let row = (u64::from(rows - 1) + u64::from(self.row)) / u64::from(self.rows);
        let column = (u64::from(columns - 1) + u64::from(self.column)) / u64::from(self.columns);
        let components = product(&[self.rows * self.columns - 1, self.step])?;
        Ok(components + product(&[row as u32, to_row])? + product(&[column as u32, to_column])? + 1)
    }

    /// What rows of neighbouring outputs, from row `first` on, have of each component.
    pub fn pieces(&self, first: u32, rows: u32, columns: u32, to_row: u32) -> impl Iterator<Item = Piece> + '_ {
        (0..self.rows * self.columns).filter_map(move |component| {
            let (in_row, in_column) = (component / self.columns, component % self.columns);
            let row = (self.rows + in_row - (first + self.row) % self.rows) % self.rows;
            let column = (self.columns + in_column - self.column) % self.columns;
            (row < rows && column < columns).then(|| Piece {
                row,
                column,
                row_step: self.rows,
                step: self.columns,
                rows: (rows - row).div_ceil(self.rows),
                columns: (columns - column).div_ceil(self.columns),
                at: self.at(first + row, column, to_row, 1),
            })
        })
    }
}

/// Outputs of one component: from (row, column) on each `row_step`-th row's each `step`-th, and where the first lies.
pub struct Piece {
    pub row: u32,
    pub column: u32,
    pub row_step: u32,
    pub step: u32,
    pub rows: u32,
    pub columns: u32,
    pub at: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moves::copy_rows;

    #[test]
    fn outputs_lie_in_their_components() {
        let image: Vec<u8> = (0..7 * 13).collect();
        for (rows, columns, row, column) in
            [(1, 1, 0, 0), (2, 2, 0, 0), (2, 2, 1, 1), (3, 2, 2, 0), (1, 3, 0, 2), (2, 16, 0, 5)]
        {
            let phases = Polyphase::new(rows, columns, row, column, 200).unwrap();
            let extent = phases.extent(7, 13, 14, 1).unwrap() as usize;
            let mut to = vec![255; extent];
            // Three strips.
            for (first, count) in [(0, 3), (3, 1), (4, 3)] {
                for piece in phases.pieces(first, count, 13, 14) {
                    let from = &image[((first + piece.row) * 13 + piece.column) as usize..];
                    let steps = ((piece.row_step * 13) as usize, piece.step as usize);
                    copy_rows(from, steps, &mut to[piece.at..], 14, piece.rows as usize, piece.columns as usize);
                }
            }
            let mut places = std::collections::BTreeSet::new();
            for y in 0..7 {
                for x in 0..13 {
                    let at = phases.at(y, x, 14, 1);
                    let (row, column) = (y + row, x + column);
                    let component = row % rows * columns + column % columns;
                    assert_eq!(at as u32, component * 200 + row / rows * 14 + column / columns);
                    assert_eq!(u32::from(to[at]), y * 13 + x);
                    places.insert(at);
                }
            }
            assert_eq!(places.len(), 7 * 13);
            assert_eq!(to.iter().filter(|byte| **byte == 255).count(), extent - 7 * 13);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (rows, columns, row, column) in
            [(0, 1, 0, 0), (1, 0, 0, 0), (17, 1, 0, 0), (1, 17, 0, 0), (2, 2, 2, 0), (2, 2, 0, 2)]
        {
            assert!(Polyphase::new(rows, columns, row, column, 1).is_err());
        }
        let phases = Polyphase::new(16, 16, 15, 15, u32::MAX).unwrap();
        assert!(phases.extent(2, 2, 1, 1).is_err());
        assert!(Polyphase::new(2, 1, 0, 0, 1).unwrap().extent(1 << 20, 1, 1 << 20, 1).is_err());
    }
}
