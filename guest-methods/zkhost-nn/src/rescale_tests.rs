//! Requantisation by products, against requantisation in full; and what its program refuses.

use super::*;
use crate::polynomial::{advise, check};
use crate::program::{constants, convolution, dense, Operand, Operands, Program, Shape, Signs, OPERANDS};
use crate::workspace::{bytes_mut, set_parts, set_rescale, set_scaling, SCALING};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }
}

const RANGE: (i32, i32) = (0, 255);

fn output(zero: i32) -> Output {
    Output { zero, low: RANGE.0, high: RANGE.1 }
}

/// The product's digits for a lane, as the program has them proved.
fn product(numbers: [u8; NUMBERS], lane: u32) -> Option<[u8; 5]> {
    let pair = |index: usize| i64::from(numbers[index]) + 256 * i64::from(numbers[index + 1]);
    assert_eq!(numbers[3], 128 * numbers[2]);
    let multiplier = pair(0) + 65536 * i64::from(numbers[2]);
    let value = i64::from(lane) * multiplier + 256 * pair(4) + (pair(6) - 2 * pair(8)) * (1 << 24);
    let (parts, unit) = (value >> 16, i64::from(numbers[10]));
    let digits = [value, value >> 8, parts % unit, parts / unit, (parts / unit) >> 8];
    (0..unit << 32).contains(&value).then(|| digits.map(|digit| digit as u8))
}

/// A million values, most of them next to ties, for scales everywhere in the range: the same as in full.
#[test]
fn equals_requantisation_in_full() {
    let mut random = Random(5);
    let (mut seen, mut in_full) = (0, 0);
    for case in 0..4000 {
        let mantissa = if case % 5 == 0 {
            [0, 1, 0x7f_ffff, 0x7f_ff00, 0x40_0000][case % 25 / 5]
        } else {
            random.next() & 0x7f_ffff
        };
        let scale = f32::from_bits((114 + case as u32 % 7) << 23 | mantissa);
        let zero = [0, 128, 255, 3][case % 4];
        let Some(rescale) = Rescale::new(scale, output(zero)) else {
            assert!(scale > 0.015_503, "{scale:e}");
            continue;
        };
        assert!((0.000_122_07..0.015_504).contains(&scale));
        let requantize = Requantize::new(scale, output(zero));
        let bias = (random.next() % (1 << (1 + case % 22))) as i32 - (1 << (case % 22));
        let numbers = rescale.numbers(bias).unwrap();
        let channel = requantize.channel(bias);
        let lanes: Vec<u32> = (0..320)
            .map(|step| {
                let tie = f64::from((random.next() % 300) as i32 - 20 - zero) + 0.5;
                let near = f64::from(scale) * f64::from((random.next() % 65) as i32 - 32) * f64::from(step % 3) / 2.0;
                let wanted = match step % 4 {
                    0 => i64::from(random.next() % (1 << 24)) - (1 << 23),
                    _ => ((tie + near) / f64::from(scale)) as i64 + i64::from(random.next() % 3) - 1,
                };
                (wanted - i64::from(bias) + (1 << 23)).clamp(0, (1 << 24) - 1) as u32
            })
            .filter(|lane| product(numbers, *lane).is_some())
            .collect();
        let cells = lanes.len() / CELL;
        let lanes = &lanes[..cells * CELL];
        if cells == 0 {
            continue;
        }
        // One cell more before, which has no products.
        let (all, span) = (cells + 1, Span { first: 1, count: cells as u32 });
        let mut planes = vec![0u32; (3 * all + 7 * cells) * WORDS];
        let to = bytes_mut(&mut planes);
        for (at, lane) in lanes.iter().enumerate() {
            for i in 0..3 {
                to[i * all * CELL + CELL + at] = lane.to_le_bytes()[i];
            }
            for (i, byte) in product(numbers, *lane).unwrap().into_iter().enumerate() {
                to[(3 * all + i * cells) * CELL + at] = byte;
            }
        }
        let found = rescale.bytes(&requantize, &channel, &mut planes, all, span);
        for (lane, found) in lanes.iter().zip(found) {
            let wanted = requantize.emulate(*lane as i32 - OFFSET + bias);
            assert_eq!(*found, wanted, "lane {lane}, scale {scale:e}, bias {bias}, zero {zero}");
            let fraction = u32::from(product(numbers, *lane).unwrap()[2]);
            in_full += usize::from(fraction >= 128);
            seen += 1;
        }
    }
    assert!(seen > 900_000 && in_full > 200_000 && in_full < seen, "{seen} {in_full}");
}

#[test]
fn scales_ranges_and_biases_that_it_is_not_for() {
    let fine = output(0);
    assert!(Rescale::new(0.004, fine).is_some());
    for scale in [0.0, -0.004, f32::NAN, f32::INFINITY, 1e-40, 0.000_122, 0.015_504, 0.015_625, 0.5] {
        assert!(Rescale::new(scale, fine).is_none(), "{scale:e}");
    }
    for (low, high) in [(1, 255), (0, 254), (3, 90)] {
        assert!(Rescale::new(0.004, Output { zero: 0, low, high }).is_none());
    }
    let rescale = Rescale::new(0.004, fine).unwrap();
    for bias in [1 << 23, -(1 << 23), i32::MAX, i32::MIN] {
        assert!(rescale.numbers(bias).is_none());
    }
    // The largest constants there are, of which only the lowest byte is lost.
    for (scale, zero, bias) in [(0.015_503, 255, (1 << 23) - 1), (0.015_503, 0, 1 - (1 << 23)), (0.004, 9, 0)] {
        let rescale = Rescale::new(scale, output(zero)).unwrap();
        let numbers = rescale.numbers(bias).unwrap().map(i64::from);
        let pair = |index: usize| numbers[index] + 256 * numbers[index + 1];
        let constant = 256 * pair(4) + (pair(6) - 2 * pair(8)) * (1 << 24);
        let exact = rescale.constant + i64::from(bias - OFFSET) * i64::from(rescale.multiplier);
        assert!((0..256).contains(&(exact - constant)), "{scale} {zero} {bias}");
    }
}

/// A convolution that requantises cells 1 to 3 of its lanes, with all it reads and its advice.
struct Case {
    words: Vec<u32>,
    operands: [Vec<u32>; OPERANDS],
}

const SPAN: Span = Span { first: 1, count: 3 };
const LANES: usize = 5;

impl Case {
    fn new() -> Self {
        let mut random = Random(9);
        let mut words = |cells: usize| (0..cells * WORDS).map(|_| random.next() & 0x0f0f_0f0f).collect::<Vec<_>>();
        let mut scaling = vec![0; SCALING];
        let rescale = Rescale::new(0.0071, output(7)).unwrap();
        set_scaling(&mut scaling, 0, rescale.numbers(-12_345).unwrap());
        let planes = vec![0; (3 * LANES + 7 * SPAN.count as usize) * WORDS];
        let operands = [words(4), words(8), planes, scaling, vec![], vec![0x8080_8080; LANES * WORDS]];
        let mut case = Self { words: vec![0; 2000], operands };
        let planes = case.with(|program, slices| {
            assert_eq!(program.advice().bytes(), (3 * LANES + 7 * SPAN.count as usize) * CELL);
            let mut planes = vec![0; program.advice().bytes() / 4];
            let operands = Operands::before_advice(program, slices).unwrap();
            advise(program, &operands, bytes_mut(&mut planes)).unwrap();
            planes
        });
        case.operands[Operand::Planes as usize] = planes;
        case
    }

    fn with<'a, T>(&'a mut self, work: impl FnOnce(&Program<'_>, [&'a [u8]; OPERANDS]) -> T) -> T {
        let shape = Shape { channels: 2, kernel: 1, plane: 4, pitch: 4 };
        let program = convolution(&mut self.words, shape, Signs::Split, Some(SPAN)).unwrap();
        work(&program, core::array::from_fn(|i| bytes(&self.operands[i])))
    }

    fn holds(&mut self) -> bool {
        self.with(|program, slices| check(program, &Operands::new(program, slices).unwrap()).is_ok())
    }
}

/// Every byte of the advice counts: lanes, products and carries, in cells that are requantised or not.
#[test]
fn changed_advice_does_not_hold() {
    let mut case = Case::new();
    assert!(case.holds());
    let count = case.operands[Operand::Planes as usize].len() * 4;
    for at in 0..count {
        for by in [1, 255] {
            let byte = &mut bytes_mut(&mut case.operands[Operand::Planes as usize])[at];
            *byte = byte.wrapping_add(by);
            assert!(!case.holds(), "byte {at}");
            let byte = &mut bytes_mut(&mut case.operands[Operand::Planes as usize])[at];
            *byte = byte.wrapping_sub(by);
        }
    }
    assert!(case.holds());
}

/// What makes up for each other within one equation, but for the next one; and what keeps the next lane's z = 256.
#[test]
fn errors_that_make_up_for_each_other_do_not_hold() {
    let plane = |index: u32| (3 * LANES + (index * SPAN.count) as usize) * CELL + 20;
    let changes: [&[(usize, u8)]; 4] = [
        &[(plane(at::CARRIES), 254), (plane(at::CARRIES + 1), 1), (plane(at::FRACTION), 1)],
        &[(plane(at::FRACTION), 0u8.wrapping_sub(1)), (plane(at::FRACTION) + 1, 1)],
        &[(plane(at::BYTE), 1), (plane(at::BYTE) + 1, 255)],
        &[(CELL + 20, 1), (plane(at::BYTE), 1)],
    ];
    for changes in changes {
        let mut case = Case::new();
        assert!(case.holds());
        for (at, by) in changes {
            let byte = &mut bytes_mut(&mut case.operands[Operand::Planes as usize])[*at];
            *byte = byte.wrapping_add(*by);
        }
        assert!(!case.holds(), "{changes:?}");
    }
}

/// A carry may be written in several ways, c + 2 d, of which the product has nothing.
#[test]
fn the_carry_counts_as_a_sum() {
    let mut case = Case::new();
    let at = (3 * LANES + (at::CARRIES * SPAN.count) as usize) * CELL + 20;
    let next = at + SPAN.count as usize * CELL;
    let planes = bytes_mut(&mut case.operands[Operand::Planes as usize]);
    assert!(planes[next] > 0 && planes[at] < 254);
    planes[at] += 2;
    planes[next] -= 1;
    assert!(case.holds());
}

/// A value may be written with one less and a unit more in its fraction: the fraction's top bit tells, and the output is the same.
#[test]
fn a_fraction_of_more_than_a_unit_is_not_believed() {
    let (scale, bias) = (0.0071, -12_345);
    let (rescale, requantize) = (Rescale::new(scale, output(7)).unwrap(), Requantize::new(scale, output(7)));
    let channel = requantize.channel(bias);
    let outputs = |case: &Case| {
        let mut planes = case.operands[Operand::Planes as usize].clone();
        rescale.bytes(&requantize, &channel, &mut planes, LANES, SPAN).to_vec()
    };
    let plane = |index: u32, lane: usize| (3 * LANES + (index * SPAN.count) as usize) * CELL + lane;
    let mut case = Case::new();
    let (honest, unit) = (outputs(&case), rescale.unit);
    let mut written = 0;
    for lane in 0..SPAN.count as usize * CELL {
        let planes = bytes_mut(&mut case.operands[Operand::Planes as usize]);
        let (fraction, byte) = (planes[plane(at::FRACTION, lane)], planes[plane(at::BYTE, lane)]);
        let Some(more) = fraction.checked_add(unit) else { continue };
        let above = &mut planes[plane(at::ABOVE, lane)];
        *above = above.wrapping_sub(u8::from(byte == 0));
        (planes[plane(at::FRACTION, lane)], planes[plane(at::BYTE, lane)]) = (more, byte.wrapping_sub(1));
        written += 1;
    }
    assert!(written > 40 && case.holds());
    assert_eq!(outputs(&case), honest);
}

/// Whatever the bytes above are of a lane that is requantised in full, its neighbours are what they were.
#[test]
fn a_byte_above_the_range_reaches_no_other_output() {
    let (rescale, requantize) = (Rescale::new(0.0071, output(7)).unwrap(), Requantize::new(0.0071, output(7)));
    let channel = requantize.channel(0);
    for above in [0x7eff_7f7e_u32, 0x7f7e_ff7f, 0xff7e_ff7e, 0x7f7f_7eff] {
        let mut planes = vec![0x8080_8080; 3 * WORDS];
        planes.extend([0; 3 * WORDS]);
        planes.extend([0x0506_0708; WORDS]);
        planes.extend([above; WORDS]);
        planes.extend([0; 2 * WORDS]);
        let found = rescale.bytes(&requantize, &channel, &mut planes, 1, Span { first: 0, count: 1 });
        for (byte, above) in found[..4].iter().zip(above.to_le_bytes()).enumerate().map(|(i, (a, b))| ((i, a), b)) {
            let wanted = match above {
                0xff => requantize.emulate(0x80_8080 - OFFSET),
                0x7f => [8, 7, 6, 5][byte.0],
                _ => 0,
            };
            assert_eq!(*byte.1, wanted);
        }
    }
}

/// A multiplier, a constant or a half that is another one: the advice does not fit it.
#[test]
fn numbers_count() {
    for number in 0..NUMBERS {
        let mut case = Case::new();
        case.operands[Operand::Constants as usize]
            [(constants::NUMBERS + constants::RESCALE) as usize * WORDS + number * WORDS] ^= 1;
        assert!(!case.holds(), "number {number}");
    }
    let mut case = Case::new();
    case.operands[Operand::Constants as usize][constants::HALF as usize * WORDS] -= 1;
    assert!(!case.holds());
}

#[test]
fn cells_without_lanes_are_refused() {
    let shape = Shape { channels: 1, kernel: 1, plane: 4, pitch: 4 };
    let built =
        |first, count| convolution(&mut vec![0; 2000], shape, Signs::Split, Some(Span { first, count })).map(drop);
    assert_eq!(built(0, 5), Ok(()));
    for (first, count) in [(0, 6), (5, 1), (4, 2), (u32::MAX, 1), (1, u32::MAX)] {
        assert_eq!(built(first, count), Err("more cells than there are lanes"), "{first} {count}");
    }
    assert_eq!(built(0, 0), Err("a polynomial of no cells"));
}

/// A dense program that requantises, for inputs with one number a cell.
struct Dense {
    words: Vec<u32>,
    operands: [Vec<u32>; OPERANDS],
}

const INPUTS: usize = 5;
const CELLS: usize = 2;

impl Dense {
    fn new() -> Self {
        let mut random = Random(3);
        let mut constants = vec![0; constants::CELLS as usize * WORDS];
        constants[constants::HALF as usize * WORDS] = 128;
        let row = constants::ROW as usize * WORDS;
        constants[row..].fill(0x8080_8080);
        let mut terms = vec![0; INPUTS * WORDS];
        for cell in terms.chunks_exact_mut(WORDS) {
            cell[0] = random.next() & 255;
        }
        set_parts(&mut constants, terms.iter().sum(), 1);
        set_rescale(&mut constants, Rescale::new(0.0071, output(7)).unwrap().numbers(0).unwrap());
        // Biases of 2^23 and a little.
        let mut biases: Vec<u32> = (0..2 * CELLS * WORDS).map(|_| random.next() & 0x0f0f_0f0f).collect();
        biases.resize(3 * CELLS * WORDS, 0x8080_8080);
        let weights = (0..INPUTS * CELLS * WORDS).map(|_| random.next()).collect();
        let offset = vec![0x8080_8080; CELLS * WORDS];
        let mut made = Self { words: vec![0; 400], operands: [terms, weights, vec![], constants, biases, offset] };
        made.operands[Operand::Planes as usize] = made.with(|program, slices| {
            let mut planes = vec![0; program.advice().bytes() / 4];
            advise(program, &Operands::before_advice(program, slices).unwrap(), bytes_mut(&mut planes)).unwrap();
            planes
        });
        made
    }

    fn with<'a, T>(&'a mut self, work: impl FnOnce(&Program<'_>, [&'a [u8]; OPERANDS]) -> T) -> T {
        let program = dense(&mut self.words, INPUTS as u32, CELLS as u32, true).unwrap();
        work(&program, core::array::from_fn(|i| bytes(&self.operands[i])))
    }

    fn holds(&mut self) -> bool {
        self.with(|program, slices| check(program, &Operands::new(program, slices).unwrap()).is_ok())
    }

    fn changed_holds(&mut self, operand: Operand, at: usize) -> bool {
        bytes_mut(&mut self.operands[operand as usize])[at] ^= 1;
        let holds = self.holds();
        bytes_mut(&mut self.operands[operand as usize])[at] ^= 1;
        holds
    }
}

/// The lanes are what plain code computes; then every byte counts of advice, biases, weights and inputs.
#[test]
fn a_dense_program_requantises() {
    let mut made = Dense::new();
    assert!(made.holds());
    let bytes_of = |operand: Operand| bytes(&made.operands[operand as usize]);
    let (terms, weights) = (bytes_of(Operand::Terms), bytes_of(Operand::Polynomials));
    let (biases, planes) = (bytes_of(Operand::Sums), bytes_of(Operand::Planes));
    let width = CELLS * CELL;
    let value =
        |planes: &[u8], lane: usize| (0..3).map(|i| i32::from(planes[i * width + lane]) << (8 * i)).sum::<i32>();
    let (rescale, requantize) = (Rescale::new(0.0071, output(7)).unwrap(), Requantize::new(0.0071, output(7)));
    let mut copy = made.operands[Operand::Planes as usize].clone();
    let all = Span { first: 0, count: CELLS as u32 };
    let found = rescale.bytes(&requantize, &requantize.channel(0), &mut copy, CELLS, all);
    for lane in 0..width {
        let product = |input: usize| i32::from(terms[input * CELL]) * (i32::from(weights[input * width + lane]) - 128);
        let sum = (0..INPUTS).map(product).sum::<i32>() + value(biases, lane);
        assert_eq!(sum, value(planes, lane));
        assert_eq!(found[lane], requantize.emulate(sum - OFFSET));
    }
    for operand in [Operand::Planes, Operand::Sums, Operand::Polynomials, Operand::Terms] {
        for at in 0..made.operands[operand as usize].len() * 4 {
            assert!(!made.changed_holds(operand, at), "{operand:?} byte {at}");
        }
    }
    assert!(made.holds());
}
