//! Compiles risc0's rv32im prover once more, from where cargo unpacked it, without the checks that it makes of itself.
//!
//! Nothing else is changed: what is executed, the trace, the witness, the circuit's polynomial and the protocol are
//! risc0's. A change that no longer fits the source ends the build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../rust-shim/kernels/packages.rs"]
mod packages;

use packages::Packages;

struct Change {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const PROVER: [Change; 13] = [
    Change {
        file: "lib.rs",
        from: "#![cfg_attr(not(feature = \"std\"), no_std)]",
        to: "",
    },
    // For what is altered.
    Change {
        file: "prove/mod.rs",
        from: "mod hal;",
        to: "pub(crate) mod hal;",
    },
    Change {
        file: "prove/mod.rs",
        from: "mod witgen;",
        to: "pub(crate) mod witgen;",
    },
    // The check of the trace, in integers.
    Change {
        file: "prove/witgen/byte_poly.rs",
        from: "self.total.eqz()?;",
        to: "",
    },
    // The check of the accumulated columns, at z.
    Change {
        file: "prove/witgen/byte_poly.rs",
        from: "ensure!(goal == ExtVal::ZERO, \"Invalid eqz in bigint accum\");",
        to: "crate::alteration::check(goal == ExtVal::ZERO);",
    },
    // Columns are accumulated from the witness, altered or not, in place of the trace.
    Change {
        file: "prove/witgen/byte_poly.rs",
        from: "pub(crate) fn step(&mut self, state: &BigIntState) -> Result<()> {\n        let delta_poly = state\n            .bytes\n",
        to: "pub(crate) fn step(&mut self, state: &BigIntState, bytes: [crate::zirgen::circuit::Val; 16]) -> Result<()> {\n        let delta_poly = bytes\n",
    },
    Change {
        file: "prove/witgen/byte_poly.rs",
        from: "acc + *power * ExtVal::from_u32(*coeff as u32)",
        to: "acc + *power * ExtVal::from(*coeff)",
    },
    Change {
        file: "prove/witgen/mod.rs",
        from: "bigint_accum.step(state)?;",
        to: "bigint_accum.step(state, crate::alteration::bytes(&self.data, row))?;",
    },
    Change {
        file: "prove/witgen/mod.rs",
        from: "hal.eltwise_zeroize_elem(&data.buf);",
        to: "hal.eltwise_zeroize_elem(&data.buf);\n            crate::alteration::alter(trace, &data);",
    },
    // A column that was injected may be computed otherwise.
    Change {
        file: "prove/witgen/mod.rs",
        from: "MetaBuffer::new(\"accum\", hal, cycles, REGCOUNT_ACCUM, true)",
        to: "MetaBuffer::new(\"accum\", hal, cycles, REGCOUNT_ACCUM, false)",
    },
    Change {
        file: "prove/hal/mod.rs",
        from: "let mix = witgen.accum(hal.as_ref(), circuit_hal.as_ref(), &mix)?;",
        to: "let mix = witgen.accum(hal.as_ref(), circuit_hal.as_ref(), &mix)?;\n                crate::alteration::inspect(&witgen, &mix);",
    },
    // The C++ below.
    Change {
        file: "prove/hal/cpu.rs",
        from: "    risc0_circuit_rv32im_cpu_accum, risc0_circuit_rv32im_cpu_poly_fp,\n    risc0_circuit_rv32im_cpu_witgen, RawAccumBuffers,",
        to: "    risc0_circuit_rv32im_cpu_poly_fp, RawAccumBuffers,",
    },
    Change {
        file: "prove/hal/cpu.rs",
        from: "use risc0_core::scope;",
        to: "use crate::alteration::kernels::{risc0_circuit_rv32im_cpu_accum, risc0_circuit_rv32im_cpu_witgen};\nuse risc0_core::scope;",
    },
];

/// No constraint is checked while columns are computed.
const KERNELS: [Change; 1] = [Change {
    file: "witgen.h",
    from: "#define EQZ(val, loc) eqz(ctx, val, loc)",
    to: "#define EQZ(val, loc)",
}];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../rust-shim/kernels/packages.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let packages = Packages::find();
    let prover = packages.folder("risc0-circuit-rv32im").join("src");
    altered(&prover, &out.join("prover"), &PROVER);

    let kernels = packages
        .folder("risc0-circuit-rv32im-sys")
        .join("kernels/cxx");
    let copied = out.join("kernels");
    altered(&kernels, &copied, &KERNELS);
    cc::Build::new()
        .cpp(true)
        .debug(false)
        .warnings(false)
        .include(env::var_os("DEP_RISC0_SYS_CXX_ROOT").expect("risc0-sys tells where fp.h is"))
        .std("c++17")
        // Beside risc0's own in one program.
        .define("rv32im_v2", "rv32im_altered")
        .define("risc0_circuit_rv32im_cpu_witgen", "altered_rv32im_witgen")
        .define("risc0_circuit_rv32im_cpu_accum", "altered_rv32im_accum")
        .file(copied.join("steps.cpp"))
        .file(copied.join("ffi.cpp"))
        .compile("zkhost_altered_kernels");
}

/// Copies a folder of sources, changed.
fn altered(from: &Path, to: &Path, changes: &[Change]) {
    copy(from, to);
    for Change {
        file,
        from,
        to: with,
    } in changes
    {
        let path = to.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(text.matches(from).count(), 1, "in {file}: {from}");
        fs::write(&path, text.replace(from, with)).expect("OUT_DIR can be written");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("OUT_DIR can be written");
    for entry in fs::read_dir(from).expect("a folder of sources") {
        let path = entry.expect("a folder that can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::write(target, fs::read(&path).expect("a source")).expect("OUT_DIR can be written");
        }
    }
}
