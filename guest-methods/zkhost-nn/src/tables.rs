//! The programs of dense layers: made when the crate is compiled, so they cost nothing where they run.

use crate::program::{dense, fewer, parts, Program};
use crate::Checked;

/// Cells of a row of weights, and the most inputs that a program for such rows takes.
pub const SIZES: [(u32, u32); 5] = [(1, 1024), (2, 800), (4, 480), (8, 256), (16, 128)];

/// Words of a program: inputs, parts of their sum, offset, planes, EQZ and RESET; with `rescaled` biases in the place of the
/// offset, and the products.
const fn length((cells, inputs): (u32, u32), rescaled: bool) -> usize {
    let after = if rescaled { (3 * cells + 3) + (18 * cells + 27) } else { 2 + cells };
    (inputs * (cells + 1) + parts(inputs) * (2 + cells) + after + (3 * cells + 3) + 2) as usize
}

const fn table<const N: usize>((cells, inputs): (u32, u32), rescaled: bool) -> [u32; N] {
    let mut words = [0; N];
    match dense(&mut words, inputs, cells, rescaled) {
        Ok(program) => assert!(program.words().len() == N),
        Err(_) => panic!("a dense program breaks a rule"),
    }
    words
}

/// The programs of each size, that requantise or not.
macro_rules! tables {
    ($name:ident, $rescaled:literal) => {
        static $name: [&[u32]; 5] = {
            static ONE: [u32; length(SIZES[0], $rescaled)] = table(SIZES[0], $rescaled);
            static TWO: [u32; length(SIZES[1], $rescaled)] = table(SIZES[1], $rescaled);
            static FOUR: [u32; length(SIZES[2], $rescaled)] = table(SIZES[2], $rescaled);
            static EIGHT: [u32; length(SIZES[3], $rescaled)] = table(SIZES[3], $rescaled);
            static SIXTEEN: [u32; length(SIZES[4], $rescaled)] = table(SIZES[4], $rescaled);
            [&ONE, &TWO, &FOUR, &EIGHT, &SIXTEEN]
        };
    };
}
tables!(PLAIN, false);
tables!(RESCALED, true);

/// The program for `inputs` inputs and rows of `cells` cells.
pub fn program(inputs: u32, cells: u32, rescaled: bool) -> Checked<Program<'static>> {
    let size = SIZES.iter().position(|size| size.0 == cells).ok_or("rows of another number of cells")?;
    let tables = if rescaled { &RESCALED } else { &PLAIN };
    fewer(tables[size], inputs, SIZES[size].1, cells, rescaled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Operand;

    /// The end of a table is the program that the builder makes for fewer inputs, register by register.
    #[test]
    fn the_end_of_a_table_is_the_program_for_fewer() {
        let operands =
            [Operand::Terms, Operand::Polynomials, Operand::Planes, Operand::Constants, Operand::Sums, Operand::Offset];
        for ((cells, most), rescaled) in SIZES.into_iter().flat_map(|size| [(size, false), (size, true)]) {
            for inputs in [1, 2, most / 2, most - 1, most] {
                // The builder's own has fewer parts where fewer are enough: all others are the same.
                let mut words = vec![0; 8000];
                let built = dense(&mut words, inputs, cells, rescaled).unwrap();
                let found = program(inputs, cells, rescaled).unwrap();
                let common = (inputs * (cells + 1)) as usize;
                assert_eq!(found.words()[..common], built.words()[..common]);
                for operand in operands {
                    assert_eq!(found.cells(operand), built.cells(operand), "{operand:?}");
                }
                if parts(inputs) == parts(most) {
                    assert_eq!(found.words(), built.words());
                }
            }
            assert!(program(most + 1, cells, rescaled).is_err());
            assert!(program(0, cells, rescaled).is_err());
        }
        assert!(program(1, 3, false).is_err());
    }
}
