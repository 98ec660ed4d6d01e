//! Builds the guests that come with zkhost: `bundled-guests TARGET DATA` builds in TARGET and writes the programs and
//! their index into DATA. Run by the shim's build script, in the shim's folder; prints what that script must tell cargo.
//!
//! Without a guest toolchain there is a warning, and DATA is left out. Paths given to cargo are relative, so that checkouts
//! may share a target folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, io};

use guest_build::{Error, Places, Report, Request};

const GUESTS: &str = "../guest-methods/guests";
const INDEX: &str = "methods.json";

struct Stderr;

impl guest_build::Host for Stderr {
    fn output(&mut self, bytes: &[u8]) -> guest_build::Result<()> {
        let _ = io::stderr().write_all(bytes);
        Ok(())
    }
}

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(target), Some(data)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: bundled-guests TARGET DATA");
        return ExitCode::FAILURE;
    };
    let request = Request {
        package: GUESTS.into(),
        locked: true,
        target: Some(target),
        ..Request::default()
    };
    let failed = match guest_build::build(&request, &Places::from_env(), &mut Stderr) {
        Ok(report) => match store(&report, &data) {
            Ok(()) => {
                watch(&report);
                return ExitCode::SUCCESS;
            }
            Err(error) => format!("{}: {error}", data.display()),
        },
        Err(error @ Error::Toolchain { .. }) => {
            let _ = fs::remove_dir_all(&data);
            println!("cargo:warning=zkhost is built without its bundled guests: {error}");
            let hint = error.hint().unwrap_or_default();
            println!("cargo:warning=to have them: {hint}, then build zkhost again");
            return ExitCode::SUCCESS;
        }
        Err(error) => error.to_string(),
    };
    eprintln!("the bundled guests cannot be built: {failed} (RISC0_SKIP_BUILD=1 leaves them out)");
    ExitCode::FAILURE
}

/// Writes the programs and their index.
fn store(report: &Report, data: &Path) -> io::Result<()> {
    let _ = fs::remove_dir_all(data);
    fs::create_dir_all(data)?;
    let mut lines = Vec::new();
    for guest in &report.guests {
        fs::copy(&guest.program, data.join(format!("{}.bin", guest.name)))?;
        lines.push(format!("  \"{}\": \"{}\"", guest.name, guest.image_id));
    }
    fs::write(data.join(INDEX), format!("{{\n{}\n}}\n", lines.join(",\n")))
}

/// Has cargo run this again when a source or the toolchain changes.
fn watch(report: &Report) {
    let root = fs::canonicalize("..").unwrap_or_default();
    for source in &report.sources {
        if let Ok(inside) = source
            .canonicalize()
            .unwrap_or_default()
            .strip_prefix(&root)
        {
            println!("cargo:rerun-if-changed=../{}", inside.display());
        }
    }
    for program in [
        Some(&report.toolchain.rustc),
        report.toolchain.linker.as_ref(),
    ]
    .into_iter()
    .flatten()
    {
        println!("cargo:rerun-if-changed={}", program.display());
    }
}
