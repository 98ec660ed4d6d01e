//! Compiles risc0's CUDA kernels that proving a segment takes, from risc0's own sources, where cargo unpacked them: the
//! field, hashes and transforms of risc0-sys, and the circuit rv32im.
//!
//! The kernels of keccak and recursion take an hour and more to compile and are left out: those circuits prove on the CPU.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// What risc0-sys's own build script compiles of its folder.
const FIELD_KERNELS: [&str; 7] = [
    "combos.cu",
    "eltwise.cu",
    "ffi.cu",
    "kernels.cu",
    "sha.cu",
    "supra/api.cu",
    "supra/ntt.cu",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RISC0_SKIP_BUILD_KERNELS");
    if env::var_os("CARGO_FEATURE_KERNELS").is_some() {
        // Without the variable risc0's own scripts compile them.
        if env::var_os("RISC0_SKIP_BUILD_KERNELS").is_some() {
            compile();
        }
        link_driver();
    }
}

fn compile() {
    println!("cargo:rerun-if-env-changed=NVCC_PREPEND_FLAGS");
    println!("cargo:rerun-if-env-changed=NVCC_APPEND_FLAGS");
    let field = of_dependency("RISC0_SYS_CUDA_ROOT");
    let headers = of_dependency("RISC0_SYS_CXX_ROOT");
    let sppark = of_dependency("SPPARK_ROOT");
    nvcc()
        .flag("-DFEATURE_BABY_BEAR")
        .include(&headers)
        .include(of_dependency("BLST_C_SRC"))
        .include(&sppark)
        .files(FIELD_KERNELS.map(|file| field.join(file)))
        .compile("zkhost_cuda_field");
    nvcc()
        .flag("-Xptxas")
        .flag("-O3")
        .include(&field)
        .include(&headers)
        .include(&sppark)
        .files(kernels(&circuit(&headers)))
        .compile("zkhost_cuda_rv32im");
}

/// Links the driver's library, which the toolkit has a stand-in for. risc0's dependencies do so too, unless DOCS_RS is
/// set, which here stands for a build without the recursion programs.
fn link_driver() {
    println!("cargo:rerun-if-env-changed=CUDA_PATH");
    println!("cargo:rustc-link-lib=dylib=cuda");
    if let Some(toolkit) = env::var_os("CUDA_PATH").map(PathBuf::from) {
        for folder in ["lib64", "lib64/stubs"] {
            println!(
                "cargo:rustc-link-search=native={}",
                toolkit.join(folder).display()
            );
        }
    }
}

/// A folder that the build script of a dependency names.
fn of_dependency(name: &str) -> PathBuf {
    env::var_os(format!("DEP_{name}"))
        .unwrap_or_else(|| panic!("no dependency tells {name}"))
        .into()
}

/// The kernels of risc0-circuit-rv32im-sys, whose build script does not export its folder: beside risc0-sys, under its name, and the
/// version of Cargo.lock unless cargo's packages are vendored.
fn circuit(headers: &Path) -> PathBuf {
    let name = "risc0-circuit-rv32im-sys";
    let packages = headers.ancestors().nth(2).expect("two folders up");
    let lock = fs::read_to_string("../../Cargo.lock").expect("the workspace's Cargo.lock");
    let locked = format!("name = \"{name}\"\nversion = \"");
    let (_, rest) = lock.split_once(&locked).expect("the circuit is locked");
    let version = rest.split('"').next().unwrap_or_default();
    let found = [format!("{name}-{version}"), name.to_owned()]
        .map(|folder| packages.join(folder).join("kernels/cuda"))
        .into_iter()
        .find(|folder| folder.is_dir());
    found.unwrap_or_else(|| panic!("no {name} {version} in {}", packages.display()))
}

/// NVIDIA's compiler, of NVCC or PATH, with the flags that risc0's build scripts pass.
fn nvcc() -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cuda(true)
        .cudart("static")
        .debug(false)
        .ccbin(env::var_os("NVCC_CCBIN").is_none())
        .flag("-std=c++17")
        .flag("-diag-suppress=177,550,2922")
        .flag("-Xcompiler")
        .flag("-Wno-missing-braces,-Wno-unused-function,-Wno-unused-parameter");
    if env::var_os("NVCC_PREPEND_FLAGS").is_none() && env::var_os("NVCC_APPEND_FLAGS").is_none() {
        build.flag("-arch=native");
    }
    build
}

fn kernels(folder: &Path) -> Vec<PathBuf> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder that can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cu"))
        .collect();
    files.sort();
    files
}
