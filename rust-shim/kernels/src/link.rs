//! The symbols that risc0's circuits are linked with.

use std::ffi::c_char;
use std::{ptr, slice};

use risc0_zkp::field::baby_bear::BabyBearExtElem;

use crate::circuit::{Circuit, KECCAK, RECURSION, RV32IM};
use crate::window;

/// The polynomial's signature in risc0: a row, the rows of a column, powers of the mix, columns and globals, the value.
/// A message that was allocated would be returned if it failed.
macro_rules! polynomial {
    ($symbol:ident, $circuit:expr) => {
        /// # Safety
        ///
        /// Called by risc0's prover, or as it does.
        #[no_mangle]
        pub unsafe extern "C" fn $symbol(
            cycle: usize,
            steps: usize,
            poly_mix: *const BabyBearExtElem,
            args: *const *const u32,
            result: *mut BabyBearExtElem,
        ) -> *const c_char {
            *result = row(&$circuit, cycle, steps, poly_mix, args);
            ptr::null()
        }
    };
}

polynomial!(risc0_circuit_rv32im_cpu_poly_fp, RV32IM);
polynomial!(risc0_circuit_keccak_cpu_poly_fp, KECCAK);
polynomial!(zkhost_recursion_poly_fp, RECURSION);

unsafe fn row(
    circuit: &Circuit,
    cycle: usize,
    steps: usize,
    poly_mix: *const BabyBearExtElem,
    args: *const *const u32,
) -> BabyBearExtElem {
    // Every circuit's powers begin with mix^0 and mix^1; the others follow from that.
    let mix = *poly_mix.add(1);
    window::row(
        circuit,
        cycle,
        steps,
        mix,
        slice::from_raw_parts(args, circuit.args()),
    )
}

/// The entries of the C++ that build.rs compiled. Naming them here makes a linker that reads archives once, in order,
/// take them from this crate before risc0's crates ask for them.
#[cfg(witness_generators)]
mod witness_generators {
    extern "C" {
        fn risc0_circuit_rv32im_cpu_witgen();
        fn risc0_circuit_rv32im_cpu_accum();
        fn risc0_circuit_keccak_cpu_witgen();
        fn risc0_circuit_recursion_cpu_witgen();
        fn risc0_circuit_recursion_cpu_accum();
        fn risc0_circuit_recursion_cpu_eval_check();
    }

    #[no_mangle]
    #[allow(non_upper_case_globals)]
    pub static zkhost_witness_generators: [unsafe extern "C" fn(); 6] = [
        risc0_circuit_rv32im_cpu_witgen,
        risc0_circuit_rv32im_cpu_accum,
        risc0_circuit_keccak_cpu_witgen,
        risc0_circuit_recursion_cpu_witgen,
        risc0_circuit_recursion_cpu_accum,
        risc0_circuit_recursion_cpu_eval_check,
    ];
}
