//! Runs cargo for the guest target: its environment, its output as it comes, its end on cancel.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::error::{At, Error, Result};
use crate::metadata::Project;
use crate::places::Places;
use crate::real_paths::{self, RealPaths};
use crate::toolchain::{Toolchain, Versions};
use crate::unused_patch::WithoutUnusedPatch;
use crate::{Host, TARGET};

/// Where user programs start in the zkVM's memory (risc0_zkvm_platform::memory::TEXT_START).
const TEXT_START: u32 = 0x0020_0800;
/// How often a running cargo is checked for cancellation.
const POLL: Duration = Duration::from_millis(50);
/// How much of cargo's output an error keeps.
const TAIL_BYTES: usize = 4000;

/// Variables of the caller's own build that must not reach the guest's.
const FOREIGN: [&str; 12] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_BOOTSTRAP",
    "RUSTUP_TOOLCHAIN",
    "CFLAGS",
    "CXXFLAGS",
    "CC",
    "CXX",
    "MAKEFLAGS",
];
/// Of cargo's own variables those that say where and how to get crates, and how to print.
const KEPT: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTRY_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// The rustc flags of a guest, as risc0-build sets them; `extra` is the guest's own `rustc-flags`.
pub fn rustc_flags(versions: &Versions, extra: &[String]) -> Vec<String> {
    // LLVM renamed the pass after rustc 1.81.
    let old = versions.rustc.starts_with("1.81.") || versions.rustc.starts_with("1.7");
    let lower_atomic = if old {
        "passes=loweratomic"
    } else {
        "passes=lower-atomic"
    };
    let text = format!("link-arg=-Ttext={TEXT_START:#010x}");
    let own = [
        "-C",
        lower_atomic,
        "-C",
        &text,
        "-C",
        "link-arg=--fatal-warnings",
        "-C",
        "panic=abort",
        "--cfg",
        "getrandom_backend=\"custom\"",
    ];
    let own = own.iter().map(ToString::to_string);
    extra.iter().cloned().chain(own).collect()
}

/// A cargo command in the environment of a guest build.
pub(crate) fn command(places: &Places, toolchain: &Toolchain, flags: &[String]) -> Command {
    let mut command = Command::new(&toolchain.cargo);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let cargos = text.starts_with("CARGO") && !KEPT.iter().any(|kept| text.starts_with(kept));
        if cargos || FOREIGN.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
        .env("CARGO_HOME", &places.cargo_home)
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    if let Some(linker) = &toolchain.linker {
        command.env("CARGO_TARGET_RISCV32IM_RISC0_ZKVM_ELF_LINKER", linker);
    }
    if toolchain.build_std {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    // Crates patched for the zkVM ask whether its big-integer accelerator is there.
    command.env("RISC0_FEATURE_bigint2", "");
    command
}

/// The arguments that make cargo take these crates, by name, for those of crates.io.
pub(crate) fn patch_args(patches: &[(String, PathBuf)]) -> Vec<String> {
    patches
        .iter()
        .flat_map(|(name, folder)| {
            let path = toml::Value::String(folder.to_string_lossy().into_owned());
            [
                "--config".to_owned(),
                format!("patch.crates-io.{name}.path={path}"),
            ]
        })
        .collect()
}

/// The error for output of cargo that is not as documented.
pub(crate) fn unexpected(error: serde_json::Error) -> Error {
    Error::Cargo {
        what: "cargo metadata".to_owned(),
        status: format!("unexpected output: {error}"),
        tail: String::new(),
    }
}

/// The arguments that make `cargo build` build for the guest.
pub(crate) fn target_args(toolchain: &Toolchain) -> Vec<&'static str> {
    args(
        toolchain,
        "-Zbuild-std=core,alloc,std,panic_abort,proc_macro",
    )
}

/// As `target_args`, with the harness that tests need.
pub(crate) fn test_target_args(toolchain: &Toolchain) -> Vec<&'static str> {
    args(
        toolchain,
        "-Zbuild-std=core,alloc,std,panic_abort,proc_macro,test",
    )
}

fn args(toolchain: &Toolchain, build_std: &'static str) -> Vec<&'static str> {
    let mut args = vec!["--release", "--target", TARGET];
    if toolchain.build_std {
        args.extend([build_std, "-Zbuild-std-features=compiler-builtins-mem"]);
    }
    args
}

/// Runs the command given as arguments in this process, and ends its group when standard input ends: when we say so, and
/// when we are gone.
const GUARD: &str = r#"exec 3<&0
(read -r _ <&3; kill -s KILL -- "-$$") >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null"#;

/// Runs a command, handing its standard error to `host` as it comes; returns its standard output.
pub(crate) fn run(command: Command, what: &str, host: &mut dyn Host) -> Result<Vec<u8>> {
    let program = command.get_program().to_owned();
    let mut child = guarded(&command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that the compilers end with cargo.
        .process_group(0)
        .spawn()
        .at(Path::new(&program))?;
    // Taken out of the child, since waiting for it would close it; closed on every way out of here.
    let guard = child.stdin.take();
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        stdout.map(|mut pipe| pipe.read_to_end(&mut text));
        text
    });
    let tail = match stream(&mut child, host) {
        Ok(tail) => tail,
        Err(error) => {
            drop(guard);
            let _ = child.wait();
            return Err(error);
        }
    };
    let status = child.wait().at(Path::new(&program))?;
    let output = reader.join().unwrap_or_default();
    if !status.success() {
        return Err(Error::Cargo {
            what: what.to_owned(),
            status: status.to_string(),
            tail: String::from_utf8_lossy(&tail).into_owned(),
        });
    }
    Ok(output)
}

/// As `run`, for a project's crates: with the real paths in what is shown, and without what is of no use to the user.
pub(crate) fn compile(
    command: Command,
    what: &str,
    project: &Project,
    host: &mut dyn Host,
) -> Result<Vec<u8>> {
    let mut shown = WithoutUnusedPatch::new(host);
    let mut paths = RealPaths::new(&mut shown, &project.local);
    let ended = run(command, what, &mut paths);
    paths.finish()?;
    shown.finish()?;
    ended.map_err(|error| real_paths::in_error(error, &project.local))
}

/// The same command under the guard.
fn guarded(command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", GUARD, "sh"]).arg(command.get_program());
    shell.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// Hands the child's standard error over until it ends; returns its tail.
fn stream(child: &mut Child, host: &mut dyn Host) -> Result<Vec<u8>> {
    let (sender, receiver) = channel();
    let mut pipe = child.stderr.take();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Some(Ok(count @ 1..)) = pipe.as_mut().map(|pipe| pipe.read(&mut buffer)) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut tail = Vec::new();
    loop {
        if host.cancelled() {
            return Err(Error::Cancelled);
        }
        match receiver.recv_timeout(POLL) {
            Ok(bytes) => {
                tail.extend_from_slice(&bytes);
                let surplus = tail.len().saturating_sub(TAIL_BYTES);
                tail.drain(..surplus);
                host.output(&bytes)?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(tail),
        }
    }
}

#[cfg(test)]
#[path = "cargo_tests.rs"]
mod tests;
