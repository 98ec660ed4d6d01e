//! The two spaces of memory a plan works on, and the only place that turns its numbers into slices.

use crate::Checked;

/// Set in a reference to the plan's constants; references without it point into the arena.
pub const CONSTANT: u32 = 1 << 31;

/// A region that an operation names: a reference, and how many bytes there.
#[derive(Clone, Copy)]
pub struct Region {
    at: u32,
    bytes: u64,
    aligned: bool,
}

/// `count` bytes at `at`.
pub fn bytes(at: u32, count: u64) -> Region {
    Region { at, bytes: count, aligned: false }
}

/// `count` words at `at`, which must be a multiple of 4.
pub fn words(at: u32, count: u64) -> Region {
    Region { at, bytes: count.saturating_mul(4), aligned: true }
}

/// `count` elements of `size` bytes, 1 or 4.
pub fn elements(size: u32, at: u32, count: u64) -> Checked<Region> {
    match size {
        1 => Ok(bytes(at, count)),
        4 => Ok(words(at, count)),
        _ => Err("an element has 1 or 4 bytes"),
    }
}

/// The product of sizes, refused where no memory could hold that much.
pub fn product(sizes: &[u32]) -> Checked<u64> {
    sizes.iter().try_fold(1u64, |product, size| {
        let product = product * u64::from(*size);
        if product < 1 << 31 {
            Ok(product)
        } else {
            Err("a shape is larger than memory")
        }
    })
}

/// An arena, whose first bytes are only read, and constants. A dry memory has sizes only: operations are checked on it, not run.
pub struct Memory<'a> {
    arena: *mut u8,
    arena_bytes: u64,
    kept: u32,
    constants: &'a [u8],
    dry: bool,
}

/// The slices of `W` regions to write and `R` to read.
pub type Slices<'s, const W: usize, const R: usize> = ([&'s mut [u8]; W], [&'s [u8]; R]);

impl<'a> Memory<'a> {
    pub fn new(arena: &'a mut [u32], kept: u32, constants: &'a [u8]) -> Self {
        Self { arena: arena.as_mut_ptr().cast(), arena_bytes: 4 * arena.len() as u64, kept, constants, dry: false }
    }

    pub fn dry(arena_bytes: u32, kept: u32, constants: &'a [u8]) -> Self {
        Self { arena: core::ptr::null_mut(), arena_bytes: arena_bytes.into(), kept, constants, dry: true }
    }

    fn check(&self, region: Region) -> Checked {
        let space = if region.at & CONSTANT == 0 { self.arena_bytes } else { self.constants.len() as u64 };
        if region.aligned && region.at & 3 != 0 {
            return Err("words do not lie at a multiple of 4");
        }
        match u64::from(region.at & !CONSTANT).checked_add(region.bytes) {
            Some(end) if end <= space => Ok(()),
            _ => Err("a region does not lie within memory"),
        }
    }

    /// The slices of regions: within memory, and what is written overlaps nothing else. None on a dry memory.
    pub fn split<const W: usize, const R: usize>(
        &mut self,
        writes: [Region; W],
        reads: [Region; R],
    ) -> Checked<Option<Slices<'_, W, R>>> {
        for (i, write) in writes.iter().enumerate() {
            self.check(*write)?;
            if write.at & CONSTANT != 0 {
                return Err("a constant cannot be written");
            }
            if write.at < self.kept {
                return Err("what is only read cannot be written");
            }
            let apart = |other: &Region| {
                let (a, b) = (u64::from(write.at), u64::from(other.at));
                other.at & CONSTANT != 0 || a + write.bytes <= b || b + other.bytes <= a
            };
            if !reads.iter().chain(&writes[i + 1..]).all(apart) {
                return Err("what is written overlaps another operand");
            }
        }
        for read in reads {
            self.check(read)?;
        }
        if self.dry {
            return Ok(None);
        }
        // SAFETY: `check` put each region within the arena or the constants, written ones are within the arena and apart from
        // all others, and the slices borrow `self`, which borrows both.
        unsafe {
            let arena = self.arena;
            let constants = self.constants.as_ptr();
            let writes = writes.map(|r| core::slice::from_raw_parts_mut(arena.add(r.at as usize), r.bytes as usize));
            let reads = reads.map(|r| {
                let from = if r.at & CONSTANT == 0 { arena.cast_const() } else { constants };
                core::slice::from_raw_parts(from.add((r.at & !CONSTANT) as usize), r.bytes as usize)
            });
            Ok(Some((writes, reads)))
        }
    }

    /// One region to read, also on a dry memory where it is constant: for parameters that are checked by value.
    pub fn constant(&self, region: Region) -> Checked<&'a [u8]> {
        if region.at & CONSTANT == 0 {
            return Err("a parameter is not constant");
        }
        self.check(region)?;
        let at = (region.at & !CONSTANT) as usize;
        Ok(&self.constants[at..][..region.bytes as usize])
    }
}

/// Bytes seen as numbers of a type: regions of `words` can be.
macro_rules! view {
    ($name:ident, $name_mut:ident, $type:ty) => {
        pub fn $name(bytes: &[u8]) -> &[$type] {
            // SAFETY: every bit pattern is one of these types.
            let (before, middle, after) = unsafe { bytes.align_to::<$type>() };
            assert!(before.is_empty() && after.is_empty());
            middle
        }

        #[allow(dead_code)]
        pub fn $name_mut(bytes: &mut [u8]) -> &mut [$type] {
            // SAFETY: every bit pattern is one of these types.
            let (before, middle, after) = unsafe { bytes.align_to_mut::<$type>() };
            assert!(before.is_empty() && after.is_empty());
            middle
        }
    };
}
view!(as_i16, as_i16_mut, i16);
view!(as_u32, as_u32_mut, u32);
view!(as_i32, as_i32_mut, i32);
view!(as_f32, as_f32_mut, f32);
view!(as_i8, as_i8_mut, i8);
