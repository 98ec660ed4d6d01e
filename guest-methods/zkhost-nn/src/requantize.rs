//! onnxruntime's requantisation in integers, bit for bit.
//!
//! MlasRequantizeOutput computes v = f32(acc) * scale, clamps v to [lo - zero, hi - zero], rounds it half to even and adds
//! zero, in f32. The fast path takes acc * scale as a fixed-point number with an error of a few of its last units. Where
//! that number is near a half, and only there, the error and f32's own rounding could lead to another integer: then the
//! floats are emulated.

use core::mem::MaybeUninit;

/// Accumulators come as lanes of the accelerator: 24-bit numbers with 2^23 added.
pub const OFFSET: i32 = 1 << 23;

/// Requantisation of lanes by one scale.
#[derive(Clone, Copy)]
pub struct Requantize {
    /// The scale's mantissa, its top bit set, perhaps shifted right to keep `shift` in range; 0 where floats decide everything.
    multiplier: u32,
    /// What is added to lane * 2^7 * multiplier / 2^32 beside the bias: the zero point without `low`, a half, and `near`.
    fold: i32,
    shift: u32,
    mask: u32,
    /// Twice the distance to a half within which floats decide.
    near: u32,
    low: i32,
    span: u32,
    scale: f32,
    zero: i32,
}

/// One channel's: its bias, alone and among what is added.
#[derive(Clone, Copy)]
pub struct Channel {
    fold: i32,
    bias: i32,
    /// Whether the fast path is right for sums with this bias.
    fast: bool,
}

/// Clamp and zero point, in bytes as plans keep them.
#[derive(Clone, Copy)]
pub struct Output {
    pub zero: i32,
    pub low: i32,
    pub high: i32,
}

impl Output {
    pub fn new(zero: u32, low: u32, high: u32) -> Result<Self, &'static str> {
        if zero > 255 || low > high || high > 255 {
            return Err("a requantisation's range is not one");
        }
        Ok(Self { zero: zero as i32, low: low as i32, high: high as i32 })
    }
}

/// Whether a scale is one that onnxruntime's rule is defined for: positive, normal and finite.
pub fn valid(scale: f32) -> bool {
    // Positive, and an exponent that is neither of the two special ones: a comparison of floats costs 50 cycles.
    (0x80_0000..0x7f80_0000).contains(&scale.to_bits())
}

impl Requantize {
    /// For a valid scale.
    pub fn new(scale: f32, output: Output) -> Self {
        let bits = scale.to_bits();
        let mantissa = (bits & 0x7f_ffff | 0x80_0000) << 8;
        // lane * scale = lane * 2^7 * mantissa / 2^32 / 2^shift
        let exact = 133 - (bits >> 23) as i32;
        // A larger shift than 20 gains nothing, and would leave no room for the zero point.
        let surplus = (exact - 20).clamp(0, 31);
        let shift = exact - surplus;
        let (low, zero) = (output.low, output.zero);
        let span = (output.high - low) as u32;
        if !(7..=20).contains(&shift) {
            // Scales of a half and more, where every value is near a half; and those that lead nowhere but to zero.
            return Self { multiplier: 0, fold: 0, shift: 0, mask: 0, near: 0, low, span, scale, zero };
        }
        let multiplier = mantissa >> surplus;
        // The two floors, the shifted-out bits of the multiplier (at most one unit, as lane * 2^7 < 2^31) and f32's rounding,
        // which moves a value below 512 by 2^-16 at most.
        let near = 4 + (1 << (shift.max(15) - 15));
        let fold = (1 << (shift - 1)) + near + ((zero - low) << shift);
        let (shift, mask, near) = (shift as u32, (1 << shift) - 1, 2 * near as u32);
        Self { multiplier, fold, shift, mask, near, low, span, scale, zero }
    }

    /// For sums `lane - 2^23 + bias`.
    #[inline]
    pub fn channel(&self, bias: i32) -> Channel {
        let constant = ((i64::from(bias.wrapping_sub(OFFSET) << 7) * i64::from(self.multiplier)) >> 32) as i32;
        let fast = self.multiplier != 0 && bias.unsigned_abs() < 1 << 23;
        Channel { fold: self.fold.wrapping_add(constant), bias, fast }
    }

    /// What requantises a lane multiplied by 2^7, where the channel is fast. None where floats decide.
    #[inline(always)]
    fn alone(&self) -> impl Fn(i32, u32) -> Option<u8> {
        let Self { multiplier, shift, mask, near, low, span, .. } = *self;
        move |fold, lane7| {
            let product = ((u64::from(lane7) * u64::from(multiplier)) >> 32) as i32;
            let value = product.wrapping_add(fold);
            if value as u32 & mask <= near {
                return None;
            }
            let above = value >> shift;
            Some(if above as u32 <= span {
                (above + low) as u8
            } else if above < 0 {
                low as u8
            } else {
                (low as u32 + span) as u8
            })
        }
    }

    #[inline(always)]
    pub fn apply(&self, channel: &Channel, lane7: u32) -> u8 {
        match self.alone()(channel.fold, lane7) {
            Some(value) if channel.fast => value,
            _ => self.slow(channel.bias, lane7),
        }
    }

    /// The same by floats.
    #[cold]
    #[inline(never)]
    pub fn slow(&self, bias: i32, lane7: u32) -> u8 {
        self.emulate(((lane7 >> 7) as i32 - OFFSET).wrapping_add(bias))
    }

    /// Of an accumulator that has its bias already.
    pub fn emulate(&self, accumulator: i32) -> u8 {
        let (low, high) = (self.low - self.zero, self.low - self.zero + self.span as i32);
        (round(accumulator as f32 * self.scale, low, high) + self.zero) as u8
    }

    /// Requantises rows of neighbouring lanes of `planes`, three planes of bytes: the largest of 1 x 1 or 2 x 2 lanes each.
    pub fn rows(&self, channel: &Channel, planes: &[u8], rows: &Rows, to: &mut [u8]) {
        let plane = planes.len() / 3;
        assert!(rows.lanes <= plane && rows.elements <= to.len());
        // Not filled in beforehand: 384 bytes for each channel.
        let mut slow = [MaybeUninit::uninit(); SLOW];
        let count = if channel.fast {
            // SAFETY: the lanes that `rows` names lie within each plane, and what it writes within `to`.
            unsafe {
                let low = planes.as_ptr().add(rows.first);
                let to = to.as_mut_ptr();
                match (rows.pool, rows.step) {
                    (true, _) => largest(self, channel.fold, low, plane, rows, to, &mut slow),
                    (_, 1) => each::<1>(self, channel.fold, low, plane, rows, to, &mut slow),
                    (_, 2) => each::<2>(self, channel.fold, low, plane, rows, to, &mut slow),
                    _ => each::<0>(self, channel.fold, low, plane, rows, to, &mut slow),
                }
            }
        } else {
            SLOW
        };
        let value = |at: usize| lane(planes[at], planes[plane + at], planes[2 * plane + at]);
        let most = |at: usize| match rows.pool {
            true => value(at).max(value(at + 1)).max(value(at + rows.row_step)).max(value(at + rows.row_step + 1)),
            false => value(at),
        };
        if count < SLOW {
            for noted in &slow[..count] {
                // SAFETY: the first `count` are written.
                let (at, element) = unsafe { noted.assume_init() };
                to[element as usize] = self.slow(channel.bias, most(rows.first + at as usize));
            }
            return;
        }
        // So many that there was no room for them, or a channel that is not fast at all.
        let pool = 1 + usize::from(rows.pool);
        for row in 0..rows.rows {
            for column in 0..rows.columns {
                let at = rows.first + row * pool * rows.row_step + column * pool * rows.step;
                to[row * rows.to_row + column] = self.apply(channel, most(at));
            }
        }
    }

    /// Requantises lanes of a channel each, from the first lane on: to `to`, from one element to the next by `step`.
    pub fn channels(&self, channels: &[Channel], planes: &[u8], to: &mut [u8], step: usize) {
        let plane = planes.len() / 3;
        let Some(last) = channels.len().checked_sub(1) else { return };
        assert!(last < plane && last * step < to.len());
        let requantize = self.alone();
        let (mut low, mut channel, mut to) = (planes.as_ptr(), channels.as_ptr(), to.as_mut_ptr());
        // SAFETY: the lanes, the channels and what is written lie within the slices, by the assertion. Pointers are moved on
        // beyond the last, where nothing is read or written.
        unsafe {
            let (mut middle, mut high) = (low.add(plane), low.add(2 * plane));
            macro_rules! one {
                ($at:expr) => {
                    let lane7 = lane(*low.add($at), *middle.add($at), *high.add($at));
                    let channel = &*channel.add($at);
                    *to = match requantize(channel.fold, lane7) {
                        Some(value) if channel.fast => value,
                        _ => self.slow(channel.bias, lane7),
                    };
                    to = to.wrapping_add(step);
                };
            }
            let mut left = channels.len();
            while left >= 4 {
                one!(0);
                one!(1);
                one!(2);
                one!(3);
                (low, middle, high) = (low.wrapping_add(4), middle.wrapping_add(4), high.wrapping_add(4));
                channel = channel.wrapping_add(4);
                left -= 4;
            }
            for at in 0..left {
                one!(at);
            }
        }
    }
}

/// Rows of neighbouring lanes, and where they go. With a pool, the largest of each 2 x 2 lanes goes.
#[derive(Clone, Copy)]
pub struct Rows {
    first: usize,
    rows: usize,
    columns: usize,
    /// From a row of lanes to the next one, and from a lane to the next one; 1 with a pool.
    row_step: usize,
    step: usize,
    /// From a row that is written to the next one.
    to_row: usize,
    pool: bool,
    /// Lanes up to the last that is read, elements up to the last that is written.
    lanes: usize,
    elements: usize,
}

impl Rows {
    /// `rows` and `columns` of what is written. None where there are none, where a pool's lanes are not neighbours, and where
    /// they would lie beyond all memory.
    pub fn new(
        first: usize,
        [rows, columns]: [usize; 2],
        [row_step, step]: [usize; 2],
        to_row: usize,
        pool: bool,
    ) -> Option<Self> {
        let pooled = 1 + usize::from(pool);
        let last = |count: usize, step: usize| count.checked_mul(pooled)?.checked_sub(1)?.checked_mul(step);
        let lanes = last(rows, row_step)?.checked_add(last(columns, step)?)?.checked_add(first)?.checked_add(1)?;
        let elements = (rows - 1).checked_mul(to_row)?.checked_add(columns)?;
        (step == 1 || !pool).then_some(Self { first, rows, columns, row_step, step, to_row, pool, lanes, elements })
    }
}

/// A lane times 2^7.
#[inline(always)]
pub fn lane(low: u8, middle: u8, high: u8) -> u32 {
    u32::from(low) << 7 | u32::from(middle) << 15 | u32::from(high) << 23
}

/// Lanes of one call that floats decide, at most: lane and element.
const SLOW: usize = 48;
type Slow = [MaybeUninit<(u32, u32)>; SLOW];

/// What is noted of a lane that floats decide: its place, and that of its output.
struct Noted<'s> {
    slow: &'s mut Slow,
    count: usize,
    low: *const u8,
    to: *const u8,
}

impl Noted<'_> {
    /// Notes one. Returns whether there is room for another.
    ///
    /// # Safety
    /// The pointers must point into what the first ones did, not before them.
    #[cold]
    #[inline(never)]
    unsafe fn note(&mut self, low: *const u8, to: *const u8) -> bool {
        // SAFETY: by this function's contract.
        let places = unsafe { (low.offset_from_unsigned(self.low), to.offset_from_unsigned(self.to)) };
        self.slow[self.count].write((places.0 as u32, places.1 as u32));
        self.count += 1;
        self.count < SLOW
    }
}

/// Requantises what it can, and notes the rest in `slow`. Returns how many it noted; where that is all of `slow`, it stopped.
/// `STEP` is from a lane to the next one; 0 is that of `rows`.
///
/// # Safety
/// The lanes of `rows`, from `low`, from `plane` and from twice `plane` behind it, must be readable, and the elements of
/// `rows` from `to` writable.
#[inline(never)]
unsafe fn each<const STEP: usize>(
    requantize: &Requantize,
    fold: i32,
    low: *const u8,
    plane: usize,
    rows: &Rows,
    to: *mut u8,
    slow: &mut Slow,
) -> usize {
    let fast = requantize.alone();
    let mut noted = Noted { slow, count: 0, low, to };
    let step = if STEP == 0 { rows.step } else { STEP };
    let columns = rows.columns;
    let (mut low_row, mut to_row) = (low, to);
    // SAFETY: by this function's contract.
    unsafe {
        for _ in 0..rows.rows {
            let (mut low, mut to) = (low_row, to_row);
            let (mut middle, mut high) = (low.add(plane), low.add(2 * plane));
            let end = to.add(columns);
            macro_rules! one {
                ($at:expr) => {
                    match fast(fold, lane(*low.add($at * step), *middle.add($at * step), *high.add($at * step))) {
                        Some(value) => *to.add($at) = value,
                        None => {
                            if !noted.note(low.add($at * step), to.add($at)) {
                                return SLOW;
                            }
                        }
                    }
                };
            }
            let four = to.add(columns & !3);
            while to != four {
                one!(0);
                one!(1);
                one!(2);
                one!(3);
                (low, middle, high) =
                    (low.wrapping_add(4 * step), middle.wrapping_add(4 * step), high.wrapping_add(4 * step));
                to = to.add(4);
            }
            while to != end {
                one!(0);
                (low, middle, high) = (low.wrapping_add(step), middle.wrapping_add(step), high.wrapping_add(step));
                to = to.add(1);
            }
            (low_row, to_row) = (low_row.wrapping_add(rows.row_step), to_row.wrapping_add(rows.to_row));
        }
    }
    noted.count
}

/// The same for the largest of each 2 x 2 lanes.
///
/// # Safety
/// As for `each`.
#[inline(always)]
unsafe fn largest(
    requantize: &Requantize,
    fold: i32,
    low: *const u8,
    plane: usize,
    rows: &Rows,
    to: *mut u8,
    slow: &mut Slow,
) -> usize {
    let fast = requantize.alone();
    let mut noted = Noted { slow, count: 0, low, to };
    let (columns, row_step) = (rows.columns, rows.row_step);
    let (mut low_row, mut to_row) = (low, to);
    // SAFETY: by this function's contract.
    unsafe {
        for _ in 0..rows.rows {
            let (mut a, mut to) = (low_row, to_row);
            let (mut b, mut c) = (a.add(plane), a.add(2 * plane));
            let end = to.add(columns);
            macro_rules! one {
                ($at:literal) => {
                    let lane = |low: *const u8, middle: *const u8, high: *const u8, at: usize| {
                        u32::from(*low.add(at)) | u32::from(*middle.add(at)) << 8 | u32::from(*high.add(at)) << 16
                    };
                    let (d, e, f) = (a.add(row_step), b.add(row_step), c.add(row_step));
                    let above = lane(a, b, c, 2 * $at).max(lane(a, b, c, 2 * $at + 1));
                    let most = above.max(lane(d, e, f, 2 * $at)).max(lane(d, e, f, 2 * $at + 1));
                    match fast(fold, most << 7) {
                        Some(value) => *to.add($at) = value,
                        None => {
                            if !noted.note(a.add(2 * $at), to.add($at)) {
                                return SLOW;
                            }
                        }
                    }
                };
            }
            let two = to.add(columns & !1);
            while to != two {
                one!(0);
                one!(1);
                (a, b, c, to) = (a.wrapping_add(4), b.wrapping_add(4), c.wrapping_add(4), to.add(2));
            }
            if to != end {
                one!(0);
            }
            (low_row, to_row) = (low_row.wrapping_add(2 * row_step), to_row.wrapping_add(rows.to_row));
        }
    }
    noted.count
}

/// `value` clamped, then rounded half to even. A NaN becomes `low`.
pub fn round(value: f32, low: i32, high: i32) -> i32 {
    let (low, high) = (low as f32, high as f32);
    let value = if value > low { value } else { low };
    let value = if value < high { value } else { high };
    nearest(value)
}

/// An f32 of less than 2^22 rounded half to even.
pub fn nearest(value: f32) -> i32 {
    // Adding 1.5 * 2^23 leaves no bits below the unit: the addition rounds, and its low bits are the integer.
    const MAGIC: f32 = 12_582_912.0;
    ((value + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(accumulator: i32, scale: f32, output: Output) -> u8 {
        let value =
            (accumulator as f32 * scale).clamp((output.low - output.zero) as f32, (output.high - output.zero) as f32);
        (value.round_ties_even() as i32 + output.zero) as u8
    }

    /// Every kind of scale, accumulators everywhere and at ties, the clamp's ends, large biases.
    #[test]
    fn equals_the_floats() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        let mut emulated = 0;
        for case in 0..4000 {
            let exponent = 90 + case % 45;
            let mantissa = match case % 3 {
                0 => 0,
                1 => 0x40_0000,
                _ => next() & 0x7f_ffff,
            };
            let scale = f32::from_bits(exponent << 23 | mantissa);
            let (zero, low) = ((next() % 256) as i32, (next() % 128) as i32);
            let output = Output { zero, low, high: low + (next() % 128) as i32 };
            let bias = (next() % (1 << (1 + case % 23))) as i32 - (1 << (case % 23));
            let requantize = Requantize::new(scale, output);
            let channel = requantize.channel(bias);
            for step in 0..300 {
                let tie = (next() % 512) as f32 - 256.5;
                let wanted = match step % 3 {
                    0 => (f64::from(tie) / f64::from(scale)) as i64 + i64::from(next() % 3) - 1,
                    1 => i64::from(next() % (1 << 24)) - (1 << 23),
                    _ => i64::from(next() % 4096) - 2048,
                };
                let lane = wanted - i64::from(bias) + (1 << 23);
                if !(0..1 << 24).contains(&lane) {
                    continue;
                }
                let accumulator = lane as i32 - OFFSET + bias;
                let got = requantize.apply(&channel, (lane as u32) << 7);
                let planes = [lane as u8, (lane >> 8) as u8, (lane >> 16) as u8].map(|byte| [byte; 70]).concat();
                let mut many = [0; 70];
                for (count, pool) in [(2, true), (5, false), (66, false)] {
                    let step = if pool { 1 } else { 1 + usize::from(count < 6) };
                    let rows = Rows::new(1, [1, count], [3, step], 0, pool).unwrap();
                    requantize.rows(&channel, &planes, &rows, &mut many);
                    assert_eq!(many[..count], vec![got; count]);
                }
                requantize.channels(&[channel; 3], &planes, &mut many, 1);
                assert_eq!(many[..3], [got; 3]);
                assert_eq!(got, reference(accumulator, scale, output), "{accumulator} * {scale:e}, bias {bias}");
                emulated += 1;
            }
        }
        assert!(emulated > 500_000);
    }
}
