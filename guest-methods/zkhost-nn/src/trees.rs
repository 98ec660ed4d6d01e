//! Ensembles of decision trees: walks over a stream of cells, and the sums of the leaves they end in.
//!
//! A cell is `[key, word]` for f32 and `[high half of the key, word, low half]` for f64. The bits of `word`:
//!
//! ```text
//! node  31: 0    30..16: words to skip after this cell for "no"    15..2: offset of the feature's key    0: NaN means "yes"
//! leaf  31: 1    30: another entry follows    29: 0    15..0: target; the key is the weight's bits
//! jump  31: 1    30: 0                        29: 1;   the (high half of the) key is how many words to skip after this cell
//! ```
//!
//! "Yes" (value <= key) is the next cell. Walks only go forward, so they end. Keys are numbers as integers in their order
//! (-0.0 as 0.0), made once for a row's values; x < t is x <= the key before t's. Nothing but the cells that a walk meets is
//! read, so that nothing else of the model is paged in; for that reason they are checked as they are met.

use core::sync::atomic::{compiler_fence, Ordering};

use crate::memory::{as_u32, as_u32_mut, product, words, Memory};
use crate::plan::arguments;
use crate::Checked;

const SPECIAL: u32 = 1 << 31;
const MORE: u32 = 1 << 30;
const JUMP: u32 = 1 << 29;
const TARGET: u32 = 0xffff;
/// The (high half of the) key of NaN; no other value has it.
const NAN: i32 = i32::MAX;

/// f32 or f64, as the words of memory have it.
trait Number: Copy {
    /// Words of a number.
    const WORDS: usize;
    /// Words of a cell.
    const CELL: usize = Self::WORDS + 1;

    fn read(words: &[u32]) -> Self;
    fn write(self, words: &mut [u32]);
    fn weight(cell: &[u32]) -> Self;
    /// Writes the key of a value, high half first. Returns whether the value is NaN.
    fn key(value: &[u32], key: &mut [u32]) -> bool;
    fn of(count: u32) -> Self;
    fn none() -> Self;
    fn is_none(self) -> bool;
    fn add(self, other: Self) -> Self;
    fn divide(self, other: Self) -> Self;
    fn below(self, other: Self) -> bool;
}

impl Number for f32 {
    const WORDS: usize = 1;

    #[inline(always)]
    fn read(words: &[u32]) -> Self {
        f32::from_bits(words[0])
    }
    #[inline(always)]
    fn write(self, words: &mut [u32]) {
        words[0] = self.to_bits();
    }
    #[inline(always)]
    fn weight(cell: &[u32]) -> Self {
        f32::from_bits(cell[0])
    }
    #[inline(always)]
    fn key(value: &[u32], key: &mut [u32]) -> bool {
        let magnitude = value[0] & 0x7fff_ffff;
        let nan = magnitude > 0x7f80_0000;
        key[0] = if nan {
            NAN as u32
        } else if value[0] >> 31 == 0 {
            magnitude
        } else {
            magnitude.wrapping_neg()
        };
        nan
    }
    fn of(count: u32) -> Self {
        count as f32
    }
    fn none() -> Self {
        f32::NAN
    }
    fn is_none(self) -> bool {
        self.is_nan()
    }
    fn add(self, other: Self) -> Self {
        self + other
    }
    fn divide(self, other: Self) -> Self {
        self / other
    }
    fn below(self, other: Self) -> bool {
        self < other
    }
}

impl Number for f64 {
    const WORDS: usize = 2;

    #[inline(always)]
    fn read(words: &[u32]) -> Self {
        f64::from_bits(u64::from(words[0]) | u64::from(words[1]) << 32)
    }
    #[inline(always)]
    fn write(self, words: &mut [u32]) {
        let bits = self.to_bits();
        (words[0], words[1]) = (bits as u32, (bits >> 32) as u32);
    }
    #[inline(always)]
    fn weight(cell: &[u32]) -> Self {
        f64::from_bits(u64::from(cell[2]) | u64::from(cell[0]) << 32)
    }
    #[inline(always)]
    fn key(value: &[u32], key: &mut [u32]) -> bool {
        let bits = u64::from(value[0]) | u64::from(value[1]) << 32;
        let magnitude = bits & (u64::MAX >> 1);
        let nan = magnitude > 0x7ff0_0000_0000_0000;
        let number = if nan {
            u64::MAX >> 1
        } else if bits >> 63 == 0 {
            magnitude
        } else {
            magnitude.wrapping_neg()
        };
        (key[0], key[1]) = ((number >> 32) as u32, number as u32);
        nan
    }
    fn of(count: u32) -> Self {
        count.into()
    }
    fn none() -> Self {
        f64::NAN
    }
    fn is_none(self) -> bool {
        self.is_nan()
    }
    fn add(self, other: Self) -> Self {
        self + other
    }
    fn divide(self, other: Self) -> Self {
        self / other
    }
    fn below(self, other: Self) -> bool {
        self < other
    }
}

/// No word of any cells.
const OUTSIDE: u32 = u32::MAX;

/// How trees become a score.
#[derive(Clone, Copy, PartialEq)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// `f64, x, rows, features, cells, their words, roots, trees, aggregate, has start, start, has base, base, y, targets, keys, slots`.
///
/// `roots` has the word of `cells` at which each tree starts; `keys` is memory for the keys of `slots` features, a power of two.
pub fn run(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    match args.first() {
        Some(0) => forest::<f32>(args, memory),
        Some(1) => forest::<f64>(args, memory),
        _ => Err("no such type of trees"),
    }
}

#[inline(never)]
fn forest<T: Number>(args: &[u32], memory: &mut Memory<'_>) -> Checked {
    let [_, x, rows, features, cells, size, roots, trees, aggregate, has_start, start, has_base, base, y, targets, keys, slots] =
        arguments(args)?;
    let aggregate = match aggregate {
        0 => Aggregate::Sum,
        1 => Aggregate::Average,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        _ => return Err("no such aggregate of trees"),
    };
    let width = T::WORDS as u32;
    if has_start > 1 || has_base > 1 || targets == 0 || features == 0 || features > slots {
        return Err("trees of nothing");
    }
    if !slots.is_power_of_two() || slots > 1 << 14 >> (width - 1) || (size as usize) < T::CELL {
        return Err("trees with too many features, or no cell");
    }
    let scores = product(&[targets, width])?;
    let writes = [words(y, product(&[rows, targets, width])?), words(keys, product(&[slots, width])?)];
    let reads = [
        words(x, product(&[rows, features, width])?),
        words(cells, size.into()),
        words(roots, trees.into()),
        words(start, scores * u64::from(has_start)),
        words(base, scores * u64::from(has_base)),
    ];
    let Some(([y, keys], [x, cells, roots, start, base])) = memory.split(writes, reads)? else { return Ok(()) };
    let (keys, x, cells, roots) = (as_u32_mut(keys), as_u32(x), as_u32(cells), as_u32(roots));
    let (start, base) = (as_u32(start), as_u32(base));
    let (features, scores) = (features as usize * T::WORDS, scores as usize);
    for (y, x) in as_u32_mut(y).chunks_exact_mut(scores).zip(x.chunks_exact(features)) {
        let mut any_nan = false;
        for (value, key) in x.chunks_exact(T::WORDS).zip(keys.chunks_exact_mut(T::WORDS)) {
            any_nan |= T::key(value, key);
        }
        let extreme = matches!(aggregate, Aggregate::Min | Aggregate::Max);
        for score in y.chunks_exact_mut(T::WORDS) {
            if extreme { T::none() } else { T::of(0) }.write(score);
        }
        if has_start == 1 {
            y.copy_from_slice(start);
        }
        for root in roots {
            let leaf = if any_nan { leaf::<T, true>(cells, *root, keys) } else { leaf::<T, false>(cells, *root, keys) };
            add_entries::<T>(cells.get(leaf as usize..).ok_or("a tree leaves its cells")?, y, aggregate)?;
        }
        finish::<T>(y, base, aggregate, trees);
    }
    Ok(())
}

/// The word at which the leaf starts that a walk from `root` ends in; `OUTSIDE` where the walk leaves the cells.
///
/// A function of its own, so that the loop has all registers: a node takes 10 instructions, 13 where the answer is "no".
#[inline(never)]
fn leaf<T: Number, const NANS: bool>(cells: &[u32], root: u32, keys: &[u32]) -> u32 {
    assert!(keys.len().is_power_of_two() && cells.len() >= T::CELL && cells.len() < OUTSIDE as usize);
    // Bits of a word that are an offset within `keys`, in bytes.
    let mask = (4 * (keys.len() - 1)) as u32 & !(4 * T::WORDS as u32 - 1);
    let (first, keys) = (cells.as_ptr(), keys.as_ptr().cast::<u8>());
    let last = first.wrapping_add(cells.len() - T::CELL);
    if root as usize > cells.len() - T::CELL {
        return OUTSIDE;
    }
    let mut node = first.wrapping_add(root as usize);
    while node <= last {
        // SAFETY: `node` is aligned, and not before `first`: it moves forward by at most 2^15 words from at most `last`, or by
        // no more than what is left of the cells. It is not after `last`, so a whole cell is there.
        let (key, word) = unsafe { (*node, *node.add(1)) };
        if word & SPECIAL != 0 {
            // SAFETY: both pointers are into `cells`.
            let at = unsafe { node.offset_from(first) } as usize;
            if word & JUMP == 0 {
                return at as u32;
            }
            if key as usize > cells.len() - T::CELL - at {
                return OUTSIDE;
            }
            node = node.wrapping_add(T::CELL + key as usize);
            continue;
        }
        // SAFETY: `mask` has no bits but those of offsets of whole keys within `keys`, which has a power of two of them.
        let value = unsafe { keys.add((word & mask) as usize).cast::<i32>() };
        // SAFETY: as above; the second word is there where a key has two.
        let above = unsafe {
            let (high, threshold) = (*value, key as i32);
            if NANS && high == NAN {
                word & 1 == 0
            } else if T::WORDS == 1 {
                high > threshold
            } else {
                high > threshold || (high == threshold && *value.add(1).cast::<u32>() > *node.add(2))
            }
        };
        node = node.wrapping_add(T::CELL);
        if above {
            // Nothing to the machine, but it keeps the branch: arithmetic in its place would take more instructions.
            compiler_fence(Ordering::SeqCst);
            node = node.wrapping_add((word >> 16) as usize);
        }
    }
    OUTSIDE
}

/// Adds a leaf's entries to the scores, or lets them compete.
#[inline(always)]
fn add_entries<T: Number>(mut cells: &[u32], scores: &mut [u32], aggregate: Aggregate) -> Checked {
    loop {
        let cell = cells.get(..T::CELL).ok_or("a leaf leaves its cells")?;
        let (word, weight) = (cell[1], T::weight(cell));
        let at = (word & TARGET) as usize * T::WORDS;
        let score = scores.get_mut(at..at + T::WORDS).ok_or("a leaf has a target that is not there")?;
        let old = T::read(score);
        let take = match aggregate {
            Aggregate::Sum | Aggregate::Average => {
                old.add(weight).write(score);
                false
            }
            Aggregate::Min => old.is_none() || weight.below(old),
            Aggregate::Max => old.is_none() || old.below(weight),
        };
        if take {
            weight.write(score);
        }
        if word & MORE == 0 {
            return Ok(());
        }
        cells = &cells[T::CELL..];
    }
}

fn finish<T: Number>(scores: &mut [u32], base: &[u32], aggregate: Aggregate, trees: u32) {
    for (place, score) in scores.chunks_exact_mut(T::WORDS).enumerate() {
        let mut value = T::read(score);
        match aggregate {
            Aggregate::Sum => {}
            Aggregate::Average => value = value.divide(T::of(trees)),
            Aggregate::Min | Aggregate::Max if value.is_none() => value = T::of(0),
            Aggregate::Min | Aggregate::Max => {}
        }
        if !base.is_empty() {
            value = value.add(T::read(&base[place * T::WORDS..][..T::WORDS]));
        }
        value.write(score);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(key: i32, feature: u32, skip: u32, nan: u32) -> [u32; 2] {
        [key as u32, skip << 16 | feature << 2 | nan]
    }

    fn entry(weight: f32, target: u32, more: bool) -> [u32; 2] {
        [weight.to_bits(), SPECIAL | (u32::from(more) * MORE) | target]
    }

    /// Scores of one tree at word `root` for a row of four values.
    fn scores(cells: &[[u32; 2]], root: u32, x: [f32; 4]) -> Checked<[f32; 2]> {
        let cells: Vec<u32> = cells.concat();
        let mut constants = cells.clone();
        constants.push(root);
        let bytes: Vec<u8> = constants.iter().flat_map(|word| word.to_le_bytes()).collect();
        let words: Vec<u32> = constants.clone();
        assert_eq!(bytes.len(), 4 * words.len());
        let mut arena: Vec<u32> = x.map(f32::to_bits).to_vec();
        arena.resize(10, 0);
        let size = cells.len() as u32;
        let at = crate::memory::CONSTANT;
        let args = [0, 0, 1, 4, at, size, at | (4 * size), 1, 0, 0, 0, 0, 0, 16, 2, 24, 4];
        run(&args, &mut Memory::new(&mut arena, 0, crate::bytes(&words)))?;
        Ok([f32::from_bits(arena[4]), f32::from_bits(arena[5])])
    }

    fn key(value: f32) -> i32 {
        let mut key = [0];
        <f32 as Number>::key(&[value.to_bits()], &mut key);
        key[0] as i32
    }

    #[test]
    fn keys_have_the_order_of_numbers() {
        let values = [f32::NEG_INFINITY, -1.5, -1e-45, 0.0, 1e-45, 1.5, f32::MAX, f32::INFINITY, f32::NAN];
        assert!(values.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert_eq!((key(-0.0), key(f32::NAN), key(-f32::NAN)), (key(0.0), NAN, NAN));
        let mut keys = [[0; 2]; 4];
        for (value, key) in [-2.5f64, -0.0, 0.0, f64::NAN].iter().zip(&mut keys) {
            let bits = value.to_bits();
            <f64 as Number>::key(&[bits as u32, (bits >> 32) as u32], key);
        }
        let keys = keys.map(|[high, low]| i64::from(high as i32) << 32 | i64::from(low));
        assert!(keys[0] < keys[1] && keys[1] == keys[2] && keys[3] == i64::MAX);
    }

    #[test]
    fn a_walk_takes_ties_nan_and_jumps() {
        let cells = [
            node(key(1.0), 3, 2, 1),
            [2, SPECIAL | JUMP],
            entry(5.0, 1, false),
            entry(1.0, 0, true),
            entry(2.0, 1, false),
        ];
        assert_eq!(scores(&cells, 0, [9.0, 9.0, 9.0, 1.0]), Ok([1.0, 2.0]));
        assert_eq!(scores(&cells, 0, [9.0, 9.0, 9.0, 1.5]), Ok([0.0, 5.0]));
        assert_eq!(scores(&cells, 0, [9.0, 9.0, 9.0, f32::NAN]), Ok([1.0, 2.0]));
        assert_eq!(scores(&cells, 0, [f32::NAN, 9.0, 9.0, f32::INFINITY]), Ok([0.0, 5.0]));
    }

    #[test]
    fn what_leaves_the_cells_is_refused() {
        let leaf = entry(1.0, 0, false);
        assert!(scores(&[node(key(1.0), 0, 4, 0), leaf], 0, [2.0; 4]).is_err());
        assert!(scores(&[node(key(1.0), 0, 0, 0)], 0, [0.0; 4]).is_err());
        assert!(scores(&[[1, SPECIAL | JUMP], leaf], 0, [0.0; 4]).is_err());
        assert!(scores(&[[u32::MAX, SPECIAL | JUMP], leaf], 0, [0.0; 4]).is_err());
        assert!(scores(&[entry(1.0, 0, true)], 0, [0.0; 4]).is_err());
        assert!(scores(&[entry(1.0, 2, false)], 0, [0.0; 4]).is_err());
        assert!(scores(&[leaf], 1, [0.0; 4]).is_err());
        assert!(scores(&[leaf], u32::MAX, [0.0; 4]).is_err());
        // A feature beyond the keys reads another one: the mask is what bounds it.
        assert_eq!(
            scores(&[node(key(1.0), 7, 2, 0), leaf, entry(3.0, 0, false)], 0, [0.0, 0.0, 0.0, 2.0]),
            Ok([3.0, 0.0])
        );
    }
}
