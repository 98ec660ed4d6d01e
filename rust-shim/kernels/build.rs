//! Compiles what risc0's circuits need on the CPU from risc0's own sources, where cargo unpacked them.
//!
//! Of each circuit, `definitions.rs` includes the constraint polynomial as data (`poly_ext.rs`, `taps.rs`), which this
//! crate evaluates. With RISC0_SKIP_BUILD_KERNELS set, risc0's own build scripts compile no C++: then the witness
//! generators are compiled here, and the generated C++ of the polynomials, most of a build's time, never is. Without it
//! the circuits' libraries are whole, and this crate only takes the polynomials' place.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

mod packages;

use packages::Packages;

struct Circuit {
    name: &'static str,
    /// Where its crate has poly_ext.rs and taps.rs.
    definition: &'static str,
}

const CIRCUITS: [Circuit; 3] = [
    Circuit {
        name: "rv32im",
        definition: "src/zirgen",
    },
    Circuit {
        name: "keccak",
        definition: "src/zirgen",
    },
    Circuit {
        name: "recursion",
        definition: "src",
    },
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=packages.rs");
    println!("cargo:rerun-if-env-changed=RISC0_SKIP_BUILD_KERNELS");
    let packages = Packages::find();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("definitions.rs"), definitions(&packages)).expect("OUT_DIR can be written");
    if env::var_os("RISC0_SKIP_BUILD_KERNELS").is_some() {
        println!("cargo:rustc-cfg=witness_generators");
        compile(&packages);
    }
    println!("cargo:rustc-check-cfg=cfg(witness_generators)");
}

/// A module for each circuit with risc0's own definition of its polynomial and its taps.
fn definitions(packages: &Packages) -> String {
    let mut text = String::new();
    for Circuit { name, definition } in CIRCUITS {
        let folder = packages
            .folder(&format!("risc0-circuit-{name}"))
            .join(definition);
        let [polynomial, taps] = ["poly_ext.rs", "taps.rs"].map(|file| folder.join(file));
        write!(
            text,
            "pub mod {name} {{\n    pub struct CircuitImpl;\n    #[path = {polynomial:?}]\n    pub mod polynomial;\n    \
             #[path = {taps:?}]\n    pub mod taps;\n}}\n"
        )
        .expect("a String takes everything");
    }
    text
}

/// Compiles each circuit's C++ but its polynomial.
fn compile(packages: &Packages) {
    let headers = env::var_os("DEP_RISC0_SYS_CXX_ROOT").expect("risc0-sys tells where fp.h is");
    println!("cargo:rerun-if-changed=cxx");
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .debug(false)
        .warnings(false)
        // Before risc0's, of which two are replaced.
        .include("cxx/replaced")
        .include(headers)
        .std("c++17")
        .file("cxx/polynomials.cpp");
    for Circuit { name, .. } in CIRCUITS {
        let folder = packages
            .folder(&format!("risc0-circuit-{name}-sys"))
            .join("kernels/cxx");
        println!("cargo:rerun-if-changed={}", folder.display());
        build.files(sources(&folder));
    }
    build.compile("zkhost_kernels");
}

/// The C++ files of a folder that are not a polynomial's, largest first: they take longest.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(u64, PathBuf)> = entries
        .map(|entry| entry.expect("a folder that can be read"))
        .filter(|entry| {
            let path = entry.path();
            let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
            let polynomial = name.contains("poly_fp") || name == "eval_check";
            path.extension() == Some(OsStr::new("cpp")) && !polynomial
        })
        .map(|entry| (entry.metadata().map_or(0, |data| data.len()), entry.path()))
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| path).collect()
}
