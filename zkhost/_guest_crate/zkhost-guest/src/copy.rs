//! Copies that take a guest less time than those the compiler makes: unrolled, and each element on its way before the
//! next is touched, so that few registers do. Volatile accesses see to both; the compiler would make a loop a call of
//! `memcpy`, and load a whole round before it stores any of it.

use core::ptr;

const ROUND: usize = 16;

/// Up to so many bytes a plain loop of words beats a call of `memcpy`.
pub(crate) const SHORT_BYTES: usize = 32;

/// Copies `count` bytes.
///
/// # Safety
/// As for [`ptr::copy_nonoverlapping`].
#[inline(always)]
pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, count: usize) {
    if count <= SHORT_BYTES {
        // SAFETY: by this function's contract.
        unsafe { copy_short(from, to, count) };
        return;
    }
    let mut done = 0;
    if count >= 8 * ROUND && (from as usize | to as usize).is_multiple_of(4) {
        // SAFETY: on word boundaries, and by this function's contract.
        done = 4 * unsafe { rounds(from.cast(), to.cast(), count / 4) };
    }
    // SAFETY: by this function's contract.
    unsafe { ptr::copy_nonoverlapping(from.add(done), to.add(done), count - done) };
}

/// Copies whole rounds and gives the number of words in them.
///
/// # Safety
/// As for [`ptr::copy_nonoverlapping`].
#[inline(never)]
unsafe fn rounds(from: *const u32, to: *mut u32, words: usize) -> usize {
    let done = words - words % ROUND;
    for start in (0..done).step_by(ROUND) {
        for i in start..start + ROUND {
            // SAFETY: by this function's contract.
            unsafe { to.add(i).write_volatile(from.add(i).read_volatile()) };
        }
    }
    done
}

/// Copies `count` bytes, best up to [`SHORT_BYTES`], and gives them joined by or, as words; off word boundaries, all ones.
///
/// # Safety
/// As for [`ptr::copy_nonoverlapping`].
#[inline(always)]
pub(crate) unsafe fn copy_short(mut from: *const u8, mut to: *mut u8, count: usize) -> u32 {
    if !(from as usize | to as usize).is_multiple_of(4) {
        // SAFETY: by this function's contract.
        unsafe { ptr::copy_nonoverlapping(from, to, count) };
        return u32::MAX;
    }
    let mut all = 0;
    for _ in 0..count / 4 {
        // SAFETY: on a word boundary, and by this function's contract.
        let word = unsafe { from.cast::<u32>().read_volatile() };
        all |= word;
        // SAFETY: as above.
        unsafe { to.cast::<u32>().write_volatile(word) };
        // SAFETY: by this function's contract.
        (from, to) = unsafe { (from.add(4), to.add(4)) };
    }
    for i in 0..count % 4 {
        // SAFETY: by this function's contract.
        let byte = unsafe { from.add(i).read_volatile() };
        all |= u32::from(byte);
        // SAFETY: by this function's contract.
        unsafe { to.add(i).write_volatile(byte) };
    }
    all
}

/// Copies the lowest byte of each of `count` words and gives all words joined by or.
///
/// # Safety
/// `from` is on a word boundary and readable for `count` words, `to` writable for `count` bytes; they do not overlap.
#[inline(always)]
pub(crate) unsafe fn narrow(mut from: *const u32, mut to: *mut u8, count: usize) -> u32 {
    let mut all = 0;
    for _ in 0..count / ROUND {
        for i in 0..ROUND {
            // SAFETY: by this function's contract.
            let word = unsafe { from.add(i).read_volatile() };
            all = in_order(all | word);
            // SAFETY: by this function's contract.
            unsafe { to.add(i).write_volatile(word as u8) };
        }
        // SAFETY: by this function's contract.
        (from, to) = unsafe { (from.add(ROUND), to.add(ROUND)) };
    }
    for i in 0..count % ROUND {
        // SAFETY: by this function's contract.
        let word = unsafe { from.add(i).read() };
        all |= word;
        // SAFETY: by this function's contract.
        unsafe { to.add(i).write(word as u8) };
    }
    all
}

/// The same number. In a guest the compiler has it ready at this point of the source, instead of joining sixteen later.
#[inline(always)]
fn in_order(number: u32) -> u32 {
    #[cfg(target_os = "zkvm")]
    let number = {
        let mut same = number;
        // SAFETY: no instruction at all.
        unsafe { core::arch::asm!("/* {0} */", inout(reg) same, options(pure, nomem, nostack, preserves_flags)) };
        same
    };
    number
}

/// Makes each of `count` bytes a word.
///
/// # Safety
/// `from` is readable for `count` bytes, `to` on a word boundary and writable for `count` words; they do not overlap.
#[inline(always)]
pub(crate) unsafe fn widen(mut from: *const u8, mut to: *mut u32, count: usize) {
    for _ in 0..count / ROUND {
        for i in 0..ROUND {
            // SAFETY: by this function's contract.
            unsafe { to.add(i).write_volatile(from.add(i).read_volatile().into()) };
        }
        // SAFETY: by this function's contract.
        (from, to) = unsafe { (from.add(ROUND), to.add(ROUND)) };
    }
    for i in 0..count % ROUND {
        // SAFETY: by this function's contract.
        unsafe { to.add(i).write(from.add(i).read().into()) };
    }
}
