//! The puzzle: a board of three by three, and what a move does to it.

use crate::contract::Move;

const SIDE: usize = 3;
const SOLVED: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 0];

/// A board that was checked to hold every tile once.
pub struct Board {
    tiles: [u8; 9],
    gap: usize,
}

impl Board {
    /// Panics for tiles that are no board.
    pub fn new(tiles: [u8; 9]) -> Self {
        let mut sorted = tiles;
        sorted.sort_unstable();
        assert!(sorted == [0, 1, 2, 3, 4, 5, 6, 7, 8], "not a board: {tiles:?}");
        let gap = tiles.iter().position(|&tile| tile == 0).expect("checked above");
        Self { tiles, gap }
    }

    /// Moves the gap; panics for a move off the board.
    pub fn play(&mut self, step: &Move) {
        let (row, column) = (self.gap / SIDE, self.gap % SIDE);
        let target = match step {
            Move::Up if row > 0 => self.gap - SIDE,
            Move::Down if row + 1 < SIDE => self.gap + SIDE,
            Move::Left if column > 0 => self.gap - 1,
            Move::Right if column + 1 < SIDE => self.gap + 1,
            _ => panic!("no such move here: {step:?} from row {row}, column {column}"),
        };
        self.tiles.swap(self.gap, target);
        self.gap = target;
    }

    /// The tiles, row by row.
    pub fn tiles(&self) -> [u8; 9] {
        self.tiles
    }

    /// How many tiles are not where they belong.
    pub fn misplaced(&self) -> u8 {
        self.tiles
            .iter()
            .zip(SOLVED)
            .map(|(&tile, home)| u8::from(tile != 0 && tile != home))
            .sum()
    }
}
