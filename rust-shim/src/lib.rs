//! The C ABI between zkhost and risc0's own crates: one call with an operation name and a msgpack request.
//!
//! Every panic is caught and comes back as an error frame; each call runs on a thread of its own with a known stack,
//! so that neither deep data nor a caller's small stack can end the process.

mod bounded;
mod env;
mod error;
mod evm;
#[cfg(feature = "prove")]
mod execute;
mod gpu;
mod guest_error;
mod guests;
mod host;
mod info;
mod ipc;
mod jobs;
mod logging;
mod nn;
mod oracle;

#[cfg(feature = "prove")]
mod profile;
mod program;
#[cfg(feature = "prove")]
mod prove;
mod receipt;
#[cfg(feature = "prove")]
mod recursion;
mod risc0;
mod server;
mod session;
mod trace;
mod verify;

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Once;
use std::thread;

use serde::{Deserialize, Serialize};
// For the symbols that risc0's circuits are linked with.
#[cfg(feature = "prove")]
use zkhost_kernels as _;

use error::{Result, ShimError};
use host::{Host, HostCallback};

/// The stack of a call's thread: address space, used only as far as the work goes.
const STACK_BYTES: usize = 64 << 20;

/// The operations: one line adds one. Each is `fn(Request, &Host) -> Result<Reply>`.
macro_rules! operations {
    ($($(#[$meta:meta])* $name:literal => $function:path),+ $(,)?) => {
        /// The names of the operations this build has.
        pub(crate) const OPERATIONS: &[&str] = &[$($(#[$meta])* $name),+];

        /// The names of those that builds with other features have too.
        const ALL_OPERATIONS: &[&str] = &[$($name),+];

        fn dispatch(operation: &str, request: &[u8], host: &Host) -> Result<Vec<u8>> {
            match operation {
                $($(#[$meta])* $name => encode(&$function(decode(request)?, host)?),)+
                _ if ALL_OPERATIONS.contains(&operation) => Err(no_prover(operation)),
                _ => Err(fail!(Shim, "no operation {operation:?} in this build")
                    .with("operations", OPERATIONS)),
            }
        }
    };
}

operations! {
    "build_info" => info::build_info,
    "gpu_devices" => gpu::devices,
    "toolchain_info" => guests::toolchain_info,
    "build_guests" => guests::build_guests,
    "describe_guests" => guests::describe_guests,
    "build_tests" => guests::build_tests,
    "build_toolchain" => guests::build_toolchain,
    "image_id" => program::image_id,
    "program_binary" => program::program_binary,
    #[cfg(feature = "prove")]
    "execute" => execute::execute,
    #[cfg(feature = "prove")]
    "prove_segment" => prove::prove_segment,
    #[cfg(feature = "prove")]
    "segment_preflight" => prove::segment_preflight,
    #[cfg(feature = "prove")]
    "prove_keccak" => prove::prove_keccak,
    #[cfg(feature = "prove")]
    "compress" => prove::compress,
    #[cfg(feature = "prove")]
    "lift" => recursion::lift,
    #[cfg(feature = "prove")]
    "join" => recursion::join,
    #[cfg(feature = "prove")]
    "verify_succinct" => recursion::verify_succinct,
    #[cfg(feature = "prove")]
    "assemble_succinct" => recursion::assemble_succinct,
    "ipc_execute" => ipc::execute,
    "ipc_prove_segment" => ipc::prove_segment,
    "ipc_prove_keccak" => ipc::prove_keccak,
    "ipc_compress" => ipc::compress,
    "assemble_composite" => session::assemble_composite,
    "fake_receipt" => session::fake_receipt,
    "verify" => verify::verify,
    "verify_integrity" => verify::verify_integrity,
    "verify_segment" => verify::verify_segment,
    "receipt_inspect" => receipt::inspect,
    "receipt_convert" => receipt::convert,
    "receipt_prune" => receipt::prune,
    "nn_validate" => nn::validate,
    "nn_compute" => nn::compute,
    "nn_image" => nn::image,
    "keccak256" => evm::keccak256,
    "evm_seal" => evm::seal,
    "receipt_from_seal" => evm::receipt_from_seal,
    "verify_inclusion" => evm::verify_inclusion,
    "serde_encode" => oracle::serde_encode,
    "serde_decode" => oracle::serde_decode,
}

fn no_prover(operation: &str) -> ShimError {
    fail!(
        Unsupported,
        "this build of zkhost only verifies: {operation:?} needs the in-process prover"
    )
    .with("asked", operation)
    .hint("install zkhost in place of zkhost-verify, or use r0vm: RISC0_PROVER=ipc")
}

fn decode<'a, T: Deserialize<'a>>(request: &'a [u8]) -> Result<T> {
    rmp_serde::from_slice(request).map_err(|error| fail!(Shim, "bad request frame: {error}"))
}

fn encode<T: Serialize>(reply: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(reply).map_err(|error| fail!(Shim, "cannot encode the reply: {error}"))
}

thread_local! {
    /// Where the last panic of this thread happened, and what it said.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Replaces the hook that prints panics by one that keeps them for the error frame.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let text = panic_text(info.payload());
            let place = info.location().map(|place| format!(" at {place}"));
            LAST_PANIC.set(Some(format!("{text}{}", place.unwrap_or_default())));
        }));
    });
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

/// Runs `work`, turning a panic into an error of kind Internal.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = LAST_PANIC
            .take()
            .unwrap_or_else(|| panic_text(payload.as_ref()));
        Err(fail!(Internal, "panic in the native library: {text}"))
    })
}

/// Lets glibc keep up to 64 MiB of what a call freed for the next one. By itself it keeps little, and a small guest's run,
/// 9 ms, takes 34 ms from the third on: its memory goes back to the kernel each time, to be asked for and cleared anew.
/// Larger blocks than 16 MiB are the kernel's own: on the heap, an executor's would leave gaps of up to 100 MiB.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_freed_memory() {
    static ONCE: Once = Once::new();
    // SAFETY: mallopt takes two numbers, and may be called at any time.
    ONCE.call_once(|| unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 16 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 20);
    });
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}

fn on_own_thread(work: impl FnOnce() -> Result<Vec<u8>> + Send) -> Result<Vec<u8>> {
    keep_freed_memory();
    thread::scope(|scope| {
        thread::Builder::new()
            .name("zkhost".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || guarded(work))
            .map_err(|error| fail!(Internal, "cannot start a thread: {error}"))?
            .join()
            .unwrap_or_else(|_| Err(fail!(Internal, "a call's thread panicked")))
    })
}

/// The process that made the first call.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Refuses calls in a forked child: the thread pools have no threads there, and a lock that was held stays locked.
fn not_forked() -> Result<()> {
    let me = std::process::id();
    match OWNER.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed) {
        Err(owner) if owner != me => Err(fail!(
            ProverUnavailable,
            "process {me} was forked from {owner}, which had called the native library: its threads are not here"
        )
        .hint("start worker processes with multiprocessing's \"spawn\" or \"forkserver\"")),
        _ => Ok(()),
    }
}

/// Runs operation `op` (UTF-8, NUL-terminated) on the msgpack request `req`; `cb` with `host` is the way back.
///
/// Returns 0 and a reply frame, or 1 and an error frame {kind, message, data}; free the frame with `zkhost_free`.
///
/// # Safety
/// `op` must be a C string, `req` readable for `len` bytes, `reply` and `reply_len` writable, `cb` null or a function
/// that keeps to the contract of `HostCallback` from any thread until this call returns.
#[no_mangle]
pub unsafe extern "C" fn zkhost_call(
    op: *const std::ffi::c_char,
    req: *const u8,
    len: usize,
    cb: HostCallback,
    host: u64,
    reply: *mut *mut u8,
    reply_len: *mut usize,
) -> i32 {
    keep_panics();
    logging::start();
    // SAFETY: by this function's contract `op` is a C string.
    let name = unsafe { std::ffi::CStr::from_ptr(op) }.to_string_lossy();
    let request = if len == 0 {
        &[][..]
    } else {
        // SAFETY: by this function's contract `req` is readable for `len` bytes.
        unsafe { std::slice::from_raw_parts(req, len) }
    };
    let outcome = not_forked().and_then(|()| {
        let host = Host::new(cb, host);
        on_own_thread(|| dispatch(&name, request, &host))
    });
    let (status, frame) = match outcome {
        Ok(frame) => (0, frame),
        Err(error) => (1, ShimError::to_frame(&error)),
    };
    let frame = Box::leak(frame.into_boxed_slice());
    // SAFETY: by this function's contract both places are writable.
    unsafe {
        *reply = frame.as_mut_ptr();
        *reply_len = frame.len();
    }
    status
}

/// Cancels the running calls that were given host number `host`: each ends at its next host call or segment boundary.
#[no_mangle]
pub extern "C" fn zkhost_cancel(host: u64) {
    host::cancel(host);
}

/// Frees a frame that `zkhost_call` gave.
///
/// # Safety
/// `frame` and `len` must be what one `zkhost_call` gave, and freed once.
#[no_mangle]
pub unsafe extern "C" fn zkhost_free(frame: *mut u8, len: usize) {
    if !frame.is_null() {
        // SAFETY: by this function's contract this is the boxed slice that zkhost_call leaked.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(frame, len)) });
    }
}

/// The functions of CPython whose addresses `zkhost_codec` wants, in this order, each name followed by a space.
#[no_mangle]
pub extern "C" fn zkhost_codec_functions() -> *const std::ffi::c_char {
    native_codec::FUNCTIONS.as_ptr().cast()
}

/// The codec's native engine for one type: a Python tuple of three functions, or None where it cannot read the type.
///
/// # Safety
/// As for `native_codec::functions`: called with Python's lock held, complete tables and live objects.
#[no_mangle]
pub unsafe extern "C" fn zkhost_codec(
    functions: *const std::ffi::c_void,
    objects: *const std::ffi::c_void,
    description: *mut std::ffi::c_void,
    packed: bool,
    reference: *mut std::ffi::c_void,
    large: usize,
) -> *mut std::ffi::c_void {
    keep_freed_memory();
    // SAFETY: by this function's contract.
    unsafe { native_codec::functions(functions, objects, description, packed, reference, large) }
}
