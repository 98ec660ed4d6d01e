//! Convolutions on the accelerator: a product of polynomials is a convolution.
//!
//! A channel's plane, row after row with its padding, is a polynomial; so is a kernel whose rows are spread by the plane's
//! pitch and which is turned around. In their product, coefficient (y + h - 1) * pitch + x + w - 1 is the output at (y, x) of
//! an h x w kernel. One program adds up the products of all input channels for one output channel.

use crate::lanes::{Grid, Lanes};
use crate::memory::{as_f32, as_i32, as_i32_mut, bytes, elements, product, words, Memory, Region};
use crate::plan::arguments;
use crate::polyphase::Polyphase;
use crate::program::{convolution, sums, Operand, Operands, Program, Shape, Signs, CELL, LOADS, MAX_CELLS};
use crate::requantize::{valid, Output, Requantize};
use crate::rescale::Rescale;
use crate::sums::Zero;
use crate::workspace::{
    batch, bytes as as_bytes, set_scaling, Backend, Workspace, BATCH, MAX_LANES, MAX_PAIRS, OFFSET, SCALING,
};
use crate::Checked;

pub(crate) const UNSCALED: &str = "a scale, range or bias that is not requantised on the accelerator";

/// What an operation says of itself.
struct Layer {
    groups: u32,
    /// Output channels of a group.
    channels: u32,
    shape: Shape,
    signs: Signs,
    zero: u8,
    /// Weights come as bytes, to be put into a cell each.
    expand: bool,
    strips: u32,
    /// Bytes from one strip's part of a plane to the next one's.
    strip_step: u32,
    last_rows: u32,
    grid: Grid,
    y_channel: u32,
    /// Lanes are requantised on the accelerator.
    rescale: bool,
}

impl Layer {
    /// Terms of a kernel: its cells, or its weights.
    fn terms(&self) -> u32 {
        self.shape.channels * self.shape.kernel * if self.signs == Signs::Split { 2 } else { 1 }
    }

    /// Bytes of a kernel as the plan holds them.
    fn kernel_bytes(&self) -> usize {
        self.terms() as usize * if self.expand { 1 } else { CELL }
    }

    fn check(&self) -> Checked {
        let shape = self.shape;
        let all = [self.groups, self.channels, shape.channels, shape.kernel, shape.plane, shape.pitch, self.strips];
        if all.contains(&0) || all.iter().any(|value| *value >= 1 << 16) {
            return Err("a convolution's shape is out of range");
        }
        if shape.lanes() > MAX_LANES || self.terms() > MAX_CELLS {
            return Err("a convolution is too large for the accelerator");
        }
        if !self.strip_step.is_multiple_of(4) || (self.expand && shape.kernel != 1) {
            return Err("a strip or a kernel does not start where a cell can");
        }
        if self.last_rows == 0 || self.last_rows > self.grid.rows {
            return Err("a grid of lanes is out of range");
        }
        if self.rescale && !self.grid.is_plain() && !self.grid.is_pooled() {
            return Err("lanes that are not requantised on the accelerator");
        }
        if !(self.grid.phases.is_one() || self.rescale && self.grid.is_plain()) {
            return Err("polyphase components of what is not requantised on the accelerator");
        }
        if matches!(self.signs, Signs::Sums(pairs) if pairs == 0 || pairs > MAX_PAIRS) {
            return Err("too many planes of sums");
        }
        self.grid.check(shape.lanes() * CELL as u32)
    }

    /// Bytes of all planes, from the first to the last that is read.
    fn input(&self) -> Checked<u64> {
        let cell = CELL as u32;
        let (shape, before) = (self.shape, self.groups * self.shape.channels - 1);
        let planes = product(&[before, shape.pitch, cell])?;
        Ok(planes + product(&[self.strips - 1, self.strip_step])? + product(&[shape.plane, cell])?)
    }

    /// Elements of the output, from the first to the last that is written.
    fn output(&self) -> Checked<u64> {
        let rows = (self.strips - 1) * self.grid.rows + self.last_rows;
        Ok(product(&[self.groups * self.channels - 1, self.y_channel])? + self.grid.extent(rows)?)
    }
}

/// `x, kind and value of its zero point, w, bias, y, groups, channels of a group, inputs of a group, kernel, plane, pitch (cells), pairs of planes of sums (0:
/// split signs), zero point, kernel of the sums, expand, strips, strip step, rows of the last strip, first lane, rows,
/// columns, row step, column step, pool, output's channel, row and column step, its polyphase components' rows, columns, first row, first column and step, scales, their number, zero, low, high, size, rescale`. The sums of the weights are for a zero point that is a tensor.
#[inline(never)]
pub fn run(args: &[u32], memory: &mut Memory<'_>, workspace: &mut Workspace, backend: &mut impl Backend) -> Checked {
    let [x, kind, x_zero, w, w_sums, bias, y, groups, channels, inputs, kernel, plane, pitch, pairs, zero, ones, expand, strips, strip_step, last_rows, first, rows, columns, row_step, column_step, pool, y_channel, to_row, to_column, phase_rows, phase_columns, phase_row, phase_column, phase_step, scale, scales, zero_out, low, high, size, rescale] =
        arguments(args)?;
    if zero > 255 || expand > 1 || rescale > 1 || (rescale == 1 && size != 1) {
        return Err("a convolution's shape is out of range");
    }
    let layer = Layer {
        groups,
        channels,
        shape: Shape { channels: inputs, kernel, plane, pitch },
        signs: if pairs == 0 { Signs::Split } else { Signs::Sums(pairs) },
        zero: zero as u8,
        expand: expand == 1,
        strips,
        strip_step,
        last_rows,
        grid: Grid {
            first,
            rows,
            columns,
            row_step,
            column_step,
            pool,
            to_row,
            to_column,
            phases: Polyphase::new(phase_rows, phase_columns, phase_row, phase_column, phase_step)?,
        },
        y_channel,
        rescale: rescale == 1,
    };
    layer.check()?;
    let all = product(&[groups, channels])?;
    if scales != 1 && u64::from(scales) != all {
        return Err("parameters for another number of channels");
    }
    let scale = as_f32(memory.constant(words(scale, scales.into()))?);
    let output = Output::new(zero_out, low, high)?;
    if !scale.iter().all(|scale| valid(*scale)) {
        return Err("a scale is not positive and finite");
    }
    let correction = Correction::new(kind, x_zero, w_sums, bias, all, memory)?;

    let lanes = layer.shape.lanes();
    workspace.set_number(0, layer.zero);
    let Workspace { words: program_words, sums_words, loads, planes, sums: summed, cells, constants, scaling, .. } =
        workspace;
    let used = layer.grid.span();
    let program = convolution(program_words, layer.shape, layer.signs, layer.rescale.then_some(used))?;
    let summing = match layer.signs {
        Signs::Split => None,
        Signs::Sums(pairs) => Some(sums(sums_words, layer.shape, pairs)?),
    };
    let ones_bytes = if summing.is_some() { u64::from(kernel) * CELL as u64 } else { 0 };
    // What programs read as it lies must start at a word.
    if (x | if expand == 1 { 0 } else { w } | if ones_bytes > 0 { ones } else { 0 }) & 3 != 0 {
        return Err("words do not lie at a multiple of 4");
    }
    let weights = product(&[groups, channels, layer.kernel_bytes() as u32])?;
    let reads = [bytes(x, layer.input()?), bytes(w, weights), bytes(ones, ones_bytes), correction.region()];
    let Some(([y], [x, w, ones, x_zero])) = memory.split([elements(size, y, layer.output()?)?], reads)? else {
        return Ok(());
    };

    let x_zero = correction.zero(x_zero);
    let mut requantize = Requantize::new(scale[0], output);
    let mut rescales = [Rescale::new(scale[0], output); BATCH];
    let (loads, sums_loads) = loads.split_at_mut(LOADS);
    let loads = &loads_of(&program, loads);
    let (terms, kernel_bytes) = (layer.terms() as usize, layer.kernel_bytes());
    let call = program.advice().bytes();
    // With split signs nothing is shared by a group's channels: all groups are one.
    let (spans, span) = match layer.signs {
        Signs::Split => (1, (groups * channels) as usize),
        Signs::Sums(_) => (groups as usize, channels as usize),
    };
    let mut most = batch(call).min(planes.len() * 4 / call);
    if layer.expand {
        most = most.min(MAX_CELLS as usize / terms);
    }
    if layer.rescale {
        most = most.min(BATCH);
    }
    let offset = as_bytes(&OFFSET);
    for strip in 0..strips {
        let rows = if strip + 1 == strips { last_rows } else { rows };
        let neighbours = layer.grid.neighbours(rows);
        let part = |group: usize| &x[group * inputs as usize * pitch as usize * CELL + (strip * strip_step) as usize..];
        for group in 0..spans {
            if let Some(summing) = &summing {
                let advice = &mut summed[..summing.advice().bytes() / 4];
                let none: &[u8] = &[];
                let slices = |sums| [ones, part(group), none, as_bytes(constants), sums, none];
                backend.advise(summing, 1, |_| Operands::before_advice(summing, slices(none)), advice)?;
                let operands = Operands::new(summing, slices(as_bytes(advice)))?;
                backend.prove(summing, loads_of(summing, sums_loads), &operands)?;
            }
            let summed = as_bytes(summed);
            let mut channel = group * span;
            while channel < (group + 1) * span {
                let count = most.min((group + 1) * span - channel);
                if layer.expand {
                    let weights = &w[channel * terms..][..count * terms];
                    put(weights, cells);
                }
                if layer.rescale {
                    for (index, constants) in scaling.chunks_exact_mut(SCALING).take(count).enumerate() {
                        if scale.len() > 1 {
                            rescales[index] = Rescale::new(scale[channel + index], output);
                        }
                        let rescale = rescales[index].ok_or(UNSCALED)?;
                        let bias = correction.bias(channel + index, x_zero);
                        set_scaling(constants, layer.zero, rescale.numbers(bias).ok_or(UNSCALED)?);
                    }
                }
                let (scaling, cells) = (as_bytes(scaling), as_bytes(cells));
                let first = [&[], part(group), &[], as_bytes(constants), summed, offset];
                let operands = Operands::without(&program, first, &[Operand::Terms, Operand::Planes])?;
                // What differs from call to call.
                let terms_of = |index: usize| {
                    if layer.expand {
                        &cells[index * terms * CELL..]
                    } else {
                        &w[(channel + index) * kernel_bytes..]
                    }
                };
                let constants_of = |index: usize| layer.rescale.then(|| &scaling[index * SCALING * 4..][..SCALING * 4]);
                let input_of =
                    |index: usize| (layer.groups > spans as u32).then(|| part((channel + index) / channels as usize));
                let advice = &mut planes[..count * call / 4];
                let before = |index| operands.with(&program, terms_of(index), constants_of(index), input_of(index));
                backend.advise(&program, count, before, advice)?;
                for (index, planes) in advice.chunks_exact_mut(call / 4).enumerate() {
                    let mut operands =
                        operands.with(&program, terms_of(index), constants_of(index), input_of(index))?;
                    operands.set(&program, Operand::Planes, as_bytes(planes))?;
                    backend.prove(&program, loads, &operands)?;
                    let channel = channel + index;
                    let bias = correction.bias(channel, x_zero);
                    let (first, at) = (strip * layer.grid.rows, channel * y_channel as usize);
                    let strip_at = || at + (first * to_row) as usize;
                    if size == 4 {
                        layer.grid.sums(&Lanes::new(as_bytes(planes)), bias, rows, &mut as_i32_mut(y)[strip_at()..]);
                        continue;
                    }
                    if scale.len() > 1 {
                        requantize = Requantize::new(scale[channel], output);
                    }
                    let own = requantize.channel(bias);
                    match rescales[index % BATCH] {
                        Some(rescale) if layer.rescale => {
                            let bytes = rescale.bytes(&requantize, &own, planes, lanes as usize, used);
                            layer.grid.put(used, bytes, first, rows, &mut y[at..]);
                        }
                        _ => {
                            let (planes, y) = (as_bytes(planes), &mut y[strip_at()..]);
                            match &neighbours {
                                Some(rows) => requantize.rows(&own, planes, rows, y),
                                None => layer.grid.bytes(&Lanes::new(planes), &requantize, &own, rows, y),
                            }
                        }
                    }
                }
                channel += count;
            }
        }
    }
    Ok(())
}

/// What is added to sums of inputs as they lie in memory: a bias, with the inputs' zero point taken out. Where that is
/// known, the bias has it already; otherwise it comes from a tensor, times the sum of an output's weights.
pub(crate) struct Correction<'p> {
    zero: Zero,
    sums: &'p [i32],
    bias: &'p [i32],
}

impl<'p> Correction<'p> {
    pub fn new(kind: u32, zero: u32, sums: u32, bias: u32, outputs: u64, memory: &Memory<'p>) -> Checked<Self> {
        let zero = Zero::new(kind, zero)?;
        let sums = memory.constant(words(sums, outputs * u64::from(kind)))?;
        Ok(Self { zero, sums: as_i32(sums), bias: as_i32(memory.constant(words(bias, outputs))?) })
    }

    pub fn region(&self) -> Region {
        self.zero.region()
    }

    /// The zero point that is to be taken out yet.
    pub fn zero(&self, read: &[u8]) -> i32 {
        if self.sums.is_empty() {
            0
        } else {
            self.zero.of(read)
        }
    }

    /// The byte that stands for zero.
    pub fn outside(&self, read: &[u8]) -> u8 {
        self.zero.of(read) as u8
    }

    /// The biases, where the zero point is known.
    pub fn known(&self) -> Option<&'p [i32]> {
        self.sums.is_empty().then_some(self.bias)
    }

    #[inline(always)]
    pub fn bias(&self, output: usize, zero: i32) -> i32 {
        let sum = if self.sums.is_empty() { 0 } else { self.sums[output] };
        self.bias[output].wrapping_sub(sum.wrapping_mul(zero))
    }
}

/// The program that loads a program's operands.
pub(crate) fn loads_of<'l>(program: &Program<'_>, to: &'l mut [u32]) -> &'l [u32] {
    let length = program.loads(to);
    &to[..length]
}

/// Puts numbers into a cell each; the other bytes stay zero.
fn put(numbers: &[u8], cells: &mut [u32]) {
    const WORDS: usize = CELL / 4;
    let (eight, rest) = numbers.as_chunks::<8>();
    let (whole, cells) = cells.split_at_mut(8 * WORDS * eight.len());
    for (numbers, cells) in eight.iter().zip(whole.as_chunks_mut::<{ 8 * WORDS }>().0) {
        for (i, number) in numbers.iter().enumerate() {
            cells[i * WORDS] = u32::from(*number);
        }
    }
    for (number, cell) in rest.iter().zip(cells.chunks_exact_mut(WORDS)) {
        cell[0] = u32::from(*number);
    }
}
