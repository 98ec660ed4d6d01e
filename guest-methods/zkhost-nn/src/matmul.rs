//! Products of two tensors on the accelerator: those of attention, or of inputs with weights that are inputs too.
//!
//! A row of the left matrix is put into cells, one number each, and the right matrix is read as it lies: the programs are those of
//! a dense layer. What a dense layer's plan has among its constants is computed here, for each matrix: the sums of the right
//! one's columns are one more product, with a row of ones, and become biases.

use core::ops::Range;

use crate::convolution::{loads_of, UNSCALED};
use crate::dense::{spread, MAX_COLUMNS};
use crate::lanes::Lanes;
use crate::memory::{as_f32, as_i32, as_i32_mut, bytes, elements, product, words, Memory};
use crate::moves::scatter;
use crate::plan::arguments;
use crate::program::{parts, Operand, Operands, Span, CELL, LOADS, MAX_CELLS, OPERANDS};
use crate::requantize::{valid, Channel, Output, Requantize, OFFSET as HALF};
use crate::rescale::Rescale;
use crate::sums::Zero;
use crate::tables::{self, SIZES};
use crate::workspace::{
    batch, bytes as as_bytes, set_half, set_parts, set_rescale, set_row, Backend, Workspace, BATCH, OFFSET,
    ROW_CONSTANTS,
};
use crate::Checked;

/// How a product's lanes become outputs.
enum Finish {
    /// Requantised with a channel for each column.
    Bytes(Requantize),
    /// Requantised by the program, which adds the biases too.
    Rescaled { rescale: Rescale, requantize: Requantize, unbiased: Channel },
    /// Sums in s32, perhaps added to what is there.
    Sums { adds: bool },
}

impl Finish {
    fn new(kind: u32, scale: f32, output: Output) -> Checked<Self> {
        let requantize = Requantize::new(scale, output);
        match kind {
            1 => Ok(Self::Bytes(requantize)),
            2 => {
                let rescale = Rescale::new(scale, output).ok_or(UNSCALED)?;
                Ok(Self::Rescaled { rescale, requantize, unbiased: requantize.channel(0) })
            }
            4 | 5 => Ok(Self::Sums { adds: kind == 5 }),
            _ => Err("no such output"),
        }
    }

    /// Bytes of an output.
    fn size(&self) -> u32 {
        if matches!(self, Self::Sums { .. }) {
            4
        } else {
            1
        }
    }
}

/// The columns of a right matrix, in blocks of `width`.
struct Columns {
    count: usize,
    width: usize,
}

impl Columns {
    fn of(&self, block: usize) -> Range<usize> {
        block * self.width..self.count.min((block + 1) * self.width)
    }

    /// Puts columns' biases into planes of bytes, three a block, with 2^23 added.
    fn planes(&self, biases: &[i32], to: &mut [u8]) -> Checked {
        for (block, planes) in to.chunks_exact_mut(3 * self.width).enumerate() {
            let (low, rest) = planes.split_at_mut(self.width);
            let (middle, high) = rest.split_at_mut(self.width);
            for (column, at) in self.of(block).zip(0..) {
                let lane = biases[column].wrapping_add(HALF) as u32;
                if lane >> 24 != 0 {
                    return Err("a bias that lanes do not hold");
                }
                (low[at], middle[at], high[at]) = (lane as u8, (lane >> 8) as u8, (lane >> 16) as u8);
            }
            // Columns that there are not: their outputs are not used, but must be within what a program requantises.
            for at in self.of(block).len()..self.width {
                (low[at], middle[at], high[at]) = (0, 0, 128);
            }
        }
        Ok(())
    }
}

/// `x, step from a matrix, a row, an input to the next, kind and value of its zero point, w, step from a matrix to the next, kind
/// and value of its zero point, matrices, rows, inputs, cells, blocks, columns, bias, scratch, y, step from a matrix, a row, a
/// column to the next, scale, zero, low, high, kind`: kind 1 is bytes, 2 bytes that the program requantises, 4 sums in s32, 5
/// sums added to what is there.
/// w: for each matrix, block of columns and input, `cells` cells of u8. bias: s32. scratch: 7 bytes for each column of the blocks.
#[inline(never)]
pub fn run(args: &[u32], memory: &mut Memory<'_>, workspace: &mut Workspace, backend: &mut impl Backend) -> Checked {
    let [x, x_matrix, x_row, x_step, x_kind, x_zero, w, w_matrix, w_kind, w_zero, matrices, rows, inputs, cells, blocks, columns, bias, scratch, y, y_matrix, y_row, y_column, scale, zero, low, high, kind] =
        arguments(args)?;
    let all = [x_step, matrices, rows, inputs, blocks, columns, y_column];
    if all.contains(&0) || inputs > MAX_CELLS || columns > MAX_COLUMNS || rows >= 1 << 20 {
        return Err("a matrix product's shape is out of range");
    }
    let program = tables::program(inputs, cells, kind == 2)?;
    let summing = tables::program(inputs, cells, false)?;
    let width = cells * CELL as u32;
    if blocks != columns.div_ceil(width) {
        return Err("a matrix of another number of columns");
    }
    if !w_matrix.is_multiple_of(4) {
        return Err("words do not lie at a multiple of 4");
    }
    let scale = as_f32(memory.constant(words(scale, 1))?)[0];
    if !valid(scale) {
        return Err("a scale is not positive and finite");
    }
    let finish = Finish::new(kind, scale, Output::new(zero, low, high)?)?;
    let (x_zero, w_zero) = (Zero::new(x_kind, x_zero)?, Zero::new(w_kind, w_zero)?);
    let reach = |steps: &[[u32; 2]]| -> Checked<u64> {
        steps.iter().try_fold(0, |sum, [count, step]| Ok(sum + product(&[count - 1, *step])?))
    };
    let reads = [
        bytes(x, reach(&[[matrices, x_matrix], [rows, x_row], [inputs, x_step]])? + 1),
        words(w, (reach(&[[matrices, w_matrix]])? + product(&[blocks, inputs, width])?) / 4),
        words(bias, columns.into()),
        x_zero.region(),
        w_zero.region(),
    ];
    let outputs = reach(&[[matrices, y_matrix], [rows, y_row], [columns, y_column]])? + 1;
    let writes = [elements(finish.size(), y, outputs)?, words(scratch, product(&[blocks, width / 4, 7])?)];
    let Some(([y, scratch], [x, w, bias, x_zero_at, w_zero_at])) = memory.split(writes, reads)? else { return Ok(()) };

    let (x_zero, w_zero) = (x_zero.of(x_zero_at), w_zero.of(w_zero_at));
    let Workspace { loads, planes, cells: terms, row_constants, channels, .. } = workspace;
    let (loads, summing_loads) = loads.split_at_mut(LOADS);
    let (loads, summing_loads) = (loads_of(&program, loads), loads_of(&summing, summing_loads));
    let (call, (inputs, width, blocks)) =
        (program.advice().bytes(), (inputs as usize, width as usize, blocks as usize));
    let together = batch(call).min(BATCH).min(MAX_CELLS as usize / inputs);
    for constants in row_constants.chunks_exact_mut(ROW_CONSTANTS).take(together) {
        set_half(constants);
        set_row(constants, w_zero as u8, cells);
        if let Finish::Rescaled { rescale, .. } = &finish {
            set_rescale(constants, rescale.numbers(0).ok_or(UNSCALED)?);
        }
    }
    let most = SIZES.iter().find(|size| size.0 == cells).map_or(0, |size| parts(size.1));
    let (span, offset) = (Span { first: 0, count: cells }, as_bytes(&OFFSET));
    let columns = Columns { count: columns as usize, width };
    let (biases, bias_planes) = scratch.split_at_mut(4 * blocks * width);
    let biases = &mut as_i32_mut(biases)[..columns.count];
    for matrix in 0..matrices {
        let (x, w) = (&x[(matrix * x_matrix) as usize..], &w[(matrix * w_matrix) as usize..]);
        biases.copy_from_slice(as_i32(bias));
        if x_zero != 0 {
            let constants = &mut row_constants[..ROW_CONSTANTS];
            let ones = &mut terms[..inputs * CELL / 4];
            ones.iter_mut().step_by(CELL / 4).for_each(|cell| *cell = 1);
            set_parts(constants, inputs as u32, most);
            let advice = &mut planes[..summing.advice().bytes() / 4];
            for block in 0..blocks {
                let slices = |planes| -> [&[u8]; OPERANDS] {
                    [as_bytes(ones), &w[block * inputs * width..], planes, as_bytes(constants), &[], offset]
                };
                backend.advise(&summing, 1, |_| Operands::before_advice(&summing, slices(&[])), advice)?;
                let operands = Operands::new(&summing, slices(as_bytes(advice)))?;
                backend.prove(&summing, summing_loads, &operands)?;
                let lanes = Lanes::new(as_bytes(advice));
                for (lane, bias) in biases[columns.of(block)].iter_mut().enumerate() {
                    *bias = bias.wrapping_sub(x_zero.wrapping_mul(lanes.sum(lane)));
                }
            }
        }
        match &finish {
            Finish::Bytes(requantize) => {
                channels.clear();
                channels.extend(biases.iter().map(|bias| requantize.channel(*bias)));
            }
            Finish::Rescaled { .. } => columns.planes(biases, bias_planes)?,
            Finish::Sums { .. } => {}
        }
        // Calls are numbered row by row, block by block.
        let (mut done, calls) = (0, rows as usize * blocks);
        while done < calls {
            let count = together.min(calls - done);
            let (first, last) = (done / blocks, (done + count - 1) / blocks);
            for (index, row) in (first..=last).enumerate() {
                let terms = &mut terms[index * inputs * CELL / 4..][..inputs * CELL / 4];
                let sum = spread(&x[row * x_row as usize..], x_step as usize, terms);
                set_parts(&mut row_constants[index * ROW_CONSTANTS..], sum, most);
            }
            let of = |index: usize| ((done + index) / blocks, (done + index) % blocks);
            let slices = |index: usize| -> [&[u8]; OPERANDS] {
                let (row, block) = of(index);
                let terms = &as_bytes(terms)[(row - first) * inputs * CELL..];
                let constants = as_bytes(&row_constants[(row - first) * ROW_CONSTANTS..][..ROW_CONSTANTS]);
                let biases = &bias_planes[block * 3 * width..];
                [terms, &w[block * inputs * width..], &[], constants, biases, offset]
            };
            let advice = &mut planes[..count * call / 4];
            backend.advise(&program, count, |index| Operands::before_advice(&program, slices(index)), advice)?;
            for (index, planes) in advice.chunks_exact_mut(call / 4).enumerate() {
                let mut operands = slices(index);
                operands[Operand::Planes as usize] = as_bytes(planes);
                backend.prove(&program, loads, &Operands::new(&program, operands)?)?;
                let (row, block) = of(index);
                let here = columns.of(block);
                let to = matrix as usize * y_matrix as usize + row * y_row as usize + here.start * y_column as usize;
                let step = y_column as usize;
                match &finish {
                    Finish::Bytes(requantize) => {
                        requantize.channels(&channels[here], as_bytes(planes), &mut y[to..], step);
                    }
                    Finish::Rescaled { rescale, requantize, unbiased } => {
                        let bytes = rescale.bytes(requantize, unbiased, planes, cells as usize, span);
                        scatter(&bytes[..here.len()], &mut y[to..], step);
                    }
                    Finish::Sums { adds } => {
                        put_sums(as_bytes(planes), &biases[here], &mut as_i32_mut(y)[to..], step, *adds);
                    }
                }
            }
            done += count;
        }
    }
    Ok(())
}

/// Puts lanes with their biases, in s32, to elements that are `step` apart; `adds` what is there already.
fn put_sums(planes: &[u8], biases: &[i32], to: &mut [i32], step: usize, adds: bool) {
    let plane = planes.len() / 3;
    let Some(last) = biases.len().checked_sub(1) else { return };
    assert!(last < plane && last * step < to.len());
    let (mut low, mut bias, mut to) = (planes.as_ptr(), biases.as_ptr(), to.as_mut_ptr());
    let (mut middle, mut high) = (low.wrapping_add(plane), low.wrapping_add(2 * plane));
    macro_rules! put {
        ($($at:literal)*) => {
            // SAFETY: the lanes, the biases and what is written lie within the slices, by the assertion. Pointers are moved on
            // beyond the last, where nothing is read or written.
            $(unsafe {
                let lane = u32::from(*low.add($at)) | u32::from(*middle.add($at)) << 8 | u32::from(*high.add($at)) << 16;
                let sum = (lane as i32 - HALF).wrapping_add(*bias.add($at));
                *to = if adds { (*to).wrapping_add(sum) } else { sum };
                to = to.wrapping_add(step);
            })*
        };
    }
    let mut left = biases.len();
    while left >= 4 {
        put!(0 1 2 3);
        (low, middle, high) = (low.wrapping_add(4), middle.wrapping_add(4), high.wrapping_add(4));
        bias = bias.wrapping_add(4);
        left -= 4;
    }
    while left > 0 {
        put!(0);
        (low, middle, high, bias) =
            (low.wrapping_add(1), middle.wrapping_add(1), high.wrapping_add(1), bias.wrapping_add(1));
        left -= 1;
    }
}
