//! Dense layers and matrix products on the accelerator: each input, in a cell of its own, times its row of weights.

use crate::convolution::{loads_of, Correction, UNSCALED};
use crate::lanes::Lanes;
use crate::memory::{as_f32, as_i32_mut, bytes, elements, product, words, Memory};
use crate::moves::scatter;
use crate::plan::arguments;
use crate::polyphase::Polyphase;
use crate::program::{parts, Operand, Operands, Span, CELL, MAX_CELLS, OPERANDS};
use crate::requantize::{valid, Output, Requantize};
use crate::rescale::Rescale;
use crate::tables::{self, SIZES};
use crate::workspace::{bytes as as_bytes, set_parts, set_rescale, Backend, Workspace, OFFSET};
use crate::Checked;

/// Columns of an operation, at most.
pub const MAX_COLUMNS: u32 = 4096;

/// How a product's lanes become outputs.
enum Finish<'p> {
    /// Requantised, or summed up in s32, perhaps onto what is there.
    Plain { correction: Correction<'p>, size: u32, adds: bool },
    /// Requantised by the program: all lanes by one scale, with biases that they have already.
    Rescaled { rescale: Rescale, requantize: Requantize, biases: &'p [u8] },
}

/// `x, step, row step, kind and value of its zero point, rows, inputs, w, sums of its columns, its zero point, cells, blocks, columns, bias, y, output's row and column step, rows of a line, line step, its polyphase
/// components' lines, rows, first line, first row and step, scales, their number, zero, low, high, kind`: kind 1 is bytes, 2 bytes
/// that the program requantises, 4 sums in s32, 5 sums added to what is there.
/// w: for each block of columns, for each input, `cells` cells of weights as u8. bias: s32; for kind 2, for each block of columns three planes of bytes, of biases with 2^23 added.
#[inline(never)]
pub fn run(args: &[u32], memory: &mut Memory<'_>, workspace: &mut Workspace, backend: &mut impl Backend) -> Checked {
    let [x, step, row_step, x_kind, x_zero, rows, inputs, w, w_sums, zero, cells, blocks, columns, bias, y, to_row, to_column, line, to_line, phase_lines, phase_rows, phase_line, phase_row, phase_step, scale, scales, zero_out, low, high, kind] =
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
    let program = tables::program(inputs, cells, kind == 2)?;
    let width = cells * CELL as u32;
    if blocks != columns.div_ceil(width) {
        return Err("weights for another number of columns");
    }
    if scales != 1 && (scales != columns || kind == 2) {
        return Err("parameters for another number of channels");
    }
    let scale = as_f32(memory.constant(words(scale, scales.into()))?);
    let output = Output::new(zero_out, low, high)?;
    if !scale.iter().all(|scale| valid(*scale)) {
        return Err("a scale is not positive and finite");
    }
    let finish = match kind {
        1 | 4 | 5 => {
            let correction = Correction::new(x_kind, x_zero, w_sums, bias, columns.into(), memory)?;
            Finish::Plain { correction, size: if kind == 1 { 1 } else { 4 }, adds: kind == 5 }
        }
        2 if x_kind == 0 => Finish::Rescaled {
            rescale: Rescale::new(scale[0], output).ok_or(UNSCALED)?,
            requantize: Requantize::new(scale[0], output),
            biases: memory.constant(words(bias, product(&[blocks, 3 * width / 4])?))?,
        },
        2 => return Err("a zero point that is a tensor, where the program requantises"),
        _ => return Err("no such output"),
    };
    let (size, zero_region) = match &finish {
        Finish::Plain { correction, size, .. } => (*size, correction.region()),
        Finish::Rescaled { .. } => (1, bytes(0, 0)),
    };
    let reads = [
        bytes(x, product(&[rows - 1, row_step])? + product(&[inputs - 1, step])? + 1),
        words(w, product(&[blocks, inputs, width / 4])?),
        zero_region,
    ];
    let phases = Polyphase::new(phase_lines, phase_rows, phase_line, phase_row, phase_step)?;
    let lines = phases.extent((rows - 1) / line + 1, line.min(rows), to_line, to_row)?;
    let extent = lines + product(&[columns - 1, to_column])?;
    let Some(([y], [x, w, x_zero])) = memory.split([elements(size, y, extent)?], reads)? else { return Ok(()) };

    workspace.set_row(zero as u8, cells);
    let Workspace { loads, planes, cells: terms, constants, channels, scales: scales_of, .. } = workspace;
    let mut biases: &[u8] = &[];
    let mut unbiased = None;
    match &finish {
        Finish::Plain { correction, size: 1, .. } => {
            let x_zero = correction.zero(x_zero);
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
        Finish::Plain { .. } => {}
        Finish::Rescaled { rescale, requantize, biases: planes } => {
            set_rescale(constants, rescale.numbers(0).ok_or(UNSCALED)?);
            biases = planes;
            unbiased = Some(requantize.channel(0));
        }
    }
    let loads = loads_of(&program, loads);
    let most = SIZES.iter().find(|size| size.0 == cells).map_or(0, |size| size.1);
    let call = program.advice().bytes();
    let together = (planes.len() * 4 / call).min(blocks as usize);
    let (width, inputs, columns) = (width as usize, inputs as usize, columns as usize);
    let all = Span { first: 0, count: cells };
    for row in 0..rows {
        let to_first = phases.at(row / line, row % line, to_line, to_row);
        let sum = spread(&x[(row * row_step) as usize..], step as usize, &mut terms[..inputs * CELL / 4]);
        set_parts(constants, sum, parts(most));
        let (terms, constants) = (as_bytes(terms), as_bytes(constants));
        let mut block = 0;
        while block < blocks as usize {
            let count = together.min(blocks as usize - block);
            let slices = |index: usize| -> [&[u8]; OPERANDS] {
                let weights = &w[(block + index) * inputs * width..];
                let biases = if biases.is_empty() { biases } else { &biases[(block + index) * 3 * width..] };
                [terms, weights, &[], constants, biases, as_bytes(&OFFSET)]
            };
            let advice = &mut planes[..count * call / 4];
            backend.advise(&program, count, |index| Operands::before_advice(&program, slices(index)), advice)?;
            for (index, planes) in advice.chunks_exact_mut(call / 4).enumerate() {
                let mut operands = slices(index);
                operands[Operand::Planes as usize] = as_bytes(planes);
                backend.prove(&program, loads, &Operands::new(&program, operands)?)?;
                let first = (block + index) * width;
                let to = to_first + first * to_column as usize;
                let here = first..columns.min(first + width);
                match &finish {
                    Finish::Rescaled { rescale, requantize, .. } => {
                        let channel = unbiased.as_ref().ok_or(UNSCALED)?;
                        let bytes = rescale.bytes(requantize, channel, planes, cells as usize, all);
                        scatter(&bytes[..here.len()], &mut y[to..], to_column as usize);
                    }
                    Finish::Plain { size: 1, .. } if scale.len() == 1 => {
                        scales_of[0].channels(&channels[here], as_bytes(planes), &mut y[to..], to_column as usize);
                    }
                    Finish::Plain { size: 1, .. } => {
                        let lanes = Lanes::new(as_bytes(planes));
                        let y = y[to..].iter_mut().step_by(to_column as usize);
                        let channels = channels[here.clone()].iter().zip(&scales_of[here]);
                        for (lane, (y, (channel, requantize))) in y.zip(channels).enumerate() {
                            *y = requantize.apply(channel, lanes.times128(lane));
                        }
                    }
                    Finish::Plain { correction, adds, .. } => {
                        let (lanes, x_zero) = (Lanes::new(as_bytes(planes)), correction.zero(x_zero));
                        let y = as_i32_mut(y)[to..].iter_mut().step_by(to_column as usize);
                        for (lane, (y, column)) in y.zip(here).enumerate() {
                            let sum = lanes.sum(lane).wrapping_add(correction.bias(column, x_zero));
                            *y = if *adds { y.wrapping_add(sum) } else { sum };
                        }
                    }
                }
            }
            block += count;
        }
    }
    Ok(())
}

/// Puts inputs into a cell each. Returns their sum.
pub(crate) fn spread(x: &[u8], step: usize, cells: &mut [u32]) -> u32 {
    const WORDS: usize = CELL / 4;
    let count = cells.len() / WORDS;
    let Some(last) = count.checked_sub(1) else { return 0 };
    assert!(last * step < x.len());
    if step == 1 {
        let mut sum = 0;
        let ((eight, rest), (whole, after)) = (x[..count].as_chunks::<8>(), cells.as_chunks_mut::<{ 8 * WORDS }>());
        for (inputs, cells) in eight.iter().zip(whole) {
            for (i, x) in inputs.iter().enumerate() {
                cells[i * WORDS] = u32::from(*x);
                sum += u32::from(*x);
            }
        }
        for (cell, x) in after.chunks_exact_mut(WORDS).zip(rest) {
            cell[0] = u32::from(*x);
            sum += u32::from(*x);
        }
        return sum;
    }
    let (mut x, mut sum) = (x.as_ptr(), 0);
    let (eight, rest) = cells.as_chunks_mut::<{ 8 * WORDS }>();
    let mut next = || {
        // SAFETY: there are `count` inputs `step` apart, by the assertion, one for each cell; the pointer is moved on beyond the
        // last, where nothing is read.
        let input = u32::from(unsafe { *x });
        x = x.wrapping_add(step);
        sum += input;
        input
    };
    for cells in eight {
        for i in 0..8 {
            cells[i * WORDS] = next();
        }
    }
    for cell in rest.chunks_exact_mut(WORDS) {
        cell[0] = next();
    }
    sum
}
