//! Each rule of `program`, broken: the builder refuses. And what programs compute, against plain sums.

use super::*;
use crate::polynomial::{advise, check};

fn words() -> Vec<u32> {
    vec![0; 20_000]
}

/// A program with one product, changed by `change` before its end.
fn built(change: impl FnOnce(&mut Builder<'_>)) -> Checked<usize> {
    let mut words = words();
    let mut to = Builder::new(&mut words);
    change(&mut to);
    to.finish(Operand::Planes, 3, 1).map(|program| program.words().len())
}

#[test]
fn an_honest_program_is_built() {
    let length = built(|to| {
        to.term(Operand::Terms, 0, 1);
        to.add(Operand::Polynomials, 0, 2, 1);
        to.planes(1);
    });
    assert_eq!(length, Ok(1 + 2 + 6 + 2));
}

#[test]
fn coefficients_are_those_that_a_word_has() {
    for coefficient in [-5, 4, 5, i32::MAX, i32::MIN] {
        let refused = built(|to| to.add(Operand::Polynomials, 0, 1, coefficient));
        assert_eq!(refused, Err("a coefficient is not in -4..=3"));
    }
    for coefficient in -4..=3 {
        assert!(built(|to| to.add(Operand::Polynomials, 0, 1, coefficient)).is_ok());
    }
}

#[test]
fn a_base_register_reaches_4096_cells() {
    for (first, count) in [(4096, 1), (4095, 2), (0, 4097), (u32::MAX, 1), (1, u32::MAX)] {
        let refused = built(|to| to.add(Operand::Polynomials, first, count, 1));
        assert_eq!(refused, Err("more cells than a base register reaches"), "{first} {count}");
    }
    assert!(built(|to| to.add(Operand::Polynomials, 4095, 1, 1)).is_err(), "64 pages are too many for one instruction");
    assert!(built(|to| to.add(Operand::Polynomials, 3000, 1, 1)).is_ok());
}

#[test]
fn a_polynomial_has_cells() {
    assert_eq!(built(|to| to.add(Operand::Polynomials, 0, 0, 1)), Err("a polynomial of no cells"));
    assert_eq!(built(|to| to.term(Operand::Terms, 0, 0)), Err("a polynomial of no cells"));
}

#[test]
fn the_check_follows_a_sum() {
    assert_eq!(built(|_| {}), Err("EQZ must follow ADDTOTAL"));
    assert_eq!(built(|to| to.term(Operand::Terms, 0, 1)), Err("EQZ must follow ADDTOTAL"));
    let refused = built(|to| {
        to.add(Operand::Polynomials, 0, 1, 1);
        to.number(Number::HALF, Number::HALF);
    });
    assert_eq!(refused, Err("EQZ must follow ADDTOTAL"));
}

/// Lanes stay below the prime: 30,961 products of two bytes and no more, in each sign, whatever the form of the term.
#[test]
fn no_lane_reaches_the_prime() {
    assert_eq!((PRIME, (PRIME - 1) / 65025), (2_013_265_921, 30_961));
    let wide = |count: u32, cells: u32, coefficient: i32| {
        built(move |to| {
            for _ in 0..count {
                to.term(Operand::Terms, 0, cells);
                to.add(Operand::Polynomials, 0, cells, coefficient);
            }
        })
    };
    // 16 * 4 products in a lane each time: 483 times fit.
    assert!(wide(483, 4, 1).is_ok());
    assert_eq!(wide(484, 4, 1), Err("a lane's sum can reach the field's prime"));
    assert!(wide(483, 4, -1).is_ok());
    assert_eq!(wide(484, 4, -1), Err("a lane's sum can reach the field's prime"));
    assert!(wide(161, 4, 3).is_ok());
    assert_eq!(wide(162, 4, 3), Err("a lane's sum can reach the field's prime"));
    // A term of two bytes: 120 products.
    let double = |count| {
        built(move |to| {
            for _ in 0..count {
                to.number(Number::constant(0), Number::constant(1));
                to.add(Operand::Polynomials, 0, 1, 1);
            }
        })
    };
    assert!(double(120).is_ok());
    assert_eq!(double(121), Err("a lane's sum can reach the field's prime"));
}

/// A fourth plane would let a lane be claimed as itself plus the prime: its terms alone reach the prime.
#[test]
fn four_planes_are_refused() {
    let refused = built(|to| {
        to.term(Operand::Terms, 0, 1);
        to.add(Operand::Polynomials, 0, 1, 1);
        to.planes(1);
        for _ in 0..128 {
            to.number(Number::ZERO, Number::HALF);
            to.add(Operand::Planes, 3, 1, -4);
        }
    });
    assert_eq!(refused, Err("a lane's sum can reach the field's prime"));
}

#[test]
fn programs_have_an_end_in_reach() {
    let long = |count| {
        built(move |to| {
            for _ in 0..count {
                to.add(Operand::Polynomials, 0, 100, 1);
            }
        })
    };
    assert!(long(80).is_ok());
    assert_eq!(long(160), Err("a program is too long"));
    assert_eq!(long(120), Err("a program and its operands are too large for one instruction"));
    let mut few = [0; 5];
    let mut to = Builder::new(&mut few);
    to.add(Operand::Polynomials, 0, 4, 1);
    assert!(to.finish(Operand::Planes, 3, 1).is_err());
}

/// Words and pages together: what the executor reserves for one instruction.
#[test]
fn programs_fit_one_instruction() {
    let shape = |channels, plane| Shape { channels, kernel: 1, plane, pitch: plane };
    let mut words = words();
    assert!(convolution(&mut words, shape(30, 64), Signs::Sums(1), None).is_ok());
    let refused = convolution(&mut words, shape(60, 64), Signs::Sums(1), None).map(drop);
    assert_eq!(refused, Err("a program and its operands are too large for one instruction"));
}

/// A block repeated is the block written again and again; what it reaches and adds up to is counted.
#[test]
fn a_repeated_block_is_written_again() {
    for (times, kernel, plane, pitch) in [(1, 2, 3, 4), (2, 1, 1, 1), (7, 3, 5, 9), (40, 1, 10, 10)] {
        let (mut one, mut other) = (words(), words());
        let mut to = Builder::new(&mut one);
        let mut again = Builder::new(&mut other);
        let start = to.mark();
        for time in 0..times {
            for (half, sign) in [(0, 1), (1, -1)] {
                again.term(Operand::Terms, (2 * time + half) * kernel, kernel);
                again.add(Operand::Polynomials, time * pitch, plane, sign);
                if time == 0 {
                    to.term(Operand::Terms, half * kernel, kernel);
                    to.add(Operand::Polynomials, 0, plane, sign);
                }
            }
        }
        to.repeat(&start, times, 2 * kernel, pitch);
        assert_eq!(
            (to.len, to.positive, to.negative, to.cells),
            (again.len, again.positive, again.negative, again.cells)
        );
        assert_eq!(to.words[..to.len], again.words[..again.len]);
    }
    let repeated = |times, terms, planes| {
        let mut words = words();
        let mut to = Builder::new(&mut words);
        let start = to.mark();
        to.term(Operand::Terms, 0, 1);
        to.add(Operand::Polynomials, 0, 1, 1);
        to.repeat(&start, times, terms, planes);
        to.finish(Operand::Planes, 3, 1).map(drop)
    };
    assert!(repeated(1900, 0, 1).is_ok());
    assert_eq!(repeated(1936, 0, 1), Err("a lane's sum can reach the field's prime"));
    assert_eq!(repeated(4097, 0, 1), Err("more cells than a base register reaches"));
    assert_eq!(repeated(2, 4096, 1), Err("more cells than a base register reaches"));
    assert_eq!(repeated(3, u32::MAX, 1), Err("more cells than a base register reaches"));
    assert_eq!(repeated(8000, 0, 0), Err("a program is too long"));
    assert_eq!(repeated(u32::MAX, 0, 0), Err("a program is too long"));
}

/// Only the words that are meant to be there: reads, EQZ on the zero cell right after an ADDTOTAL, RESET, nothing behind.
#[test]
fn words_are_of_the_list() {
    let mut buffer = words();
    let shape = Shape { channels: 3, kernel: 2, plane: 5, pitch: 6 };
    type Make = fn(&mut [u32], Shape) -> Checked<Program<'_>>;
    let forms: [(Make, usize); 6] = [
        (|words, shape| convolution(words, shape, Signs::Split, None), 1),
        (|words, shape| convolution(words, shape, Signs::Sums(2), None), 1),
        (|words, shape| convolution(words, shape, Signs::Split, Some(Span { first: 2, count: 4 })), 3),
        (|words, shape| convolution(words, shape, Signs::Sums(1), Some(Span { first: 0, count: 7 })), 3),
        (|words, _| dense(words, 5, 2, false), 1),
        (|words, _| dense(words, 5, 2, true), 3),
    ];
    for (make, checks) in forms {
        let program = make(&mut buffer, shape).unwrap();
        let words = program.words();
        let end = words.len() - 1;
        assert_eq!((words[end], words[end - 1] >> 24), (RESET, EQZ));
        assert_eq!(words.iter().filter(|word| **word >> 24 == EQZ).count(), checks);
        for (at, word) in words[..end].iter().enumerate() {
            assert!([SHIFT, SETTERM, ADDTOTAL, CARRY2, EQZ].contains(&(word >> 24)), "{word:08x}");
            assert!((11..=16).contains(&(word >> 16 & 31)) && word & 0xffff < MAX_CELLS);
            if word >> 24 == EQZ {
                assert_eq!(*word, EQZ << 24 | 4 << 21 | 14 << 16 | constants::ZERO);
                assert_eq!(words[at - 1] >> 24, ADDTOTAL);
            }
        }
    }
}

/// A check in the middle is one as at the end: after a sum, and sums start anew behind it.
#[test]
fn a_check_starts_anew() {
    let wide = |to: &mut Builder<'_>, count: u32| {
        for _ in 0..count {
            to.term(Operand::Terms, 0, 4);
            to.add(Operand::Polynomials, 0, 4, 1);
        }
    };
    assert!(built(|to| {
        wide(to, 300);
        to.check();
        wide(to, 300);
    })
    .is_ok());
    let refused = built(|to| {
        wide(to, 484);
        to.check();
        wide(to, 1);
    });
    assert_eq!(refused, Err("a lane's sum can reach the field's prime"));
    for unfinished in [
        (|to: &mut Builder<'_>| to.check()) as fn(&mut Builder<'_>),
        |to| {
            to.term(Operand::Terms, 0, 1);
            to.check();
            to.add(Operand::Polynomials, 0, 1, 1);
        },
        |to| {
            to.add(Operand::Polynomials, 0, 1, 1);
            to.check();
        },
        |to| {
            to.add(Operand::Polynomials, 0, 1, 1);
            to.check();
            to.check();
            to.add(Operand::Polynomials, 0, 1, 1);
        },
    ] {
        assert_eq!(built(unfinished), Err("EQZ must follow ADDTOTAL"));
    }
}

/// The loading program has a load for each operand that is read, as long as it is read.
#[test]
fn every_operand_is_loaded() {
    let mut buffer = words();
    let shape = Shape { channels: 3, kernel: 2, plane: 5, pitch: 6 };
    let program = convolution(&mut buffer, shape, Signs::Sums(2), None).unwrap();
    let mut loads = [0; LOADS];
    let length = program.loads(&mut loads);
    assert_eq!(loads[..6], [u32::from_le_bytes(*b"bibc"), 1, 0, 6, 0, 6]);
    assert_eq!(length, LOADS);
    for operand in 0..OPERANDS {
        assert_eq!(loads[6 + 8 * operand], program.cells[operand] * 16);
        assert_eq!(loads[54 + 2 * operand..][..2], [3 | (operand as u32) << 4, 11 + operand as u32]);
        let read = program.words().iter().filter(|word| (*word >> 16 & 31) as usize == 11 + operand && **word != RESET);
        assert_eq!(read.map(|word| (word & 0xffff) + 1).max(), Some(program.cells[operand]));
    }
}

struct Random(u64);

impl Random {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as u8
    }
}

/// Bytes at a multiple of 4.
fn aligned(bytes: &[u8]) -> Vec<u32> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

/// A convolution with all it reads, and its advice.
struct Case {
    words: Vec<u32>,
    operands: [Vec<u32>; OPERANDS],
    shape: Shape,
}

impl Case {
    fn new() -> Self {
        let mut random = Random(7);
        let shape = Shape { channels: 3, kernel: 2, plane: 5, pitch: 5 };
        let mut constants = vec![0; constants::CELLS as usize * CELL];
        constants[CELL] = 128;
        let operands = [
            aligned(&random.bytes(6 * 2 * CELL)),
            aligned(&random.bytes(3 * 5 * CELL)),
            vec![0; 3 * 7 * CELL / 4],
            aligned(&constants),
            vec![],
            vec![0x8080_8080; 7 * CELL / 4],
        ];
        Self { words: words(), operands, shape }
    }

    fn with<'a, T>(&'a mut self, work: impl FnOnce(&Program<'_>, [&'a [u8]; OPERANDS]) -> T) -> T {
        let program = convolution(&mut self.words, self.shape, Signs::Split, None).unwrap();
        work(&program, core::array::from_fn(|i| crate::bytes(&self.operands[i])))
    }

    fn advise(&mut self) {
        let planes = self.with(|program, slices| {
            let mut planes = vec![0; program.advice().bytes()];
            advise(program, &Operands::before_advice(program, slices).unwrap(), &mut planes).unwrap();
            planes
        });
        self.operands[Operand::Planes as usize] = aligned(&planes);
    }

    fn holds(&mut self) -> bool {
        self.with(|program, slices| check(program, &Operands::new(program, slices).unwrap()).is_ok())
    }

    fn plane_byte(&mut self, at: usize) -> &mut u8 {
        &mut crate::bytes_mut(&mut self.operands[Operand::Planes as usize])[at]
    }
}

#[test]
fn a_convolution_is_a_product_of_polynomials() {
    let mut case = Case::new();
    case.advise();
    assert!(case.holds());
    let (terms, planes) = (crate::bytes(&case.operands[0]).to_vec(), crate::bytes(&case.operands[1]).to_vec());
    for lane in 0..7 * CELL {
        let mut sum = 1i64 << 23;
        for channel in 0..3 {
            for (i, plane) in planes[channel * 80..][..80]
                .iter()
                .enumerate()
                .filter(|(i, _)| (0..32).contains(&(lane as i64 - *i as i64)))
            {
                let (plus, minus) = (terms[channel * 64 + lane - i], terms[channel * 64 + 32 + lane - i]);
                sum += i64::from(*plane) * (i64::from(plus) - i64::from(minus));
            }
        }
        let byte = |plane: usize| i64::from(crate::bytes(&case.operands[2])[plane * 112 + lane]);
        assert_eq!(byte(0) + 256 * byte(1) + 65536 * byte(2), sum, "lane {lane}");
    }
}

/// Attacks on advice: each changed lane, used or not, in each plane; lanes that make up for each other; exchanged lanes.
#[test]
fn changed_advice_does_not_hold() {
    let mut case = Case::new();
    case.advise();
    assert!(case.holds());
    for plane in 0..3 {
        for lane in [0, 1, 40, 111] {
            let at = plane * 112 + lane;
            *case.plane_byte(at) = case.plane_byte(at).wrapping_add(1);
            assert!(!case.holds(), "plane {plane}, lane {lane}");
            *case.plane_byte(at) = case.plane_byte(at).wrapping_sub(1);
        }
    }
    assert!(case.holds());
    // What is zero at z = 256, and what keeps the sum of all lanes.
    for (first, second) in [(0u8, 1u8), (255, 1), (1, 255)] {
        let before = case.operands[Operand::Planes as usize].clone();
        if first == 0 {
            *case.plane_byte(112 + 20) = case.plane_byte(112 + 20).wrapping_sub(1);
        } else {
            *case.plane_byte(20) = case.plane_byte(20).wrapping_add(first);
        }
        *case.plane_byte(21) = case.plane_byte(21).wrapping_add(second);
        assert!(!case.holds());
        case.operands[Operand::Planes as usize] = before;
    }
    let lanes = crate::bytes(&case.operands[Operand::Planes as usize]);
    let at = lanes.windows(2).position(|pair| pair[0] != pair[1]).unwrap();
    crate::bytes_mut(&mut case.operands[Operand::Planes as usize]).swap(at, at + 1);
    assert!(!case.holds());
}

#[test]
fn operands_are_as_long_as_they_are_read() {
    let mut case = Case::new();
    case.advise();
    for operand in [0, 1, 2, 3, 5] {
        case.with(|program, mut slices| {
            assert!(Operands::new(program, slices).is_ok());
            let read = program.cells[operand] as usize * CELL;
            slices[operand] = &slices[operand][..read - 1];
            assert!(Operands::new(program, slices).is_err());
        });
        let long = &*Box::leak(vec![0u8; 4096].into_boxed_slice());
        let start = long.as_ptr().align_offset(4) + 1;
        case.with(|program, slices| {
            let mut slices = slices;
            slices[operand] = &long[start..];
            assert!(Operands::new(program, slices).is_err(), "not at a word");
        });
    }
}
