//! Puts into OUT_DIR what the wheel holds beside Python and the library: `templates/`, for `zkhost new`;
//! `guest-crates/`, the crates that guests depend on; `data/`, the bundled guests of zkhost.methods. pyproject.toml
//! tells maturin where each goes. Nothing is written outside OUT_DIR.
//!
//! The guests are built by `bundled-guests` of the crate zkhost-guest-build, in a target folder of its own: as a build
//! dependency that crate would change the features of what risc0's C++ kernels are built with, and so build them anew
//! whenever this crate is built alone. RISC0_SKIP_BUILD=1 leaves the guests as they are. ZKHOST_BUNDLED_GUESTS names a
//! folder of built ones to take instead: a release builds them once, and each of its wheels has the same.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const BUNDLED_GUESTS: &str = "ZKHOST_BUNDLED_GUESTS";
const WATCHED_VARIABLES: [&str; 4] = [
    "ZKHOST_GUEST_TOOLCHAIN",
    "RISC0_SKIP_BUILD",
    "RISC0_HOME",
    BUNDLED_GUESTS,
];
const TEMPLATES: &str = "../templates";
const METHODS: &str = "../guest-methods";
/// Members of the guests' workspace that are not shipped, and what cargo makes there.
const UNSHIPPED: [&str; 2] = ["test-guests", "target"];
/// What working with a template leaves in it.
const LEFTOVERS: [&str; 3] = ["target", "__pycache__", ".pytest_cache"];
/// What a dependent does not need of a crate.
const UNNEEDED: [&str; 2] = ["target", "tests"];

fn main() {
    for name in WATCHED_VARIABLES {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    if !Path::new(METHODS).join("guests").is_dir() || !Path::new(TEMPLATES).is_dir() {
        return; // the crate alone, for its tests
    }
    for path in ["guest-build/src", "guest-build/Cargo.toml", TEMPLATES] {
        println!("cargo:rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    copy_sources(&out)
        .unwrap_or_else(|error| panic!("templates and guest crates cannot be copied: {error}"));
    if let Some(built) = env::var_os(BUNDLED_GUESTS).map(PathBuf::from) {
        println!("cargo:rerun-if-changed={}", built.display());
        let data = out.join("data");
        let _ = fs::remove_dir_all(&data);
        copy_folder(&built, &data, &[])
            .unwrap_or_else(|error| panic!("{BUNDLED_GUESTS}: {}: {error}", built.display()));
    } else if env::var_os("RISC0_SKIP_BUILD").is_none_or(|value| value.is_empty()) {
        build_guests(&out);
    }
}

/// The templates, the crates called zkhost-*, and the lock file that those were tried with.
fn copy_sources(out: &Path) -> io::Result<()> {
    let (templates, crates) = (out.join("templates"), out.join("guest-crates"));
    for stale in [&templates, &crates] {
        let _ = fs::remove_dir_all(stale);
        fs::create_dir_all(stale)?;
    }
    copy_folder(Path::new(TEMPLATES), &templates, &LEFTOVERS)?;
    for entry in fs::read_dir(METHODS)?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if UNSHIPPED.contains(&name.as_ref()) {
            continue;
        }
        println!("cargo:rerun-if-changed={METHODS}/{name}");
        if name.starts_with("zkhost-") {
            copy_folder(&entry.path(), &crates.join(name.as_ref()), &UNNEEDED)?;
        }
    }
    fs::copy(
        Path::new(METHODS).join("Cargo.lock"),
        crates.join("Cargo.lock"),
    )
    .map(drop)
}

fn copy_folder(from: &Path, to: &Path, without: &[&str]) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if without.contains(&entry.file_name().to_string_lossy().as_ref()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target, without)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn build_guests(out: &Path) {
    // Checkouts that share a target folder share OUT_DIR too; each builds in a folder of its own in it.
    let mut hasher = DefaultHasher::new();
    env::current_dir().unwrap_or_default().hash(&mut hasher);
    let work = out.join(format!("{:016x}", hasher.finish()));
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
        .arg(work.join("tool"))
        .arg("--")
        .arg(work.join("guests"))
        .arg(out.join("data"))
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
