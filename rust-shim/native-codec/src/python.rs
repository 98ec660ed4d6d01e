//! CPython's stable ABI, found at run time. Python itself hands over the addresses, so one library serves every CPython,
//! and is loaded where there is none.

use std::ffi::{c_char, c_int, c_long, c_longlong, c_ulong, c_ulonglong, c_void};
use std::ptr;
use std::sync::OnceLock;

/// `PyObject *`.
pub type Raw = *mut c_void;
type Size = isize;

/// CPython's `Py_buffer`.
#[repr(C)]
pub struct Buffer {
    pub memory: *mut c_void,
    pub object: Raw,
    pub size: Size,
    pub item_size: Size,
    pub read_only: c_int,
    pub dimensions: c_int,
    pub format: *const c_char,
    pub shape: *mut Size,
    pub strides: *mut Size,
    pub suboffsets: *mut Size,
    pub internal: *mut c_void,
}

/// Declares functions of CPython: their names, in the order in which Python gives their addresses, and how to call them.
macro_rules! functions {
    ($(fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        /// The names of the functions, each followed by a space; a C string.
        pub const FUNCTIONS: &str = concat!($(stringify!($name), " ",)* "\0");

        #[repr(C)]
        #[allow(non_snake_case)]
        struct Functions {
            $($name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
        }

        $(
            #[allow(non_snake_case)]
            #[inline(always)]
            pub unsafe fn $name($($arg: $type),*) $(-> $result)? {
                // SAFETY: as for CPython's function of this name.
                unsafe { (python().functions.$name)($($arg),*) }
            }
        )*
    };
}

functions! {
    fn Py_IncRef(object: Raw);
    fn Py_DecRef(object: Raw);
    fn PyErr_Occurred() -> Raw;
    fn PyErr_Clear();
    fn PyErr_ExceptionMatches(class: Raw) -> c_int;
    fn PyErr_CheckSignals() -> c_int;
    fn PyGC_Disable() -> c_int;
    fn PyGC_Enable() -> c_int;
    fn PyObject_GetAttr(object: Raw, name: Raw) -> Raw;
    fn PyObject_GenericSetAttr(object: Raw, name: Raw, value: Raw) -> c_int;
    fn PyObject_GetItem(object: Raw, key: Raw) -> Raw;
    fn PyObject_IsTrue(object: Raw) -> c_int;
    fn PyObject_GetBuffer(object: Raw, view: *mut Buffer, flags: c_int) -> c_int;
    fn PyBuffer_Release(view: *mut Buffer);
    fn PyMemoryView_FromMemory(memory: *mut c_char, size: Size, flags: c_int) -> Raw;
    fn PyObject_Call(callable: Raw, args: Raw, kwargs: Raw) -> Raw;
    fn PyObject_Vectorcall(callable: Raw, args: *const Raw, count: usize, names: Raw) -> Raw;
    fn PyType_GenericAlloc(class: Raw, items: Size) -> Raw;
    fn PyType_IsSubtype(class: Raw, base: Raw) -> c_int;
    fn PyNumber_Index(object: Raw) -> Raw;
    fn PyLong_AsLong(object: Raw) -> c_long;
    fn PyLong_AsUnsignedLong(object: Raw) -> c_ulong;
    fn PyLong_FromLongLong(value: c_longlong) -> Raw;
    fn PyLong_FromUnsignedLongLong(value: c_ulonglong) -> Raw;
    fn PyNumber_And(left: Raw, right: Raw) -> Raw;
    fn PyNumber_Or(left: Raw, right: Raw) -> Raw;
    fn PyNumber_Lshift(left: Raw, right: Raw) -> Raw;
    fn PyNumber_Rshift(left: Raw, right: Raw) -> Raw;
    fn PyFloat_AsDouble(object: Raw) -> f64;
    fn PyFloat_FromDouble(value: f64) -> Raw;
    fn PyUnicode_AsUTF8AndSize(object: Raw, size: *mut Size) -> *const c_char;
    fn PyUnicode_FromStringAndSize(text: *const c_char, size: Size) -> Raw;
    fn PyBytes_AsString(object: Raw) -> *mut c_char;
    fn PyBytes_Size(object: Raw) -> Size;
    fn PyBytes_FromStringAndSize(bytes: *const c_char, size: Size) -> Raw;
    fn _PyBytes_Resize(bytes: *mut Raw, size: Size) -> c_int;
    fn PyList_New(size: Size) -> Raw;
    fn PyList_Size(list: Raw) -> Size;
    fn PyList_GetItem(list: Raw, index: Size) -> Raw;
    fn PyList_SetItem(list: Raw, index: Size, item: Raw) -> c_int;
    fn PyTuple_New(size: Size) -> Raw;
    fn PyTuple_Size(tuple: Raw) -> Size;
    fn PyTuple_GetItem(tuple: Raw, index: Size) -> Raw;
    fn PyTuple_SetItem(tuple: Raw, index: Size, item: Raw) -> c_int;
    fn PyDict_New() -> Raw;
    fn PyDict_SetItem(dict: Raw, key: Raw, value: Raw) -> c_int;
    fn PyDict_Size(dict: Raw) -> Size;
    fn PyDict_Next(dict: Raw, at: *mut Size, key: *mut Raw, value: *mut Raw) -> c_int;
    fn PySequence_List(object: Raw) -> Raw;
    fn PySet_New(items: Raw) -> Raw;
    fn PyFrozenSet_New(items: Raw) -> Raw;
    fn PySet_Add(set: Raw, item: Raw) -> c_int;
    fn PySet_Size(set: Raw) -> Size;
    fn PyCapsule_New(pointer: *mut c_void, name: *const c_char, destructor: unsafe extern "C" fn(Raw)) -> Raw;
    fn PyCapsule_GetPointer(capsule: Raw, name: *const c_char) -> *mut c_void;
    fn PyCFunction_NewEx(method: *const c_void, owner: Raw, module: Raw) -> Raw;
}

/// Objects that Python hands over, in this order, and keeps alive.
#[repr(C)]
pub struct Objects {
    pub int: Raw,
    pub float: Raw,
    pub str: Raw,
    pub bytes: Raw,
    pub list: Raw,
    pub tuple: Raw,
    pub dict: Raw,
    pub set: Raw,
    pub frozenset: Raw,
    pub none: Raw,
    pub r#false: Raw,
    pub r#true: Raw,
    /// The class Exception.
    pub exception: Raw,
    /// The empty tuple.
    pub no_arguments: Raw,
    /// The int 2**64 - 1.
    pub low_half: Raw,
    /// The int 64.
    pub half_bits: Raw,
    /// The class of a wrapped optional value, and the name of its field.
    pub some: Raw,
    pub value: Raw,
    /// The function that turns whatever holds words into bytes, or raises.
    pub as_words: Raw,
}

struct Python {
    functions: Functions,
    objects: Objects,
}

// SAFETY: only used by threads that hold the interpreter's lock.
unsafe impl Send for Python {}
// SAFETY: as above.
unsafe impl Sync for Python {}

static PYTHON: OnceLock<Python> = OnceLock::new();

/// Takes the tables: addresses of FUNCTIONS and of `Objects`. Only the first call counts.
///
/// # Safety
/// Both must be complete and in order, and what they point to must live as long as the process.
pub unsafe fn init(functions: *const c_void, objects: *const c_void) {
    PYTHON.get_or_init(|| Python {
        // SAFETY: by this function's contract; the table is an array of addresses, as the struct is.
        functions: unsafe { ptr::read(functions.cast()) },
        // SAFETY: as above.
        objects: unsafe { ptr::read(objects.cast()) },
    });
}

#[inline(always)]
fn python() -> &'static Python {
    // SAFETY: every way into this crate begins with `init`.
    unsafe { PYTHON.get().unwrap_unchecked() }
}

/// The objects that are known by address.
#[inline(always)]
pub fn known() -> &'static Objects {
    &python().objects
}
