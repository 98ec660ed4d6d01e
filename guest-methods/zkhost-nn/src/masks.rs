//! Comparisons, and choices by their results: bytes of 1 and 0, where any other byte than 0 is taken as true.

use crate::choices::Type;
use crate::memory::{as_f32, as_i32, bytes, elements, product, Memory};
use crate::moves::{Strided, AXES};
use crate::plan::arguments;
use crate::sums::pairs;
use crate::Checked;

/// `type, kind, a, b, y, shape, strides of a, strides of b`: equal, less, less or equal; of bytes also and, or, xor.
pub fn compare(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 5 + 3 * AXES] = arguments(args)?;
    let [kind, relation, a, b, y] = [all[0], all[1], all[2], all[3], all[4]];
    let y = bytes(y, product(&all[5..11])?);
    let layout = &all[5..];
    match Type::new(kind)? {
        Type::Byte if relation >= 3 => {
            let holds: fn(bool, bool) -> bool = match relation {
                3 => |a, b| a & b,
                4 => |a, b| a | b,
                5 => |a, b| a ^ b,
                _ => return Err("no such comparison"),
            };
            pairs(1, a, b, y, layout, memory, |a, b, at, y| y[at] = holds(a[0] != 0, b[0] != 0).into())
        }
        Type::Byte => {
            let holds = relation_of::<u8>(relation)?;
            pairs(1, a, b, y, layout, memory, |a, b, at, y| y[at] = holds(a[0], b[0]).into())
        }
        Type::Word => {
            let holds = relation_of::<i32>(relation)?;
            pairs(4, a, b, y, layout, memory, |a, b, at, y| y[at] = holds(as_i32(a)[0], as_i32(b)[0]).into())
        }
        Type::Double => Err("f64 is not compared"),
        Type::Float => {
            let holds = relation_of::<f32>(relation)?;
            pairs(4, a, b, y, layout, memory, |a, b, at, y| y[at] = holds(as_f32(a)[0], as_f32(b)[0]).into())
        }
    }
}

fn relation_of<T: PartialOrd + Copy>(relation: u32) -> Checked<fn(T, T) -> bool> {
    Ok(match relation {
        0 => |a, b| a == b,
        1 => |a, b| a < b,
        2 => |a, b| a <= b,
        _ => return Err("no such comparison"),
    })
}

/// `size, condition, a, b, y, shape, strides of each of the three`: a where the condition is not 0, otherwise b.
pub fn select(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let all: [u32; 5 + 4 * AXES] = arguments(args)?;
    let [size, condition, a, b, y] = [all[0], all[1], all[2], all[3], all[4]];
    let shape = &all[5..11];
    let walk = |index: usize| Strided::new(shape, &all[11 + index * AXES..][..AXES]);
    let (c_walk, a_walk, b_walk) = (walk(0)?, walk(1)?, walk(2)?);
    let ((c, c_first), (a, a_first), (b, b_first)) =
        (c_walk.region(1, condition)?, a_walk.region(size, a)?, b_walk.region(size, b)?);
    let write = elements(size, y, product(shape)?)?;
    let Some(([y], [c, a, b])) = memory.split([write], [c, a, b])? else { return Ok(()) };
    let ((count, c_step), (_, a_step), (_, b_step)) = (c_walk.run(), a_walk.run(), b_walk.run());
    let size = size as usize;
    let mut y = y.chunks_exact_mut(size);
    Strided::rows([&c_walk, &a_walk, &b_walk], |[i, j, k]| {
        let mut i = c_first.wrapping_add_signed(i);
        let (mut j, mut k) = (a_first.wrapping_add_signed(j), b_first.wrapping_add_signed(k));
        for y in y.by_ref().take(count) {
            let from = if c[i] != 0 { &a[j * size..][..size] } else { &b[k * size..][..size] };
            y.copy_from_slice(from);
            i = i.wrapping_add_signed(c_step);
            j = j.wrapping_add_signed(a_step);
            k = k.wrapping_add_signed(b_step);
        }
    });
    Ok(())
}
