//! The fused multiply-add of f32, rounded once: as `libm::fmaf`, at a third of its cycles where there is no floating-point unit.

/// a * b + c, rounded to nearest even.
#[inline]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (x, y, z) = (a.to_bits(), b.to_bits(), c.to_bits());
    let exponents = [x, y, z].map(|bits| (bits >> 23 & 0xff) as i32);
    if (x << 1 == 0 || y << 1 == 0) && exponents.iter().all(|exponent| *exponent != 255) && z << 1 != 0 {
        return c;
    }
    let normal = |exponent: i32| (exponent - 1) as u32 <= 253;
    if !normal(exponents[0]) || !normal(exponents[1]) || !(normal(exponents[2]) || z << 1 == 0) {
        return libm::fmaf(a, b, c);
    }
    normal_fma([x, y, z], exponents).unwrap_or_else(|| libm::fmaf(a, b, c))
}

/// None where the result is not a normal number. c may be a zero.
#[inline]
fn normal_fma([x, y, z]: [u32; 3], exponents: [i32; 3]) -> Option<f32> {
    let mantissa = |bits: u32| bits & 0x7f_ffff | 0x80_0000;
    // Bit 61 stands for 1: the product is below 4, so a sum is below 8, and 15 bits or more are left below an f32's last.
    let product = (u64::from(mantissa(x)) * u64::from(mantissa(y))) << 15;
    let addend = if z << 1 == 0 { 0 } else { mantissa(z) << 6 };
    let (of_product, of_addend) = (exponents[0] + exponents[1] - 127, exponents[2]);
    let distance = of_product - of_addend;
    let (product, addend, exponent) = if distance >= 0 || addend == 0 {
        (product, shifted(u64::from(addend) << 32, distance.max(0) as u32), of_product)
    } else {
        (shifted(product, distance.unsigned_abs()), u64::from(addend) << 32, of_addend)
    };
    let sign = (x ^ y) & 1 << 31;
    let (sum, sign) = if sign == z & 1 << 31 {
        (product + addend, sign)
    } else if product >= addend {
        (product - addend, sign)
    } else {
        (addend - product, z & 1 << 31)
    };
    let (mut high, mut low) = ((sum >> 32) as u32, sum as u32);
    let mut exponent = exponent + 2;
    if high < 1 << 28 {
        if sum == 0 {
            return Some(0.0);
        }
        let shift = sum.leading_zeros();
        (high, low) = (((sum << shift) >> 32) as u32, (sum << shift) as u32);
        exponent -= shift as i32;
    }
    while high >> 31 == 0 {
        high = high << 1 | low >> 31;
        low <<= 1;
        exponent -= 1;
    }
    let kept = high >> 8;
    let rest = (high & 0xff) << 1 | u32::from(low != 0);
    let rounded = kept + u32::from(rest > 0x100 || (rest == 0x100 && kept & 1 == 1));
    if !(1..=253).contains(&exponent) {
        return None;
    }
    Some(f32::from_bits(sign | ((((exponent - 1) as u32) << 23) + rounded)))
}

/// Shifted to the right; bits that are lost leave a 1 in the last place.
#[inline]
fn shifted(value: u64, distance: u32) -> u64 {
    if distance == 0 {
        return value;
    }
    let (high, low) = ((value >> 32) as u32, value as u32);
    match distance {
        1..=31 => {
            let lost = low << (32 - distance) != 0;
            u64::from(high >> distance) << 32 | u64::from(high << (32 - distance) | low >> distance | u32::from(lost))
        }
        32 => u64::from(high | u32::from(low != 0)),
        33..=63 => u64::from(high >> (distance - 32) | u32::from(high << (64 - distance) != 0 || low != 0)),
        _ => u64::from(value != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All kinds of numbers, most with exponents near each other; exact cancellations and ties among them.
    #[test]
    fn it_is_the_fused_multiply_add() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        for case in 0..1_000_000u32 {
            let mut number = |spread: u32| {
                let bits = next();
                let exponent = if spread == 0 { bits >> 3 & 0xff } else { 127 - spread / 2 + bits % spread };
                let fraction = if bits & 4 == 0 { next() & 0x7f_ffff } else { (next() & 0x7f) << 16 };
                f32::from_bits(bits & 1 << 31 | exponent << 23 | fraction)
            };
            let spread = [0, 4, 30, 80][case as usize % 4];
            let (a, b) = (number(spread), number(spread));
            let c = match case % 7 {
                0 => 0.0,
                1 => -(a * b),
                2 => f32::from_bits((-(a * b)).to_bits().wrapping_add(case % 5).wrapping_sub(2)),
                _ => number(spread),
            };
            for (a, b, c) in [(a, b, c), (0.0, b, c), (a, -0.0, c), (0.0, b, -0.0), (a, b, f32::NAN)] {
                let (found, wanted) = (fma(a, b, c), libm::fmaf(a, b, c));
                assert!(
                    found.to_bits() == wanted.to_bits() || (found.is_nan() && wanted.is_nan()),
                    "{a:e} {b:e} {c:e}: {found:e}, not {wanted:e}"
                );
                assert!(wanted.is_nan() || wanted.to_bits() == a.mul_add(b, c).to_bits());
            }
        }
    }
}
