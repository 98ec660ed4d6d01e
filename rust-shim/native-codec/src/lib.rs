//! The codec's native engine. For a type that `plan` can read, `functions` makes three Python functions, `encode`,
//! `decode` and `decode_from`, which do what the reference engine does, at the speed of an extension module.
//!
//! It knows no error: a value or word that it does not take, or a Python exception on the way, sends the whole call to
//! the reference engine's function of the same name, written in Python, which then has the result or the error. So both
//! engines agree wherever this one has a result, and errors are worded in one place only.

mod buffer;
mod decode;
mod encode;
mod exact;
mod object;
mod output;
mod plan;
mod python;
mod rank;
mod stack;

use std::ffi::{c_char, c_int, c_void};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::rc::Rc;

use decode::Decoder;
use encode::Encoder;
use exact::unsigned;
use object::{bytes_of, class_of, text_of, Owned, Stop};
use output::Output;
use plan::Plan;
use python::{
    known, PyCFunction_NewEx, PyCapsule_GetPointer, PyCapsule_New, PyErr_Clear,
    PyErr_ExceptionMatches, PyErr_Occurred, PyGC_Disable, PyGC_Enable, PyLong_FromUnsignedLongLong,
    PyObject_IsTrue, PyObject_Vectorcall, PyTuple_GetItem, PyTuple_New, PyTuple_SetItem, Py_IncRef,
};
pub use python::{Raw, FUNCTIONS};
use stack::Stack;

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

static METHODS: [Method; 3] = [
    Method {
        name: c"encode".as_ptr(),
        function: encode as *const c_void,
        flags: ONE_ARGUMENT,
        doc: c"encode($self, value, /)\n--\n\nThe value as words, in little-endian bytes.".as_ptr(),
    },
    Method {
        name: c"decode".as_ptr(),
        function: decode as *const c_void,
        flags: FAST_WITH_KEYWORDS,
        doc: c"decode($self, data, strict=True)\n--\n\nThe value that `data` holds.".as_ptr(),
    },
    Method {
        name: c"decode_from".as_ptr(),
        function: decode_from as *const c_void,
        flags: FAST_WITH_KEYWORDS,
        doc: c"decode_from($self, data, offset=0, strict=True)\n--\n\nThe value that begins at word `offset`, and the offset after it."
            .as_ptr(),
    },
];

/// What one function knows.
struct Context {
    /// Shared by the functions of a type; counted, as all of this, with the interpreter's lock held.
    plan: Rc<Plan>,
    /// The reference engine's function, which takes what this one does not.
    reference: Owned,
    /// Inputs of this many bytes and more are decoded with the garbage collector paused: what is made is all alive.
    large: usize,
}

/// (encode, decode, decode_from) for the type that `description` describes, or None where it cannot be read.
///
/// # Safety
/// The caller must hold the interpreter's lock. `addresses` are those of the functions that `FUNCTIONS` names, `objects`
/// those of the objects in `python::Objects`; both must outlive the process. `description` and `reference`, a tuple of the
/// reference engine's three functions, are live objects.
pub unsafe fn functions(
    addresses: *const c_void,
    objects: *const c_void,
    description: Raw,
    packed: bool,
    reference: Raw,
    large: usize,
) -> Raw {
    // SAFETY: by this function's contract.
    unsafe {
        python::init(addresses, objects);
        let all = || {
            let plan = Rc::new(plan::read(description, packed)?);
            let all = Owned::new(PyTuple_New(METHODS.len() as isize))?;
            for (index, method) in (0..).zip(&METHODS) {
                let context = Context {
                    plan: plan.clone(),
                    reference: Owned::share(PyTuple_GetItem(reference, index))?,
                    large,
                };
                let function = function(method, context)?;
                object::done(PyTuple_SetItem(all.raw(), index, function.into_raw()))?;
            }
            Ok(all)
        };
        guarded(all).map_or_else(
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
            let mut encoder = Encoder {
                plan: &context.plan,
                out: Output::new(),
                stack: Stack::new(),
                nesting: 0,
            };
            encoder.value(&context.plan.root, value)?;
            encoder.out.finish()
        });
        finish(context, made, &[value], 1, ptr::null_mut())
    }
}

unsafe extern "C" fn decode(capsule: Raw, arguments: *const Raw, count: isize, names: Raw) -> Raw {
    // SAFETY: called by CPython, which holds its lock and references to the arguments.
    unsafe {
        let context = context(capsule);
        let arguments = Arguments::new(arguments, count as usize, names);
        let made = guarded(|| {
            let [data, strict] = arguments.by_name(["data", "strict"])?;
            let (data, strict) = (Words::of(data)?, truth(strict)?);
            let bytes = data.bytes;
            context.paused(bytes, || {
                Decoder::new(&context.plan, bytes, 0, strict).whole()
            })
        });
        finish(context, made, arguments.all, arguments.count, names)
    }
}

unsafe extern "C" fn decode_from(
    capsule: Raw,
    arguments: *const Raw,
    count: isize,
    names: Raw,
) -> Raw {
    // SAFETY: called by CPython, which holds its lock and references to the arguments.
    unsafe {
        let context = context(capsule);
        let arguments = Arguments::new(arguments, count as usize, names);
        let made = guarded(|| {
            let [data, offset, strict] = arguments.by_name(["data", "offset", "strict"])?;
            let (data, strict) = (Words::of(data)?, truth(strict)?);
            let bytes = data.bytes;
            let at = if offset.is_null() {
                0
            } else {
                4 * unsigned(offset, 32)? as usize
            };
            if at > bytes.len() {
                return Err(Stop);
            }
            let (value, end) = context.paused(&bytes[at..], || {
                Decoder::new(&context.plan, bytes, at, strict).part()
            })?;
            let pair = Owned::new(PyTuple_New(2))?;
            object::done(PyTuple_SetItem(pair.raw(), 0, value.into_raw()))?;
            let end = Owned::new(PyLong_FromUnsignedLongLong(end as u64 / 4))?;
            object::done(PyTuple_SetItem(pair.raw(), 1, end.into_raw()))?;
            Ok(pair)
        });
        finish(context, made, arguments.all, arguments.count, names)
    }
}

impl Context {
    /// Runs `work` with the garbage collector paused where the data is large.
    #[inline(always)]
    unsafe fn paused<T>(
        &self,
        data: &[u8],
        work: impl FnOnce() -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        if data.len() < self.large {
            return work();
        }
        // SAFETY: the callers hold the interpreter's lock.
        unsafe {
            let paused = PyGC_Disable() != 0;
            let made = guarded(work);
            if paused {
                PyGC_Enable();
            }
            made
        }
    }
}

/// The arguments of a call, those with names last.
struct Arguments<'a> {
    all: &'a [Raw],
    /// How many have no name.
    count: usize,
    names: Raw,
}

impl Arguments<'_> {
    unsafe fn new(arguments: *const Raw, count: usize, names: Raw) -> Self {
        // SAFETY: the callers have all this from CPython.
        unsafe {
            let named = if names.is_null() {
                0
            } else {
                python::PyTuple_Size(names) as usize
            };
            let all = if count + named == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(arguments, count + named)
            };
            Self { all, count, names }
        }
    }

    /// The arguments in the order of their names, null where there is none. `Stop` for a call that is wrong.
    #[inline(always)]
    unsafe fn by_name<const N: usize>(&self, expected: [&str; N]) -> Result<[Raw; N], Stop> {
        let mut found = [ptr::null_mut(); N];
        if self.count > N {
            return Err(Stop);
        }
        for (place, &value) in found.iter_mut().zip(&self.all[..self.count]) {
            *place = value;
        }
        for (index, &value) in (0..).zip(&self.all[self.count..]) {
            // SAFETY: CPython's names are a tuple of str, one for each of these arguments.
            let name = unsafe { text_of(PyTuple_GetItem(self.names, index))? };
            let place = expected.iter().position(|e| *e == name).ok_or(Stop)?;
            if !found[place].is_null() {
                return Err(Stop);
            }
            found[place] = value;
        }
        Ok(found)
    }
}

/// What holds words, as bytes: those of a bytes object, or a copy in one.
struct Words<'a> {
    bytes: &'a [u8],
    _copy: Option<Owned>,
}

impl Words<'_> {
    #[inline(always)]
    unsafe fn of(data: Raw) -> Result<Self, Stop> {
        // SAFETY: the callers' object lives, if there is one, and so does the copy as long as this.
        unsafe {
            if data.is_null() {
                return Err(Stop);
            }
            let copy = if class_of(data) == known().bytes {
                None
            } else {
                let made =
                    PyObject_Vectorcall(known().as_words, [data].as_ptr(), 1, ptr::null_mut());
                Some(Owned::new(made)?)
            };
            let bytes = bytes_of(copy.as_ref().map_or(data, Owned::raw));
            if bytes.len() % 4 == 0 {
                Ok(Self { bytes, _copy: copy })
            } else {
                Err(Stop)
            }
        }
    }
}

/// Whether an argument is true, as it is where it was left out.
#[inline(always)]
unsafe fn truth(argument: Raw) -> Result<bool, Stop> {
    if argument.is_null() || argument == known().r#true {
        return Ok(true);
    }
    // SAFETY: the callers' object lives.
    match unsafe { PyObject_IsTrue(argument) } {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Stop),
    }
}

/// The result, or what the reference engine has. An exception that is no error, as KeyboardInterrupt, goes on.
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
        PyObject_Vectorcall(context.reference.raw(), arguments.as_ptr(), count, names)
    }
}

/// Runs `work`; a panic is one more case for the reference engine.
#[inline(always)]
fn guarded<T>(work: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Stop))
}
