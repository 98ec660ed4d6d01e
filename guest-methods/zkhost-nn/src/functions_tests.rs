use super::*;
use crate::ggml::soft::tests::Numbers;

/// Exponentials as onnxruntime's tables have them, and numbers of few bits, which lead to ties; rows of many widths.
#[test]
fn shares_in_integers_are_those_of_floats() {
    let mut numbers = Numbers::default();
    let mut halves = 0;
    for case in 0..1200u32 {
        let step = 0.002 * (1 + numbers.below(200)) as f32;
        let table: Vec<f32> = (0..256)
            .map(|at| match case % 3 {
                0 => ((at as f32 - 255.0) * step).exp() * f32::from_bits((case % 90 + 100) << 23),
                1 => f32::from_bits((127 - (255 - at) / 50) << 23),
                _ => (numbers.below(64) as f32) * 0.25 + f32::from(u8::from(at == 255)),
            })
            .map(|entry| if entry < f32::MIN_POSITIVE { 0.0 } else { entry })
            .collect();
        let factor = [1.0, 255.0, 256.0, 3.0, 127.0, 4096.0, 16_777_216.0][case as usize % 7];
        let shares = Shares { table: &table, factor, zero: [0, 128][case as usize % 2] };
        for width in [1, 2, 3, 4, 8, 100] {
            let x: Vec<u8> =
                (0..width).map(|_| [numbers.below(256), 250 + numbers.below(6)][case as usize / 3 % 2] as u8).collect();
            let sum = x.iter().fold(0f32, |sum, x| sum + table[usize::from(*x)]);
            if sum == 0.0 {
                continue;
            }
            let mut y = vec![0; width];
            shares.row(&x, &mut y);
            for (y, x) in y.iter().zip(&x) {
                assert_eq!(*y, shares.exact(*x, sum), "{case} {width} {x}");
                let share = table[usize::from(*x)] * factor / sum;
                halves += u32::from(share < 256.0 && (share - share.floor() - 0.5).abs() < 1e-4);
            }
        }
    }
    assert!(halves > 300, "{halves}");
}

/// Their order as integers is that of the numbers, and of nothing else.
#[test]
fn floats_are_in_the_order_of_integers() {
    let mut numbers = Numbers::default();
    for _ in 0..100_000 {
        let [x, y] = [numbers.float(100), numbers.float(100)];
        let [a, b] = [x, y].map(|x| ordered(x.to_bits() as i32));
        assert!(x == y || (x < y) == (a < b), "{x} {y}");
        assert_eq!(ordered(a) as u32, x.to_bits());
    }
    let row = [f32::NAN, f32::INFINITY, 1.0, 0.0, -0.0, -1.0, f32::NEG_INFINITY, -f32::NAN];
    let keys = row.map(|x| ordered(x.to_bits() as i32));
    assert!(keys.is_sorted_by(|a, b| a > b), "{keys:?}");
}

/// Units of 2^-40 are those that wide numbers have.
#[test]
fn units_are_those_of_wide_numbers() {
    let mut numbers = Numbers::default();
    for _ in 0..200_000 {
        let x = f32::from_bits(numbers.bits());
        let wide = Wide::new(x);
        assert_eq!(units(x), (wide.exponent <= 20).then(|| wide.to_fixed(40)), "{x}");
    }
}

/// An exponential up to 1 and its product are those of wide numbers.
#[test]
fn shares_of_a_softmax_are_those_of_wide_numbers() {
    let mut numbers = Numbers::default();
    let factors: Vec<Wide> = (1..200).map(|sum| ONE.div(Wide::fixed((sum << 40) + (sum * 12345), 40))).collect();
    for case in 0..300_000usize {
        let t = -(((i64::from(numbers.bits()) << 15 | i64::from(numbers.bits()) >> 17) & ((1 << 47) - 1))
            >> numbers.below(40));
        let (share, part) = el::exp_below(t);
        let wide = el::exp_fixed(t);
        assert_eq!((share.to_bits(), part), (wide.to_f32().to_bits(), wide.to_fixed(40)), "{t}");
        let factor = factors[case % factors.len()];
        assert_eq!(
            scaled(share, factor).to_bits(),
            Wide::new(share).mul(factor).to_f32().to_bits(),
            "{share} {factor:?}"
        );
    }
    for t in [0, -1, -(1 << 47) + 1] {
        assert_eq!(el::exp_below(t).0.to_bits(), el::exp_fixed(t).to_f32().to_bits());
    }
}
