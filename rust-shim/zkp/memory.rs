//! The memory of the CpuHal's buffers: first touched by the threads that fill it.
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
