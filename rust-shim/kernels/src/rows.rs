//! The rows of a trace for the C++ that generates witnesses, on rayon's threads: `cxx/replaced/vendor/poolstl.hpp`.

use std::ffi::c_void;

use rayon::prelude::*;

/// Rows that a thread takes at once: whole cache lines of a column, and less than a millisecond's work.
const PART: u32 = 64;

type Part = unsafe extern "C" fn(context: *mut c_void, begin: u32, end: u32);

/// The caller's pointer, passed through to its function.
#[derive(Clone, Copy)]
struct Context(*mut c_void);

// SAFETY: the caller's function is made to be called from several threads.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// Calls `part` with all rows from `begin` to before `end`, some at a time, from several threads.
///
/// # Safety
///
/// `part` may be called so with `context`, from several threads at once, and does not unwind.
#[no_mangle]
pub unsafe extern "C" fn zkhost_for_rows(begin: u32, end: u32, context: *mut c_void, part: Part) {
    let context = Context(context);
    (begin..end)
        .into_par_iter()
        .step_by(PART as usize)
        .with_max_len(1)
        .for_each(|first| {
            let Context(context) = { context };
            // SAFETY: as the caller promises.
            unsafe { part(context, first, end.min(first.saturating_add(PART))) }
        });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    unsafe extern "C" fn count(context: *mut c_void, begin: u32, end: u32) {
        // SAFETY: the test passes that.
        let counts = unsafe { &*context.cast::<Vec<AtomicU32>>() };
        assert!(begin < end && end - begin <= PART);
        for row in begin..end {
            counts[row as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_row_is_visited_once() {
        for (begin, end) in [(0, 0), (0, 1), (3, 67), (64, 192), (5, 1000)] {
            let mut counts: Vec<AtomicU32> = (0..1100).map(|_| AtomicU32::new(0)).collect();
            // SAFETY: the context is what `count` takes it for, and outlives the call.
            unsafe { zkhost_for_rows(begin, end, (&raw mut counts).cast(), count) };
            for (row, visits) in counts.iter().enumerate() {
                let expected = u32::from((begin..end).contains(&(row as u32)));
                assert_eq!(
                    visits.load(Ordering::Relaxed),
                    expected,
                    "row {row} of {begin} to {end}"
                );
            }
        }
    }
}
