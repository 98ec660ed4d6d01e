//! CUDA for the in-process prover: risc0's kernels (compiled by build.rs) and the devices that could run them.
//!
//! Only rv32im, the circuit of segments, proves on a GPU. Whoever links this crate has its feature `kernels` on.

#![cfg(feature = "kernels")]

use std::ffi::{c_char, c_int, CStr};
use std::fmt;
use std::ptr;

use risc0_circuit_rv32im as _;

type Status = c_int;
const SUCCESS: Status = 0;
const NAME_BYTES: usize = 256;

// Of NVIDIA's driver, libcuda.so.1, which the library is linked with for risc0's sake.
extern "C" {
    fn cuInit(flags: u32) -> Status;
    fn cuDeviceGetCount(count: *mut c_int) -> Status;
    fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Status;
    fn cuDeviceGetName(name: *mut c_char, length: c_int, device: c_int) -> Status;
    fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) -> Status;
    fn cuGetErrorString(status: Status, text: *mut *const c_char) -> Status;
}

/// A GPU that the driver offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub memory_bytes: usize,
}

/// The driver's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverError(String);

impl fmt::Display for DriverError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn checked(status: Status) -> Result<(), DriverError> {
    if status == SUCCESS {
        return Ok(());
    }
    let mut text = ptr::null();
    // SAFETY: the driver sets the pointer to a text that lives as long as it does, or to null.
    let text = unsafe {
        cuGetErrorString(status, &mut text);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    Err(DriverError(format!(
        "{} (CUDA error {status})",
        text.as_deref().unwrap_or("an unknown error")
    )))
}

/// The GPUs that the driver offers, which CUDA_VISIBLE_DEVICES may narrow. risc0 proves on the first.
pub fn devices() -> Result<Vec<Device>, DriverError> {
    let mut count = 0;
    // SAFETY: cuInit may be called any number of times; the count is written before success is returned.
    unsafe {
        checked(cuInit(0))?;
        checked(cuDeviceGetCount(&mut count))?;
    }
    (0..count).map(device).collect()
}

fn device(ordinal: c_int) -> Result<Device, DriverError> {
    let (mut handle, mut memory_bytes) = (0, 0);
    let mut name: [c_char; NAME_BYTES] = [0; NAME_BYTES];
    // SAFETY: the ordinal is below the driver's count; the name is written with its zero, in the length given.
    let name = unsafe {
        checked(cuDeviceGet(&mut handle, ordinal))?;
        checked(cuDeviceTotalMem_v2(&mut memory_bytes, handle))?;
        checked(cuDeviceGetName(
            name.as_mut_ptr(),
            NAME_BYTES as c_int,
            handle,
        ))?;
        CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned()
    };
    Ok(Device { name, memory_bytes })
}

/// One entry of each file of kernels that Rust calls. Naming them here makes a linker that reads archives once, in order,
/// take them from this crate before risc0's crates ask for them.
mod entries {
    extern "C" {
        fn risc0_circuit_rv32im_cuda_witgen();
        fn risc0_circuit_rv32im_cuda_accum();
        fn risc0_circuit_rv32im_cuda_eval_check();
        fn risc0_zkp_cuda_eltwise_add_fp();
        fn sppark_init();
        fn sppark_poseidon2_rows();
    }

    #[no_mangle]
    #[allow(non_upper_case_globals)]
    pub static zkhost_cuda_entries: [unsafe extern "C" fn(); 6] = [
        risc0_circuit_rv32im_cuda_witgen,
        risc0_circuit_rv32im_cuda_accum,
        risc0_circuit_rv32im_cuda_eval_check,
        risc0_zkp_cuda_eltwise_add_fp,
        sppark_init,
        sppark_poseidon2_rows,
    ];
}
