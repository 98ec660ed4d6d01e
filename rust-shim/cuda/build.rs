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
    if env::var_os("CARGO_FEATURE_KERNELS").is_some() {
        compile();
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

/// A folder that the build script of a dependency names.
fn of_dependency(name: &str) -> PathBuf {
    env::var_os(format!("DEP_{name}"))
        .unwrap_or_else(|| panic!("no dependency tells {name}"))
        .into()
}

/// The kernels of risc0-circuit-rv32im-sys, which tells nobody where it is: beside risc0-sys, under its name, and its
/// version where cargo's packages are not vendored.
fn circuit(headers: &Path) -> PathBuf {
    let name = "risc0-circuit-rv32im-sys";
    let packages = headers.ancestors().nth(2).expect("two folders up");
    let sys = headers.ancestors().nth(1).and_then(Path::file_name);
    let version = sys
        .and_then(|folder| folder.to_str())
        .and_then(|folder| folder.strip_prefix("risc0-sys"))
        .expect("risc0-sys is in a folder of its name");
    if version.is_empty() {
        return packages.join(name).join("kernels/cuda");
    }
    let mut found: Vec<PathBuf> = entries(packages)
        .into_iter()
        .filter(|path| {
            let folder = path.file_name().and_then(|folder| folder.to_str());
            let rest = folder.and_then(|folder| folder.strip_prefix(name)?.strip_prefix('-'));
            rest.is_some_and(|rest| rest == SYS_VERSION)
        })
        .collect();
    assert_eq!(
        found.len(),
        1,
        "{name} {SYS_VERSION} in {}",
        packages.display()
    );
    found.remove(0).join("kernels/cuda")
}

/// The version of risc0-circuit-rv32im-sys in Cargo.lock; another one would not match the Rust side.
const SYS_VERSION: &str = "4.0.3";

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
    let mut files = entries(folder);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cu"));
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder that can be read").path())
        .collect();
    paths.sort();
    paths
}
