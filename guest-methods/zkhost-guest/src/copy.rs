//! A copy that takes a guest three quarters of the time of `memcpy` between word boundaries: it moves 16 words a round.

use core::ptr;

const ROUND: usize = 16;

/// Copies `count` bytes.
///
/// # Safety
/// As for [`ptr::copy_nonoverlapping`].
#[inline(always)]
pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, count: usize) {
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
            // Volatile, or the compiler makes a call of memcpy from the loop.
            // SAFETY: by this function's contract.
            unsafe { to.add(i).write_volatile(from.add(i).read_volatile()) };
        }
    }
    done
}
