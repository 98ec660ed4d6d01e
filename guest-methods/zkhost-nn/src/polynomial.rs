//! What a program computes, in plain code: lanes as integers. The host computes advice with it, and tests check programs.

use crate::program::{constants, planes as at, Operand, Operands, Program, CELL, OPERANDS};
use crate::Checked;

/// Why a program does not hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub word: usize,
    pub lane: usize,
    pub value: i64,
}

fn add(to: &mut Vec<i64>, from: &[i64], shift: usize, factor: i64) {
    if to.len() < from.len() + shift {
        to.resize(from.len() + shift, 0);
    }
    for (to, from) in to[shift..].iter_mut().zip(from) {
        *to += from * factor;
    }
}

/// Runs a program; cells of `without` are taken as zero, which leaves in the lanes what that operand must hold.
fn run(program: &Program<'_>, operands: &Operands<'_>, without: Option<Operand>) -> Result<Vec<i64>, Wrong> {
    let (mut poly, mut term, mut total) = (vec![0i64], vec![1i64], vec![0i64]);
    for (at, word) in program.words().iter().enumerate() {
        let (operation, coefficient) = (word >> 24, i64::from(word >> 21 & 7) - 4);
        if *word == 0x2000_0000 {
            return Ok(total);
        }
        let (register, cell) = ((word >> 16 & 31) as usize - 11, (word & 0xffff) as usize);
        assert!(register < OPERANDS);
        let mut next = core::mem::replace(&mut poly, vec![0]);
        if without.map(|operand| operand as usize) != Some(register) {
            let cell = &operands.0[register][cell * CELL..][..CELL];
            let cell: Vec<i64> = cell.iter().map(|byte| i64::from(*byte)).collect();
            add(&mut next, &cell, 0, if operation == 5 { 256 } else { 1 });
        }
        match operation {
            1 => {
                poly = vec![0; CELL];
                poly.append(&mut next);
            }
            2 => term = next,
            3 => {
                for (shift, factor) in term.iter().enumerate().filter(|(_, factor)| **factor != 0) {
                    add(&mut total, &next, shift, coefficient * factor);
                }
                term = vec![1];
            }
            5 => poly = next,
            6 => {
                if without.is_some() {
                    return Ok(total);
                }
                if let Some(lane) = total.iter().position(|value| *value != 0) {
                    return Err(Wrong { word: at, lane, value: total[lane] });
                }
                (term, total) = (vec![1], vec![0]);
            }
            _ => panic!("no such operation"),
        }
    }
    panic!("a program without an end")
}

/// Whether a program holds, its lanes taken as integers.
pub fn check(program: &Program<'_>, operands: &Operands<'_>) -> Result<(), Wrong> {
    run(program, operands, None).map(drop)
}

/// Writes the advice that makes a program hold. Fails where a lane leaves what the planes can show.
pub fn advise(program: &Program<'_>, operands: &Operands<'_>, planes: &mut [u8]) -> Result<(), &'static str> {
    let advice = program.advice();
    let lanes = run(program, operands, Some(advice.operand)).expect("no check is made");
    let plane = advice.lanes as usize * CELL;
    planes.fill(0);
    for (index, lane) in lanes.iter().enumerate().filter(|(_, lane)| **lane != 0) {
        let mut left = u64::try_from(*lane).map_err(|_| "a sum is below what the accelerator's lanes hold")?;
        if index >= plane {
            return Err("a lane beyond the planes");
        }
        if advice.operand == Operand::Planes {
            for (i, byte) in left.to_le_bytes()[..3].iter().enumerate() {
                planes[i * plane + index] = *byte;
            }
            left >>= 24;
        } else {
            for pair in planes.chunks_exact_mut(2 * plane) {
                let part = left.min(0xffff);
                (pair[index], pair[plane + index]) = (part as u8, (part >> 8) as u8);
                left -= part;
            }
        }
        if left > 0 {
            return Err("a sum is above what the accelerator's lanes hold");
        }
    }
    if let Some(span) = advice.rescaled {
        let (lanes, products) = planes.split_at_mut(3 * plane);
        let numbers = &operands.0[Operand::Constants as usize][constants::NUMBERS as usize * CELL..];
        rescale(numbers, lanes.chunks_exact(plane).map(|plane| &plane[span.first as usize * CELL..]), products)?;
    }
    Ok(())
}

/// The advice of so many runs of a program, each on its operands, one behind the other.
pub fn advise_calls<'m>(
    program: &Program<'_>,
    calls: usize,
    operands: impl Fn(usize) -> Checked<Operands<'m>>,
    planes: &mut [u8],
) -> Checked {
    let call = planes.len() / calls;
    for (index, planes) in planes.chunks_exact_mut(call).enumerate() {
        advise(program, &operands(index)?, planes)?;
    }
    Ok(())
}

/// Writes what `Builder::rescale` asks for, from planes of lanes and the numbers among the constants.
fn rescale<'p>(numbers: &[u8], lanes: impl Iterator<Item = &'p [u8]>, products: &mut [u8]) -> Result<(), &'static str> {
    let byte = |index: usize| i64::from(numbers[(constants::RESCALE as usize + index) * CELL]);
    let pair = |index: usize| byte(index) + 256 * byte(index + 1);
    let (multiplier, low, unit) = (pair(0) + 65536 * byte(2), 256 * pair(4), byte(10).max(1));
    let constant = low + (pair(6) - 2 * pair(8)) * (1 << 24);
    let plane = products.len() / at::COUNT as usize;
    let lanes: Vec<&[u8]> = lanes.collect();
    for lane in 0..plane {
        let part = |index: usize| i64::from(lanes[index][lane]);
        let (a, b, c) = (part(0), part(1), part(2));
        let product = (a + 256 * b + 65536 * c) * multiplier + constant;
        if !(0..unit << 32).contains(&product) {
            return Err("a lane's product is out of range");
        }
        let (parts, carry) = (product >> 16, (a * pair(0) + 256 * b * byte(0) + low) >> 16);
        let (value, high) = (parts / unit, (carry / 2).min(255));
        let digits = [product, product >> 8, parts % unit, value, value >> 8, carry - 2 * high, high];
        for (plane_of, digit) in products.chunks_exact_mut(plane).zip(digits) {
            plane_of[lane] = digit as u8;
        }
    }
    Ok(())
}
