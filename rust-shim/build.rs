//! Puts where the wheel picks them up: the crate zkhost-guest, for `zkhost new`, and the built guests of zkhost.methods.
//!
//! The work is done by `bundled-guests` of the crate zkhost-guest-build, built in a target folder of its own: as a build
//! dependency that crate would change the features of what risc0's C++ kernels are built with, and so build them anew
//! whenever this crate is built alone. RISC0_SKIP_BUILD=1 leaves the guests as they are.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

const WATCHED_VARIABLES: [&str; 3] = ["ZKHOST_GUEST_TOOLCHAIN", "RISC0_SKIP_BUILD", "RISC0_HOME"];
const CRATE: &str = "../guest-methods/zkhost-guest";
const CRATE_COPY: &str = "../zkhost/_guest_crate";
const WATCHED: [&str; 10] = [
    "build.rs",
    "guest-build/src",
    "guest-build/Cargo.toml",
    "../guest-methods/Cargo.toml",
    "../guest-methods/Cargo.lock",
    "../guest-methods/guests/src/bin",
    "../guest-methods/zkhost-guest/Cargo.toml",
    "../guest-methods/zkhost-guest/src",
    "../guest-methods/zkhost-nn/Cargo.toml",
    "../guest-methods/zkhost-nn/src",
];

fn main() {
    for name in WATCHED_VARIABLES {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    if !Path::new("../guest-methods/guests").is_dir() || !Path::new("../zkhost").is_dir() {
        return;
    }
    for path in WATCHED {
        println!("cargo:rerun-if-changed={path}");
    }
    copy_crate().unwrap_or_else(|error| panic!("{CRATE_COPY}: {error}"));
    if env::var_os("RISC0_SKIP_BUILD").is_some_and(|value| !value.is_empty()) {
        return;
    }
    // Checkouts that share a target folder share OUT_DIR too; each has a folder of its own in it.
    let mut hasher = DefaultHasher::new();
    env::current_dir().unwrap_or_default().hash(&mut hasher);
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default())
        .join(format!("{:016x}", hasher.finish()));
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args([
            "run",
            "--release",
            "--locked",
            "--quiet",
            "--manifest-path",
            "guest-build/Cargo.toml",
        ])
        .args(["--bin", "bundled-guests", "--target-dir"])
        .arg(out.join("tool"))
        .arg("--")
        .arg(out.join("guests"))
        // The flags are for the machine that the shim is built for; the tool runs here.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the bundled guests could not be built ({status}): see above"),
        Err(error) => panic!("cargo could not be run: {error}"),
    }
}

/// The crate's sources as they are now, and the lock file they were tried with.
fn copy_crate() -> io::Result<()> {
    let copy = Path::new(CRATE_COPY);
    let _ = fs::remove_dir_all(copy);
    copy_folder(
        &Path::new(CRATE).join("src"),
        &copy.join("zkhost-guest/src"),
    )?;
    fs::copy(
        Path::new(CRATE).join("Cargo.toml"),
        copy.join("zkhost-guest/Cargo.toml"),
    )?;
    fs::copy("../guest-methods/Cargo.lock", copy.join("Cargo.lock")).map(drop)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
