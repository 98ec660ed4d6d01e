//! What holds at every call of the accelerator, whatever ran before it: buffers are used again from call to call and from layer to
//! layer, and what a program takes for a constant, or for a number alone in its cell, must still be one.

use std::ops::Range;
use std::slice;

use zkhost_nn::polynomial::{advise_calls, check};
use zkhost_nn::program::{constants, Operand, Operands, Program, CELL, OPERANDS};
use zkhost_nn::{bytes, run, Backend, Checked, Plan, Workspace, MAGIC};

const CONSTANT: u32 = 1 << 31;
const OPERAND: [Operand; OPERANDS] =
    [Operand::Terms, Operand::Polynomials, Operand::Planes, Operand::Constants, Operand::Sums, Operand::Offset];

/// A backend that looks at every call, and may spoil one byte of the advice.
#[derive(Default)]
struct Watched {
    /// The buffer that advice was last read to, and what was read.
    advice: Option<(Range<usize>, Vec<u8>)>,
    calls: usize,
    spoiled: Option<usize>,
}

fn range(data: &[u8]) -> Range<usize> {
    let start = data.as_ptr() as usize;
    start..start + data.len()
}

fn apart(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.end <= b.start || b.end <= a.start
}

/// What a program reads behind each register.
fn read<'a>(program: &Program<'_>, operands: &Operands<'a>) -> [&'a [u8]; OPERANDS] {
    let addresses = operands.addresses();
    std::array::from_fn(|at| {
        let length = program.cells(OPERAND[at]) as usize * CELL;
        // SAFETY: `Operands` holds slices that are at least as long.
        unsafe { slice::from_raw_parts(addresses[at], length) }
    })
}

impl Backend for Watched {
    fn advise<'m>(
        &mut self,
        program: &Program<'_>,
        calls: usize,
        operands: impl Fn(usize) -> Checked<Operands<'m>>,
        planes: &mut [u32],
    ) -> Checked {
        advise_calls(program, calls, operands, zkhost_nn::bytes_mut(planes))?;
        if let Some(at) = self.spoiled.take() {
            zkhost_nn::bytes_mut(planes)[at] ^= 1;
        }
        self.advice = Some((range(bytes(planes)), bytes(planes).to_vec()));
        Ok(())
    }

    fn prove(&mut self, program: &Program<'_>, loads: &[u32], operands: &Operands<'_>) -> Checked {
        self.calls += 1;
        let read = read(program, operands);
        let [terms, _, planes, numbers, _, offset] = read;
        let (zero, rest) = numbers.split_at(CELL);
        assert_eq!(zero, [0; CELL], "the cell that EQZ reads");
        let half = &rest[..CELL];
        assert_eq!((half[0], &half[1..]), (128, &[0; CELL - 1][..]));
        let alone = &numbers[constants::NUMBERS as usize * CELL..constants::ROW as usize * CELL];
        for cell in alone.chunks_exact(CELL).chain(terms.chunks_exact(CELL)) {
            assert_eq!(cell[1..], [0; CELL - 1], "a number is alone in its cell");
        }
        let row = &numbers[constants::ROW as usize * CELL..];
        assert!(row.iter().all(|byte| *byte == row[0]), "a row of the zero point");
        assert!(offset.iter().all(|byte| *byte == 128));

        let (buffer, advice) = self.advice.as_ref().expect("advice comes before a call");
        let here = range(planes);
        assert!(buffer.start <= here.start && here.end <= buffer.end, "advice is what was read last");
        assert_eq!(planes, &advice[here.start - buffer.start..][..planes.len()], "and has not changed since");
        let ours =
            read.iter().enumerate().filter(|(at, _)| OPERAND[*at] != Operand::Planes).map(|(_, data)| range(data));
        let programs = [range(bytes(program.words())), range(bytes(loads))];
        for other in ours.chain(programs).filter(|other| !other.is_empty()) {
            assert!(apart(buffer, &other), "nothing else lies where advice is read to");
        }
        check(program, operands).map_err(|_| "a lane is not zero")
    }
}

/// Collects a plan: an arena, constants, dense layers and products of two tensors.
#[derive(Default)]
struct Maker {
    constants: Vec<u8>,
    operations: Vec<u32>,
    count: u32,
}

struct Dense {
    x: u32,
    inputs: u32,
    cells: u32,
    columns: u32,
    y: u32,
    rows: u32,
}

struct Matmul {
    x: u32,
    matrices: u32,
    rows: u32,
    inputs: u32,
    w: u32,
    cells: u32,
    columns: u32,
    y: u32,
    kind: u32,
}

impl Maker {
    fn constant(&mut self, data: &[u8]) -> u32 {
        self.constants.resize(self.constants.len().next_multiple_of(16), 0);
        let at = self.constants.len() as u32 | CONSTANT;
        self.constants.extend(data);
        at
    }

    fn dense(&mut self, Dense { x, inputs, cells, columns, y, rows }: Dense) {
        let blocks = columns.div_ceil(cells * CELL as u32);
        let weights: Vec<u8> = (0..blocks * inputs * cells * CELL as u32).map(|i| (i * 37 % 251) as u8).collect();
        let w = self.constant(&weights);
        let bias = self.constant(&vec![0; 4 * columns as usize]);
        let scale = self.constant(&0.001f32.to_le_bytes());
        let zero = 131 - 16 * self.count;
        let arguments = [
            x, 1, inputs, 0, 0, rows, inputs, w, CONSTANT, zero, cells, blocks, columns, bias, y, columns, 1, rows, 0,
            1, 1, 0, 0, 0, scale, 1, 128, 0, 255, 1,
        ];
        self.operations.push(65 << 16 | arguments.len() as u32);
        self.operations.extend(arguments);
        self.count += 1;
    }

    fn matmul(&mut self, Matmul { x, matrices, rows, inputs, w, cells, columns, y, kind }: Matmul) {
        let blocks = columns.div_ceil(cells * CELL as u32);
        let bias = self.constant(&[7, 3, 0, 0].repeat(columns as usize));
        let scale = self.constant(&0.001f32.to_le_bytes());
        let scratch = y + matrices * rows * columns;
        let arguments = [
            x,
            rows * inputs,
            inputs,
            1,
            0,
            100,
            w,
            blocks * inputs * cells * CELL as u32,
            0,
            77,
            matrices,
            rows,
            inputs,
            cells,
            blocks,
            columns,
            bias,
            scratch,
            y,
            rows * columns,
            columns,
            1,
            scale,
            128,
            0,
            255,
            kind,
        ];
        self.operations.push(68 << 16 | arguments.len() as u32);
        self.operations.extend(arguments);
        self.count += 1;
    }

    fn plan(&self, arena: u32, input: u32, output: (u32, u32)) -> Vec<u32> {
        let ports = [0, input, 0, output.0, output.1, 0];
        let operations = 12 + ports.len();
        let constants = (operations + self.operations.len()).next_multiple_of(4);
        let mut constant_words = self.constants.clone();
        constant_words.resize(constant_words.len().next_multiple_of(4), 0);
        let total = constants as u32 * 4 + constant_words.len() as u32;
        let mut words =
            vec![MAGIC, 1, total, arena, 0, 1, 1, 4 * operations as u32, self.count, 4 * constants as u32, 0, 0];
        words.extend(ports);
        words.extend(&self.operations);
        words.resize(constants, 0);
        words.extend(constant_words.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())));
        words
    }
}

/// Layers whose inputs, rows, cells and zero points differ, so that each leaves in the buffers what the next does not want.
fn layers() -> Vec<u32> {
    let mut make = Maker::default();
    make.dense(Dense { x: 0, inputs: 600, cells: 1, columns: 40, y: 1200, rows: 2 });
    make.dense(Dense { x: 1200, inputs: 80, cells: 4, columns: 64, y: 1280, rows: 1 });
    make.dense(Dense { x: 1280, inputs: 9, cells: 16, columns: 250, y: 1344, rows: 7 });
    make.dense(Dense { x: 1344, inputs: 250, cells: 8, columns: 300, y: 3104, rows: 7 });
    make.matmul(Matmul { x: 1344, matrices: 2, rows: 3, inputs: 20, w: 3104, cells: 2, columns: 30, y: 5204, kind: 2 });
    make.matmul(Matmul { x: 0, matrices: 1, rows: 9, inputs: 30, w: 3104, cells: 1, columns: 40, y: 5608, kind: 1 });
    make.plan(6304, 1200, (3104, 2100))
}

fn ran(spoiled: Option<usize>) -> (Result<(), zkhost_nn::Error>, usize) {
    let words = layers();
    let plan = Plan::new(&words).unwrap();
    let mut arena: Vec<u32> = (0..plan.arena_bytes() / 4).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
    let mut backend = Watched { spoiled, ..Watched::default() };
    let done = run(&plan, &mut arena, &mut Workspace::new(), &mut backend);
    (done, backend.calls)
}

#[test]
fn constants_numbers_and_advice_are_what_programs_take_them_for() {
    let (done, calls) = ran(None);
    assert_eq!(done, Ok(()));
    // Blocks of columns, for each row; for each right matrix, the sums of its columns too.
    assert_eq!(calls, 2 * 3 + 1 + 7 + 7 * 3 + 2 * (1 + 3) + 3 * (1 + 9));
}

/// A call that does not hold ends the run: nothing is written, and nothing is committed, behind it.
#[test]
fn a_call_that_does_not_hold_ends_the_run() {
    for at in [0, 15, 16, 47] {
        let (done, calls) = ran(Some(at));
        assert_eq!(done.map_err(|error| error.operation), Err(Some(0)));
        assert_eq!(calls, 1);
    }
}
