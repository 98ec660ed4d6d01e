//! The memory of the CpuHal's buffers: first touched by the threads that fill it, and given back by all of them.
//!
//! A segment of 2^18 rows takes 2.4 GB, which the system hands out page by page as they are first touched. risc0 writes
//! defaults to a new buffer first, with one thread: a fifth of the proof's time went to that, on two cores.

use std::alloc::{alloc_zeroed, handle_alloc_error, Layout};
use std::any::TypeId;

use rayon::prelude::*;
use risc0_core::field::baby_bear::{BabyBearElem, BabyBearExtElem};

use crate::core::digest::Digest;

/// As many defaults: where they are zeros in memory, those that the system provides when they are first touched.
pub fn defaults<T: Clone + Default + 'static>(size: usize) -> Vec<T> {
    let zeros = [
        TypeId::of::<BabyBearElem>(),
        TypeId::of::<BabyBearExtElem>(),
        TypeId::of::<Digest>(),
        TypeId::of::<u32>(),
    ];
    if size == 0 || !zeros.contains(&TypeId::of::<T>()) {
        return vec![T::default(); size];
    }
    let layout = Layout::array::<T>(size).expect("a buffer is smaller than the address space");
    // SAFETY: the layout is not empty. All bits zero are a value of these types, and their default. A Vec frees by the same layout.
    unsafe {
        let start = alloc_zeroed(layout);
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Vec::from_raw_parts(start.cast(), size, size)
    }
}

/// Fills a buffer, by all threads.
pub fn fill<T: Clone + Send + Sync>(buffer: &mut [T], value: T) {
    buffer
        .par_chunks_mut(PART)
        .for_each(|part| part.fill(value.clone()));
}

/// Elements that a thread fills at once.
const PART: usize = 1 << 16;

/// Frees a buffer. Of a large one, all threads give the pages back first, which takes the system a while.
pub fn release<T>(mut buffer: Vec<T>) {
    buffer.clear();
    let start = buffer.as_ptr() as usize;
    give_back(start, start + buffer.capacity() * size_of::<T>());
    drop(buffer);
}

/// Gives back the whole pages between two addresses, of memory in which there is nothing any more.
#[cfg(target_os = "linux")]
fn give_back(start: usize, end: usize) {
    extern "C" {
        fn getpagesize() -> i32;
        fn madvise(start: usize, size: usize, advice: i32) -> i32;
    }
    const MADV_DONTNEED: i32 = 4;
    /// Bytes that a thread gives back at once. Smaller buffers are often kept by the allocator for the next.
    const LARGE: usize = 16 << 20;
    if end - start >= LARGE {
        // SAFETY: it takes no arguments.
        let page = unsafe { getpagesize() } as usize;
        let (first, last) = (start.next_multiple_of(page), end / page * page);
        (first..last).into_par_iter().step_by(LARGE).for_each(|at| {
            // SAFETY: the pages are a buffer's that has no elements. Where it fails, freeing gives them back.
            unsafe { madvise(at, LARGE.min(last - at), MADV_DONTNEED) };
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn give_back(_start: usize, _end: usize) {}
