//! Dense layers and matrix products on the accelerator: each input, in a cell of its own, times its row of weights.

use crate::convolution::{loads_of, Correction};
use crate::lanes::Lanes;
use crate::memory::{as_f32, as_i32_mut, bytes, elements, product, words, Memory};
use crate::plan::arguments;
use crate::program::{parts, Operands, CELL, MAX_CELLS};
use crate::requantize::{valid, Output, Requantize};
use crate::tables::{self, SIZES};
use crate::workspace::{bytes as as_bytes, Backend, Workspace, OFFSET};
use crate::Checked;

/// Columns of an operation, at most.
pub const MAX_COLUMNS: u32 = 4096;

/// `x, step, row step, kind and value of its zero point, rows, inputs, w, sums of its columns, its zero point, cells, blocks, columns, bias, y, output's row and column step, rows of a line, line step, scales,
/// their number, zero, low, high, kind`: kind 1 is bytes, 4 sums in s32, 5 sums added to what is there.
/// w: for each block of columns, for each input, `cells` cells of weights as u8.
#[inline(never)]
pub fn run(args: &[u32], memory: &mut Memory<'_>, workspace: &mut Workspace, backend: &mut impl Backend) -> Checked {
    let [x, step, row_step, x_kind, x_zero, rows, inputs, w, w_sums, zero, cells, blocks, columns, bias, y, to_row, to_column, line, to_line, scale, scales, zero_out, low, high, kind] =
        arguments(args)?;
    if to_column == 0
        || line == 0
        || step == 0
        || inputs == 0
        || inputs > MAX_CELLS
        || rows == 0
        || blocks == 0
        || columns == 0
        || columns > MAX_COLUMNS
        || zero > 255
    {
        return Err("a dense layer's shape is out of range");
    }
    let program = tables::program(inputs, cells)?;
    let width = cells * CELL as u32;
    if blocks != columns.div_ceil(width) {
        return Err("weights for another number of columns");
    }
    let (size, adds) = match kind {
        1 => (1, false),
        4 => (4, false),
        5 => (4, true),
        _ => return Err("no such output"),
    };
    if scales != 1 && scales != columns {
        return Err("parameters for another number of channels");
    }
    let scale = as_f32(memory.constant(words(scale, scales.into()))?);
    let output = Output::new(zero_out, low, high)?;
    if !scale.iter().all(|scale| valid(*scale)) {
        return Err("a scale is not positive and finite");
    }
    let correction = Correction::new(x_kind, x_zero, w_sums, bias, columns.into(), memory)?;
    let reads = [
        bytes(x, product(&[rows - 1, row_step])? + product(&[inputs - 1, step])? + 1),
        words(w, product(&[blocks, inputs, width / 4])?),
        correction.region(),
    ];
    let extent = product(&[(rows - 1) / line, to_line])?
        + product(&[line.min(rows) - 1, to_row])?
        + product(&[columns - 1, to_column])?
        + 1;
    let Some(([y], [x, w, x_zero])) = memory.split([elements(size, y, extent)?], reads)? else { return Ok(()) };
    let x_zero = correction.zero(x_zero);

    workspace.set_row(zero as u8, cells);
    let Workspace { loads, planes, cells: terms, constants, channels, scales: scales_of, .. } = workspace;
    if size == 1 {
        scales_of.clear();
        scales_of.extend(scale.iter().map(|scale| Requantize::new(*scale, output)));
        channels.clear();
        match (correction.known(), &scales_of[..]) {
            (Some(biases), [one]) => channels.extend(biases.iter().map(|bias| one.channel(*bias))),
            (_, scales) => channels.extend((0..columns as usize).map(|column| {
                let requantize = if scales.len() == 1 { &scales[0] } else { &scales[column] };
                requantize.channel(correction.bias(column, x_zero))
            })),
        }
    }
    let loads = loads_of(&program, loads);
    let most = SIZES.iter().find(|size| size.0 == cells).map_or(0, |size| size.1);
    let call = program.advice().bytes();
    let together = (planes.len() * 4 / call).min(blocks as usize);
    let (width, inputs, columns) = (width as usize, inputs as usize, columns as usize);
    let (mut in_line, mut to_start) = (0, 0);
    for row in 0..rows as usize {
        let to_first = to_start + in_line * to_row as usize;
        in_line += 1;
        if in_line == line as usize {
            (in_line, to_start) = (0, to_start + to_line as usize);
        }
        let sum = spread(&x[row * row_step as usize..], step as usize, &mut terms[..inputs * CELL / 4]);
        crate::workspace::set_parts(constants, sum, parts(most));
        let (terms, constants) = (as_bytes(terms), as_bytes(constants));
        let mut block = 0;
        while block < blocks as usize {
            let count = together.min(blocks as usize - block);
            let slices = |index: usize, planes| {
                let weights = &w[(block + index) * inputs * width..];
                [terms, weights, planes, constants, &[], as_bytes(&OFFSET)]
            };
            let advice = &mut planes[..count * call / 4];
            backend.advise(&program, count, |index| Operands::before_advice(&program, slices(index, &[])), advice)?;
            for (index, planes) in as_bytes(advice).chunks_exact(call).enumerate() {
                backend.prove(&program, loads, &Operands::new(&program, slices(index, planes))?)?;
                let lanes = Lanes::new(planes);
                let first = (block + index) * width;
                let to = to_first + first * to_column as usize;
                let here = first..columns.min(first + width);
                if size == 1 {
                    if scale.len() == 1 {
                        scales_of[0].channels(&channels[here], planes, &mut y[to..], to_column as usize);
                    } else {
                        let y = y[to..].iter_mut().step_by(to_column as usize);
                        let channels = channels[here.clone()].iter().zip(&scales_of[here]);
                        for (lane, (y, (channel, requantize))) in y.zip(channels).enumerate() {
                            *y = requantize.apply(channel, lanes.times128(lane));
                        }
                    }
                } else {
                    let y = as_i32_mut(y)[to..].iter_mut().step_by(to_column as usize);
                    for (lane, (y, column)) in y.zip(here).enumerate() {
                        let sum = lanes.sum(lane).wrapping_add(correction.bias(column, x_zero));
                        *y = if adds { y.wrapping_add(sum) } else { sum };
                    }
                }
            }
            block += count;
        }
    }
    Ok(())
}

/// Puts inputs into a cell each. Returns their sum.
fn spread(x: &[u8], step: usize, cells: &mut [u32]) -> u32 {
    const WORDS: usize = CELL / 4;
    let count = cells.len() / WORDS;
    let mut sum = 0;
    let (mut inputs, mut rest) = (x, cells);
    if step == 1 {
        let (eight, after) = x[..count].as_chunks::<8>();
        let (whole, last) = rest.split_at_mut(8 * WORDS * eight.len());
        for (inputs, cells) in eight.iter().zip(whole.as_chunks_mut::<{ 8 * WORDS }>().0) {
            for (i, x) in inputs.iter().enumerate() {
                cells[i * WORDS] = u32::from(*x);
                sum += u32::from(*x);
            }
        }
        (inputs, rest) = (after, last);
    } else {
        let (whole, last) = rest.split_at_mut(count / 8 * 8 * WORDS);
        let ahead = 7 * step + 1;
        for cells in whole.as_chunks_mut::<{ 8 * WORDS }>().0 {
            // One check for all eight.
            let eight = &inputs[..ahead];
            for i in 0..8 {
                let x = u32::from(eight[i * step]);
                cells[i * WORDS] = x;
                sum += x;
            }
            inputs = inputs.get(8 * step..).unwrap_or_default();
        }
        rest = last;
    }
    for (cell, x) in rest.chunks_exact_mut(WORDS).zip(inputs.iter().step_by(step)) {
        cell[0] = u32::from(*x);
        sum += u32::from(*x);
    }
    sum
}
