//! ggml's exp, and what is made of it.

use super::soft::{Factor, Float};

// 1.5 * 2^23, log2(e), ln(2) in two parts, then the polynomial.
const ROUND: f32 = f32::from_bits(0x4b40_0000);
const LOG2_E: f32 = f32::from_bits(0x3fb8_aa3b);
const LN2: [f32; 2] = [f32::from_bits(0x3f31_7200), f32::from_bits(0x35bf_be8e)];
const C5: f32 = f32::from_bits(0x3c07_2010);
const C4: f32 = f32::from_bits(0x3d2b_9f17);
const C3: f32 = f32::from_bits(0x3e2a_af33);
const C2: f32 = f32::from_bits(0x3eff_fedb);
const C1: f32 = f32::from_bits(0x3f7f_fff6);
const ONE: Float = Float::of(1.0);

/// ggml_v_expf as SSE2 computes it.
pub fn exp(x: f32) -> f32 {
    if usual(x) {
        unpacked(x).value()
    } else {
        floats(x)
    }
}

/// (gate / (1 + exp(-gate))) * up.
pub fn swiglu(gate: f32, up: f32) -> f32 {
    if !usual(gate) {
        return (gate / (1.0 + floats(-gate))) * up;
    }
    let silu = Float::of(gate).over(unpacked(-gate).plus(ONE));
    if usual(up) {
        Factor::from(silu).times(Factor::of(up)).value()
    } else {
        silu.value() * up
    }
}

/// From 2^-40 to 2^6 in size: every number on the way is normal then.
fn usual(x: f32) -> bool {
    (127 - 40..127 + 6).contains(&(x.to_bits() << 1 >> 24))
}

/// As `floats`, of a usual number.
#[inline(always)]
fn unpacked(x: f32) -> Float {
    let n = Factor::of(x).times(Factor::of(LOG2_E)).rint();
    let whole = Factor::integer(n);
    let b = Float::of(x).minus(whole.times(Factor::of(LN2[0]))).minus(whole.times(Factor::of(LN2[1])));
    let b = Factor::from(b);
    let u = Factor::from(b.times(b));
    let high = Factor::from(b.times(Factor::of(C5)).plus(Float::of(C4)));
    let low = b.times(Factor::of(C3)).plus(Float::of(C2));
    let j = Factor::from(high.times(u).plus(low)).times(u).plus(b.times(Factor::of(C1)));
    // 2^n times this is rounded as this is.
    let sum = j.plus(ONE);
    Float { m: sum.m, e: sum.e + n }
}

/// The same in f32.
fn floats(x: f32) -> f32 {
    let z = x * LOG2_E + ROUND;
    let n = z - ROUND;
    let b = (x - n * LN2[0]) - n * LN2[1];
    let e = z.to_bits() << 23;
    let u = b * b;
    let j = ((C5 * b + C4) * u + (C3 * b + C2)) * u + C1 * b;
    let size = f32::from_bits(n.to_bits() & 0x7fff_ffff);
    if size <= 126.0 {
        let k = f32::from_bits(e.wrapping_add(0x3f80_0000));
        return j * k + k;
    }
    let g: u32 = if n <= 0.0 { 0x8200_0000 } else { 0 };
    let s1 = f32::from_bits(g.wrapping_add(0x7f00_0000));
    let s2 = f32::from_bits(e.wrapping_sub(g));
    if size > 192.0 {
        s1 * s1
    } else {
        (s2 * j + s2) * s1
    }
}

#[cfg(test)]
mod tests {
    use super::super::soft::tests::Numbers;
    use super::*;

    #[test]
    fn integers_equal_the_floats() {
        let mut numbers = Numbers::default();
        let mut fast = 0;
        for case in 0..2_000_000u32 {
            let x = match case % 4 {
                0 => numbers.float(70),
                1 => numbers.float(3),
                // Next to multiples of ln(2) / 2.
                2 => {
                    let near = (numbers.below(180) as f32 - 90.0) * core::f32::consts::LN_2 / 2.0;
                    f32::from_bits(near.to_bits().wrapping_add(numbers.below(9)).wrapping_sub(4))
                }
                _ => (numbers.bits() as f32 / 4e9 - 0.5) * 300.0,
            };
            assert_eq!(exp(x).to_bits(), floats(x).to_bits(), "{x:e}");
            if x.is_finite() {
                let up = numbers.float(60);
                let wanted = (x / (1.0 + floats(-x))) * up;
                assert_eq!(swiglu(x, up).to_bits(), wanted.to_bits(), "{x:e} {up:e}");
                assert!(swiglu(x, 0.0) == 0.0);
            }
            if usual(x) {
                fast += 1;
                assert!((f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs() < 3e-7, "{x:e}");
            }
        }
        assert!(fast > 1_000_000, "{fast}");
    }
}
