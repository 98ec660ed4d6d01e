//! The fast path of zkhost's codec. For a type that `plan` can describe, `functions` makes two Python functions, `encode`
//! and `decode`, which do what zkhost's compiled encoder and decoder do, at the speed of an extension module.
//!
//! It knows the usual values of each type and no error: a value or word that is not as usual, or a Python exception on
//! the way, sends the whole call to the general function of the same name, written in Python, which then gives the
//! result or the error. So both ways agree wherever this one gives a result, and errors are told in one place only.

mod decode;
mod encode;
mod exact;
mod object;
mod output;
mod plan;
mod python;

use std::ffi::{c_char, c_int, c_void};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;

use decode::Decoder;
use encode::Encoder;
use object::{bytes_of, class_of, Owned, Stop};
use output::Output;
use plan::Node;
use python::{
    known, PyCFunction_NewEx, PyCapsule_GetPointer, PyCapsule_New, PyErr_Clear,
    PyErr_ExceptionMatches, PyErr_Occurred, PyGC_Disable, PyGC_Enable, PyObject_Vectorcall,
    PyTuple_New, PyTuple_SetItem, Py_IncRef,
};
pub use python::{Raw, FUNCTIONS};

const CAPSULE: *const c_char = c"zkhost.codec".as_ptr();

/// CPython's `PyMethodDef`.
#[repr(C)]
struct Method {
    name: *const c_char,
    function: *const c_void,
    flags: c_int,
    doc: *const c_char,
}

// SAFETY: constant, and CPython only reads it.
unsafe impl Sync for Method {}

const ONE_ARGUMENT: c_int = 0x8;
const FAST_WITH_KEYWORDS: c_int = 0x80 | 0x2;

static ENCODE: Method = Method {
    name: c"encode".as_ptr(),
    function: encode as *const c_void,
    flags: ONE_ARGUMENT,
    doc: c"encode($self, value, /)\n--\n\nThe value as words, in little-endian bytes.".as_ptr(),
};
static DECODE: Method = Method {
    name: c"decode".as_ptr(),
    function: decode as *const c_void,
    flags: FAST_WITH_KEYWORDS,
    doc: c"decode($self, data, strict=True)\n--\n\nThe value that `data` holds.".as_ptr(),
};

/// What one function knows.
struct Context {
    /// The type.
    node: Node,
    /// The function of Python that takes what this one does not.
    general: Owned,
    /// Inputs of this many bytes and more are decoded with the garbage collector paused: what is made is all alive.
    large: usize,
}

/// (encode, decode) for the type that `tuple` describes, or None where it has parts that only Python knows.
///
/// # Safety
/// The caller must hold the interpreter's lock. `addresses` are those of the functions that `FUNCTIONS` names, `objects` those
/// of the objects in `python::Objects`; both must outlive the process. The other three are live objects.
pub unsafe fn functions(
    addresses: *const c_void,
    objects: *const c_void,
    tuple: Raw,
    packed: bool,
    general_encode: Raw,
    general_decode: Raw,
    large: usize,
) -> Raw {
    // SAFETY: by this function's contract.
    unsafe {
        python::init(addresses, objects);
        let pair = || {
            let pair = Owned::new(PyTuple_New(2))?;
            for (index, (method, general)) in [(&ENCODE, general_encode), (&DECODE, general_decode)]
                .iter()
                .enumerate()
            {
                let node = plan::read(tuple, packed)?;
                let function = function(
                    method,
                    Context {
                        node,
                        general: Owned::share(*general)?,
                        large,
                    },
                )?;
                object::done(PyTuple_SetItem(
                    pair.raw(),
                    index as isize,
                    function.into_raw(),
                ))?;
            }
            Ok(pair)
        };
        guarded(pair).map_or_else(
            |Stop| {
                PyErr_Clear();
                Py_IncRef(known().none);
                known().none
            },
            Owned::into_raw,
        )
    }
}

/// A builtin function whose `self` is a capsule of the context.
unsafe fn function(method: &'static Method, context: Context) -> Result<Owned, Stop> {
    let context = Box::into_raw(Box::new(context));
    // SAFETY: the capsule owns the context from here on, and frees it once.
    unsafe {
        let capsule =
            Owned::new(PyCapsule_New(context.cast(), CAPSULE, free)).inspect_err(|_| {
                drop(Box::from_raw(context));
            })?;
        Owned::new(PyCFunction_NewEx(
            ptr::from_ref(method).cast(),
            capsule.raw(),
            ptr::null_mut(),
        ))
    }
}

unsafe extern "C" fn free(capsule: Raw) {
    // SAFETY: CPython calls this once, with a capsule made by `function`.
    unsafe {
        drop(Box::from_raw(
            PyCapsule_GetPointer(capsule, CAPSULE).cast::<Context>(),
        ))
    };
}

unsafe fn context<'a>(capsule: Raw) -> &'a Context {
    // SAFETY: CPython calls `encode` and `decode` with the capsule that `function` gave, alive through the call.
    unsafe { &*PyCapsule_GetPointer(capsule, CAPSULE).cast::<Context>() }
}

unsafe extern "C" fn encode(capsule: Raw, value: Raw) -> Raw {
    // SAFETY: called by CPython, which holds its lock and a reference to `value`.
    unsafe {
        let context = context(capsule);
        let made = guarded(|| {
            let mut encoder = Encoder { out: Output::new() };
            encoder.value(&context.node, value)?;
            encoder.out.finish()
        });
        finish(context, made, &[value], 1, ptr::null_mut())
    }
}

unsafe extern "C" fn decode(capsule: Raw, arguments: *const Raw, count: isize, names: Raw) -> Raw {
    // SAFETY: called by CPython, which holds its lock and references to the arguments.
    unsafe {
        let context = context(capsule);
        let strict = count == 1 || count == 2 && *arguments.add(1) == known().r#true;
        let made = if strict && names.is_null() && class_of(*arguments) == known().bytes {
            let data = bytes_of(*arguments);
            let paused = data.len() >= context.large && PyGC_Disable() != 0;
            let made = guarded(|| Decoder::new(data).whole(&context.node));
            if paused {
                PyGC_Enable();
            }
            made
        } else {
            Err(Stop)
        };
        let given = count as usize
            + if names.is_null() {
                0
            } else {
                python::PyTuple_Size(names) as usize
            };
        let arguments = if given == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(arguments, given)
        };
        finish(context, made, arguments, count as usize, names)
    }
}

/// The result, or what the general function says. An exception that is no error, as KeyboardInterrupt, goes on.
#[inline(always)]
unsafe fn finish(
    context: &Context,
    made: Result<Owned, Stop>,
    arguments: &[Raw],
    count: usize,
    names: Raw,
) -> Raw {
    let Err(Stop) = made else {
        return made.map_or(ptr::null_mut(), Owned::into_raw);
    };
    // SAFETY: the callers hold the interpreter's lock, and have the arguments from CPython.
    unsafe {
        if !PyErr_Occurred().is_null() {
            if PyErr_ExceptionMatches(known().exception) == 0 {
                return ptr::null_mut();
            }
            PyErr_Clear();
        }
        PyObject_Vectorcall(context.general.raw(), arguments.as_ptr(), count, names)
    }
}

/// Runs `work`; a panic is one more case for the general path.
#[inline(always)]
fn guarded<T>(work: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Stop))
}
