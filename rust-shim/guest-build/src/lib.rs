//! Builds RISC Zero guests: finds a toolchain, runs cargo with the right flags, makes the program binary and its
//! image ID. Used by the shim (`zkhost build`) and by its build script (the guests bundled in the wheel).
//!
//! The same source gives the same image ID from any folder and any user's home (`wrapper`), a second project finds
//! its dependencies built (`shared`), and what is up to date is known to be so without asking cargo (`fresh`).

mod c_compiler;
mod cargo;
mod checks;
mod describe;
mod error;
mod fresh;
mod git;
mod guest_tests;
mod metadata;
mod places;
mod program;
mod real_paths;
mod shared;
mod survey;
mod sysroot;
mod toolchain;
mod unused_patch;
mod wrapper;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use cargo::rustc_flags;
pub use describe::{describe, Description};
pub use error::{Error, Result};
pub use guest_tests::{build_tests, TestProgram, TestReport, TestRequest};
pub use places::Places;
pub use program::{image_id_hex, Program};
pub use sysroot::build_sysroot;
pub use toolchain::{Origin, Toolchain, Versions};

use error::At;
use fresh::Record;
use metadata::Project;
use shared::Shared;

/// The triple of RISC Zero's guests.
pub const TARGET: &str = "riscv32im-risc0-zkvm-elf";

/// Who asked for a build: is shown cargo's output, and may cancel.
pub trait Host {
    /// Takes what cargo printed, as it comes.
    fn output(&mut self, bytes: &[u8]) -> Result<()>;
    /// Whether to stop.
    fn cancelled(&self) -> bool {
        false
    }
}

/// What to build.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The folder of the guest package.
    pub package: PathBuf,
    /// Only these bins; empty for all.
    pub bins: Vec<String>,
    /// Features of the guest package.
    pub features: Vec<String>,
    /// Variables for cargo and all that it runs.
    pub env: BTreeMap<String, String>,
    /// The folder of crates that stand for those of the same names on crates.io.
    pub crates: Option<PathBuf>,
    /// Files among the package's that these bins do not read: no change of theirs is one of the build.
    pub excluded: Vec<PathBuf>,
    /// Refuse to change Cargo.lock.
    pub locked: bool,
    /// Ask cargo even if nothing has changed.
    pub force: bool,
    /// With debug information, for profiles: the same code, though perhaps in another order.
    pub debug: bool,
    /// Where to build; by default `target/zkhost` in the package, with debug information `target/zkhost-debug`.
    pub target: Option<PathBuf>,
    /// The width of cargo's progress bar, in columns of a terminal; None for no bar and no colours.
    pub progress_width: Option<u16>,
}

/// A built guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// The bin's name.
    pub name: String,
    /// What cargo built.
    pub elf: PathBuf,
    /// The program binary made of it.
    pub program: PathBuf,
    /// The program binary's size.
    pub bytes: u64,
    /// The image ID, as 64 hex digits.
    pub image_id: String,
}

/// A built package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The package's name.
    pub package: String,
    /// Its programs, in the order of the manifest.
    pub guests: Vec<Guest>,
    /// The compiler and linker.
    pub toolchain: Toolchain,
    /// Their versions.
    pub versions: Versions,
    /// The rustc flags.
    pub flags: Vec<String>,
    /// The features of the guest package.
    pub features: Vec<String>,
    /// The SHA-256 of the project's sources.
    pub source: String,
    /// The files that went into it, and into the digest.
    pub sources: Vec<PathBuf>,
    /// Nothing had changed, and cargo was not asked.
    pub fresh: bool,
    /// Seconds.
    pub elapsed_s: f64,
}

/// Builds a guest package.
pub fn build(request: &Request, places: &Places, host: &mut dyn Host) -> Result<Report> {
    let started = Instant::now();
    let toolchain = Toolchain::find(places)?;
    let package = std::path::absolute(&request.package).at(&request.package)?;
    let target = match &request.target {
        Some(target) => std::path::absolute(target).at(target)?,
        None if request.debug => package.join("target/zkhost-debug"),
        None => package.join("target/zkhost"),
    };
    let record = record_path(&target, &package, request);
    if !request.force {
        if let Some(found) = Record::load(&record, request, &toolchain) {
            return Ok(Report {
                fresh: true,
                elapsed_s: started.elapsed().as_secs_f64(),
                ..found.report
            });
        }
    }
    let crates = request.crates.as_deref();
    let project = metadata::read(places, &toolchain, &package, request.locked, crates, host)?;
    make_target(&target)?;
    let mut report = run_cargo(request, places, &toolchain, &project, &target, host)?;
    report.elapsed_s = started.elapsed().as_secs_f64();
    Record::new(request, &toolchain, &project, &target, report.clone()).store(&record)?;
    Ok(report)
}

fn run_cargo(
    request: &Request,
    places: &Places,
    toolchain: &Toolchain,
    project: &Project,
    target: &Path,
    host: &mut dyn Host,
) -> Result<Report> {
    let names = wanted(request, project)?;
    let settings = project.package.risc0();
    if settings.kernel {
        return Err(Error::not_found(
            format!("{} is a kernel, not a guest", project.package.name),
            "build kernels with cargo risczero",
        ));
    }
    let versions = toolchain.versions()?;
    let flags = rustc_flags(&versions, &settings.rustc_flags);
    let shared = Shared::new(places, toolchain, &versions, &flags);
    shared.seed(target)?;

    let mut command = cargo::command(places, toolchain, &flags);
    command
        .arg("build")
        .args(cargo::target_args(toolchain))
        .arg("--manifest-path")
        .arg(&project.package.manifest_path)
        .arg("--target-dir")
        .arg(target)
        .args(cargo::patch_args(&project.patches))
        .args(request.locked.then_some("--locked"))
        .envs(&request.env)
        .current_dir(project.package.folder());
    c_compiler::apply(
        &mut command,
        places,
        toolchain,
        project.package.folder(),
        &request.env,
    );
    if !request.features.is_empty() {
        command.arg("--features").arg(request.features.join(","));
    }
    for bin in &request.bins {
        command.arg("--bin").arg(bin);
    }
    if request.debug {
        command
            .env("CARGO_PROFILE_RELEASE_DEBUG", "2")
            .env("CARGO_PROFILE_RELEASE_STRIP", "none");
    }
    if let Some(width) = request.progress_width {
        command
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", width.to_string())
            .env("CARGO_TERM_COLOR", "always");
    }
    wrapper::apply(&mut command, places, toolchain, project, target)?;
    let folder = target.join(TARGET).join("release");
    for name in &names {
        discard_damaged(name, &folder);
    }
    cargo::compile(command, "cargo build", project, host)?;
    shared.publish(target, &project.local, host)?;

    let guests = names
        .iter()
        .map(|name| make_program(name, &folder.join(name)))
        .collect::<Result<_>>()?;
    Ok(Report {
        package: project.package.name.clone(),
        guests,
        toolchain: toolchain.clone(),
        versions,
        flags,
        features: request.features.clone(),
        source: fresh::source_digest(project, target, &request.excluded)?,
        sources: fresh::sources(project, target, &request.excluded)
            .into_iter()
            .collect(),
        fresh: false,
        elapsed_s: 0.0,
    })
}

/// The bins to build: those asked for, else all.
fn wanted(request: &Request, project: &Project) -> Result<Vec<String>> {
    let package = &project.package;
    let bins = package.bins(&request.features);
    if let Some(missing) = request
        .bins
        .iter()
        .find(|name| !bins.contains(&name.as_str()))
    {
        return Err(Error::not_found(
            format!("package {} has no bin {missing}", package.name),
            format!("its bins: {}", bins.join(", ")),
        ));
    }
    if bins.is_empty() {
        return Err(Error::not_found(
            format!("package {} has no bin that can be built", package.name),
            "a guest is a bin: src/main.rs, src/bin/NAME.rs or [[bin]] in Cargo.toml; --features enables required ones",
        ));
    }
    let all = bins.iter().map(ToString::to_string);
    Ok(all
        .filter(|name| request.bins.is_empty() || request.bins.contains(name))
        .collect())
}

/// Has cargo link a program again that is there but no program: cargo itself goes by times alone.
fn discard_damaged(name: &str, folder: &Path) {
    let elf = folder.join(name);
    if !elf.exists() || Program::from_elf(&elf).is_ok() {
        return;
    }
    let _ = fs::remove_file(&elf);
    let made = format!("{}-", name.replace('-', "_"));
    for entry in fs::read_dir(folder.join("deps"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with(&made) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes the program binary next to the ELF, as risc0-build does: NAME.bin.
fn make_program(name: &str, elf: &Path) -> Result<Guest> {
    let program = Program::from_elf(elf)?;
    let path = elf.with_file_name(format!("{name}.bin"));
    fs::write(&path, &program.binary).at(&path)?;
    Ok(Guest {
        name: name.to_owned(),
        elf: elf.to_owned(),
        program: path,
        bytes: program.binary.len() as u64,
        image_id: image_id_hex(&program.image_id),
    })
}

/// Makes the target folder, which hides itself from git.
fn make_target(target: &Path) -> Result<()> {
    fs::create_dir_all(target).at(target)?;
    let ignore = target.join(".gitignore");
    if ignore.exists() {
        return Ok(());
    }
    fs::write(&ignore, "*\n").at(&ignore)
}

/// One record for each package and choice of features, bins and variables.
fn record_path(target: &Path, package: &Path, request: &Request) -> PathBuf {
    let Request {
        features,
        bins,
        env,
        ..
    } = request;
    let what = format!("{} {features:?} {bins:?} {env:?}", package.display());
    target.join(format!(
        "fresh-{}.json",
        hex::encode(&Sha256::digest(what)[..8])
    ))
}
