//! The programs of dense layers: made when the crate is compiled, so they cost nothing where they run.

use crate::program::{dense, fewer, parts, Program};
use crate::Checked;

/// Cells of a row of weights, and the most inputs that a program for such rows takes.
pub const SIZES: [(u32, u32); 5] = [(1, 1024), (2, 800), (4, 480), (8, 256), (16, 128)];

/// Words of a program: inputs, parts of their sum, offset, planes, EQZ and RESET.
const fn length((cells, inputs): (u32, u32)) -> usize {
    (inputs * (cells + 1) + parts(inputs) * (2 + cells) + (2 + cells) + (3 * cells + 3) + 2) as usize
}

const fn table<const N: usize>((cells, inputs): (u32, u32)) -> [u32; N] {
    let mut words = [0; N];
    match dense(&mut words, inputs, cells) {
        Ok(program) => assert!(program.words().len() == N),
        Err(_) => panic!("a dense program breaks a rule"),
    }
    words
}

static ONE: [u32; length(SIZES[0])] = table(SIZES[0]);
static TWO: [u32; length(SIZES[1])] = table(SIZES[1]);
static FOUR: [u32; length(SIZES[2])] = table(SIZES[2]);
static EIGHT: [u32; length(SIZES[3])] = table(SIZES[3]);
static SIXTEEN: [u32; length(SIZES[4])] = table(SIZES[4]);

/// The program for `inputs` inputs and rows of `cells` cells.
pub fn program(inputs: u32, cells: u32) -> Checked<Program<'static>> {
    let size = SIZES.iter().position(|size| size.0 == cells).ok_or("rows of another number of cells")?;
    let words: &'static [u32] = match size {
        0 => &ONE,
        1 => &TWO,
        2 => &FOUR,
        3 => &EIGHT,
        _ => &SIXTEEN,
    };
    fewer(words, inputs, SIZES[size].1, cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Operand;

    /// The end of a table is the program that the builder makes for fewer inputs, register by register.
    #[test]
    fn the_end_of_a_table_is_the_program_for_fewer() {
        for (cells, most) in SIZES {
            for inputs in [1, 2, most / 2, most - 1, most] {
                // The builder's own has fewer parts where fewer are enough: all others are the same.
                let mut words = vec![0; 8000];
                let built = dense(&mut words, inputs, cells).unwrap();
                let found = program(inputs, cells).unwrap();
                let common = (inputs * (cells + 1)) as usize;
                assert_eq!(found.words()[..common], built.words()[..common]);
                for operand in
                    [Operand::Terms, Operand::Polynomials, Operand::Planes, Operand::Constants, Operand::Offset]
                {
                    assert_eq!(found.cells(operand), built.cells(operand), "{operand:?}");
                }
                if parts(inputs) == parts(most) {
                    assert_eq!(found.words(), built.words());
                }
            }
            assert!(program(most + 1, cells).is_err());
            assert!(program(0, cells).is_err());
        }
        assert!(program(1, 3).is_err());
    }
}
