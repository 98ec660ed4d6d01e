//! The codec's native engine as a library of its own, with the two functions of the shim's C ABI that lead to it: what
//! `mutants.py` builds in seconds of a changed copy of the crate.

use std::ffi::{c_char, c_void};

#[no_mangle]
pub extern "C" fn zkhost_codec_functions() -> *const c_char {
    native_codec::FUNCTIONS.as_ptr().cast()
}

/// # Safety
/// As for `native_codec::functions`.
#[no_mangle]
pub unsafe extern "C" fn zkhost_codec(
    functions: *const c_void,
    objects: *const c_void,
    description: native_codec::Raw,
    packed: bool,
    reference: native_codec::Raw,
    large: usize,
) -> native_codec::Raw {
    // SAFETY: by this function's contract.
    unsafe { native_codec::functions(functions, objects, description, packed, reference, large) }
}
