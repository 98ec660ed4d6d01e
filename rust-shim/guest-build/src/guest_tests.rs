//! Builds a guest package's own tests for the zkVM, as `cargo risczero guest test` does: cargo's harness, the guest's flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::{At, Error, Result};
use crate::places::Places;
use crate::shared::Shared;
use crate::toolchain::Toolchain;
use crate::{c_compiler, cargo, make_program, make_target, metadata, wrapper, Guest, Host, TARGET};

/// The harness reads its arguments and environment, which a guest can only where risc0-zkvm-platform has these features;
/// and no option of cargo turns on a feature of a crate that the package does not name itself.
const HARNESS: [&str; 4] = [
    "--cfg",
    "feature=\"sys-args\"",
    "--cfg",
    "feature=\"sys-getenv\"",
];

/// What to build the tests of.
#[derive(Clone, Debug, Default)]
pub struct TestRequest {
    /// The folder of the package.
    pub package: PathBuf,
    /// Features of the package.
    pub features: Vec<String>,
    /// Variables for cargo and all that it runs.
    pub env: BTreeMap<String, String>,
    /// The folder of crates that stand for those of the same names on crates.io.
    pub crates: Option<PathBuf>,
    /// Refuse to change Cargo.lock.
    pub locked: bool,
    /// Where to build; by default `target/zkhost-test` in the package.
    pub target: Option<PathBuf>,
    /// The width of cargo's progress bar, in columns of a terminal; None for no bar and no colours.
    pub progress_width: Option<u16>,
}

/// The programs with a package's tests.
#[derive(Clone, Debug, Serialize)]
pub struct TestReport {
    /// The package's name.
    pub package: String,
    /// One program for each target with tests: the library, each bin, each file in tests/.
    pub programs: Vec<TestProgram>,
    /// Seconds.
    pub elapsed_s: f64,
}

/// A program with tests.
#[derive(Clone, Debug, Serialize)]
pub struct TestProgram {
    /// What cargo calls the target: lib, bin or test.
    pub kind: String,
    /// The program.
    #[serde(flatten)]
    pub guest: Guest,
}

/// A line of cargo's JSON.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<metadata::Target>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds the tests of a package in release mode, the code that is proved.
pub fn build_tests(
    request: &TestRequest,
    places: &Places,
    host: &mut dyn Host,
) -> Result<TestReport> {
    let started = Instant::now();
    let toolchain = Toolchain::find(places)?;
    need_harness(&toolchain)?;
    let package = std::path::absolute(&request.package).at(&request.package)?;
    let target = match &request.target {
        Some(target) => std::path::absolute(target).at(target)?,
        None => package.join("target/zkhost-test"),
    };
    let crates = request.crates.as_deref();
    let project = metadata::read(places, &toolchain, &package, request.locked, crates, host)?;
    make_target(&target)?;
    let versions = toolchain.versions()?;
    let mut flags = cargo::rustc_flags(&versions, &project.package.risc0().rustc_flags);
    flags.extend(HARNESS.map(str::to_owned));
    let shared = Shared::new(places, &toolchain, &versions, &flags);
    shared.seed(&target)?;

    let mut command = cargo::command(places, &toolchain, &flags);
    command
        .arg("test")
        .args(["--no-run", "--message-format=json-render-diagnostics"])
        .args(cargo::test_target_args(&toolchain))
        .arg("--manifest-path")
        .arg(&project.package.manifest_path)
        .arg("--target-dir")
        .arg(&target)
        .args(cargo::patch_args(&project.patches))
        .args(request.locked.then_some("--locked"))
        .envs(&request.env)
        .current_dir(project.package.folder());
    c_compiler::apply(
        &mut command,
        places,
        &toolchain,
        project.package.folder(),
        &request.env,
    );
    if !request.features.is_empty() {
        command.arg("--features").arg(request.features.join(","));
    }
    if let Some(width) = request.progress_width {
        command
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", width.to_string())
            .env("CARGO_TERM_COLOR", "always");
    }
    wrapper::apply(&mut command, places, &toolchain, &project, &target)?;
    let output = cargo::compile(command, "cargo test --no-run", &project, host)?;
    shared.publish(&target, &project.local, host)?;
    Ok(TestReport {
        package: project.package.name.clone(),
        programs: programs(&output)?,
        elapsed_s: started.elapsed().as_secs_f64(),
    })
}

/// The test programs that cargo's messages name, each made a program binary.
fn programs(output: &[u8]) -> Result<Vec<TestProgram>> {
    let mut found = Vec::new();
    for line in output.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<Message>(line) else {
            continue;
        };
        let (Some(elf), Some(target)) = (message.executable, message.target) else {
            continue;
        };
        if message.profile.is_some_and(|profile| profile.test) {
            // cargo ends the file's name in a hash, which may change: the program is named for the target.
            let guest = make_program(file_name(&elf), &elf)?;
            found.push(TestProgram {
                kind: target.kind.first().cloned().unwrap_or_default(),
                guest: Guest {
                    name: target.name,
                    ..guest
                },
            });
        }
    }
    Ok(found)
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("test")
}

/// A prebuilt std may lack the test harness.
fn need_harness(toolchain: &Toolchain) -> Result<()> {
    if toolchain.build_std {
        return Ok(());
    }
    let libraries = toolchain.root.join("lib/rustlib").join(TARGET).join("lib");
    let has_test = std::fs::read_dir(&libraries)
        .at(&libraries)?
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libtest-"));
    if has_test {
        return Ok(());
    }
    Err(Error::toolchain(
        format!("{} has no test harness for guests", libraries.display()),
        "run `zkhost build-toolchain` again: it builds the harness too",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_are_taken_from_cargos_messages() {
        let lines = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"a","kind":["lib"]},"profile":{"test":false},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"a","kind":["bin"]},"profile":{"test":false},"executable":"/x/a"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert!(programs(lines.as_bytes()).unwrap().is_empty());
    }
}
