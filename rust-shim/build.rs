//! Has the guests that come with zkhost built and put where the wheel picks them up.
//!
//! The work is done by `bundled-guests` of the crate zkhost-guest-build, built in a target folder of its own: as a build
//! dependency that crate would change the features of what risc0's C++ kernels are built with, and so build them anew
//! whenever this crate is built alone. RISC0_SKIP_BUILD=1 leaves the guests as they are.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

const WATCHED_VARIABLES: [&str; 3] = ["ZKHOST_GUEST_TOOLCHAIN", "RISC0_SKIP_BUILD", "RISC0_HOME"];
const WATCHED: [&str; 6] = [
    "build.rs",
    "guest-build/src",
    "guest-build/Cargo.toml",
    "../guest-methods/Cargo.toml",
    "../guest-methods/Cargo.lock",
    "../guest-methods/guests/src/bin",
];

fn main() {
    for name in WATCHED_VARIABLES {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    let skip = env::var_os("RISC0_SKIP_BUILD").is_some_and(|value| !value.is_empty());
    if skip || !Path::new("../guest-methods/guests").is_dir() || !Path::new("../zkhost").is_dir() {
        return;
    }
    for path in WATCHED {
        println!("cargo:rerun-if-changed={path}");
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
