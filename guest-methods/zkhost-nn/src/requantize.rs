//! onnxruntime's requantisation in integers, bit for bit.
//!
//! MlasRequantizeOutput computes v = f32(acc) * scale, clamps v to [lo - zero, hi - zero], rounds it half to even and adds
//! zero, in f32. The fast path takes acc * scale as a fixed-point number with an error of a few of its last units. Where
//! that number is near a half, and only there, the error and f32's own rounding could lead to another integer: then the
//! floats are emulated.

/// Accumulators come as lanes of the accelerator: 24-bit numbers with 2^23 added.
pub const OFFSET: i32 = 1 << 23;

/// One channel's requantisation of lanes.
#[derive(Clone, Copy)]
pub struct Requantize {
    /// The scale's mantissa, its top bit set, perhaps shifted right to keep `shift` in range; 0 where floats decide everything.
    multiplier: u32,
    /// What is added to lane * 2^7 * multiplier / 2^32: the bias, the zero point, a half, and `near`; `low` is taken off.
    fold: i32,
    shift: u32,
    mask: u32,
    /// Twice the distance to a half within which the emulation decides.
    near: u32,
    low: i32,
    span: u32,
    scale: f32,
    bias: i32,
    zero: i32,
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
    scale.is_normal() && scale > 0.0
}

impl Requantize {
    /// For a valid scale; `with_bias` makes it one for a channel.
    pub fn new(scale: f32, output: Output) -> Self {
        let bits = scale.to_bits();
        let mantissa = (bits & 0x7f_ffff | 0x80_0000) << 8;
        // lane * scale = lane * 2^7 * mantissa / 2^32 / 2^shift
        let exact = 133 - (bits >> 23) as i32;
        // A larger shift than 20 gains nothing, and would leave no room for the zero point.
        let surplus = (exact - 20).clamp(0, 31);
        let shift = exact - surplus;
        let span = (output.high - output.low) as u32;
        let floats = Self {
            multiplier: 0,
            fold: 0,
            shift: 0,
            mask: 0,
            near: 0,
            low: output.low,
            span,
            scale,
            bias: 0,
            zero: output.zero,
        };
        if !(7..=20).contains(&shift) {
            // Scales of a half and more, where every value is near a half; and those that lead nowhere but to zero.
            return floats;
        }
        let multiplier = mantissa >> surplus;
        // The two floors, the shifted-out bits of the multiplier (at most one unit, as lane * 2^7 < 2^31) and f32's rounding,
        // which moves a value below 512 by 2^-16 at most.
        let near = 4 + (1 << (shift.max(15) - 15));
        let fold = (1 << (shift - 1)) + near + ((output.zero - output.low) << shift);
        Self { multiplier, fold, shift: shift as u32, mask: (1 << shift) - 1, near: 2 * near as u32, ..floats }
    }

    /// For one channel's sums: `lane - 2^23 + bias`.
    #[inline]
    pub fn with_bias(&self, bias: i32) -> Self {
        if bias.unsigned_abs() >= 1 << 23 {
            return Self { multiplier: 0, mask: 0, fold: 0, bias, ..*self };
        }
        let constant = ((i64::from((bias - OFFSET) << 7) * i64::from(self.multiplier)) >> 32) as i32;
        Self { fold: self.fold + constant, bias, ..*self }
    }

    /// Of a lane multiplied by 2^7. None where the floats decide.
    #[inline(always)]
    pub fn fast(&self, lane7: u32) -> Option<u8> {
        let product = ((u64::from(lane7) * u64::from(self.multiplier)) >> 32) as i32;
        let value = product.wrapping_add(self.fold);
        if value as u32 & self.mask <= self.near {
            return None;
        }
        let above = value >> self.shift;
        Some(if above as u32 <= self.span {
            (above + self.low) as u8
        } else if above < 0 {
            self.low as u8
        } else {
            (self.low as u32 + self.span) as u8
        })
    }

    #[inline(always)]
    pub fn apply(&self, lane7: u32) -> u8 {
        match self.fast(lane7) {
            Some(value) => value,
            None => self.slow(lane7),
        }
    }

    /// The same by floats.
    #[cold]
    #[inline(never)]
    pub fn slow(&self, lane7: u32) -> u8 {
        self.emulate(((lane7 >> 7) as i32 - OFFSET).wrapping_add(self.bias))
    }

    /// Of an accumulator that has its bias already.
    #[inline(never)]
    pub fn emulate(&self, accumulator: i32) -> u8 {
        let (low, high) = (self.low - self.zero, self.low - self.zero + self.span as i32);
        (round(accumulator as f32 * self.scale, low, high) + self.zero) as u8
    }
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
        let value = (accumulator as f32 * scale)
            .clamp((output.low - output.zero) as f32, (output.high - output.zero) as f32);
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
            let requantize = Requantize::new(scale, output).with_bias(bias);
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
                let got = requantize.apply((lane as u32) << 7);
                assert_eq!(got, reference(accumulator, scale, output), "{accumulator} * {scale:e}, bias {bias}");
                emulated += 1;
            }
        }
        assert!(emulated > 500_000);
    }
}
