//! Builds the guests that come with zkhost and puts them where the wheel picks them up: zkhost/methods/data.
//! Run by the shim's build script, in the shim's folder; prints what that script must tell cargo.
//!
//! Without a guest toolchain there is a warning, and the wheel is without them. Paths given to cargo are relative, so that
//! checkouts may share a target folder.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;
use std::{env, io};

use guest_build::{Error, Places, Report, Request};

const GUESTS: &str = "../guest-methods/guests";
const DATA: &str = "../zkhost/methods/data";
const INDEX: &str = "methods.json";

struct Stderr;

impl guest_build::Host for Stderr {
    fn output(&mut self, bytes: &[u8]) -> guest_build::Result<()> {
        let _ = io::stderr().write_all(bytes);
        Ok(())
    }
}

/// The one argument is the folder to build in.
fn main() -> ExitCode {
    let request = Request {
        package: GUESTS.into(),
        locked: true,
        target: env::args_os().nth(1).map(PathBuf::from),
        ..Request::default()
    };
    let failed = match guest_build::build(&request, &Places::from_env(), &mut Stderr) {
        Ok(report) => match store(&report) {
            Ok(()) => return watch(&report),
            Err(error) => format!("{DATA}: {error}"),
        },
        Err(error @ Error::Toolchain { .. }) => {
            let _ = fs::remove_dir_all(DATA);
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

/// Writes the programs and their index, leaving what has not changed.
fn store(report: &Report) -> io::Result<()> {
    fs::create_dir_all(DATA)?;
    let mut lines = Vec::new();
    for guest in &report.guests {
        put(
            &format!("{}.bin", guest.name),
            &fs::read(&guest.program)?,
            report,
        )?;
        lines.push(format!("  \"{}\": \"{}\"", guest.name, guest.image_id));
    }
    put(
        INDEX,
        format!("{{\n{}\n}}\n", lines.join(",\n")).as_bytes(),
        report,
    )?;
    let known = |name: &str| {
        name == INDEX
            || report
                .guests
                .iter()
                .any(|guest| name == format!("{}.bin", guest.name))
    };
    for entry in fs::read_dir(DATA)?.flatten() {
        if !known(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn put(name: &str, content: &[u8], report: &Report) -> io::Result<()> {
    let path = Path::new(DATA).join(name);
    if fs::read(&path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(&path, content)?;
    // As old as the sources: cargo would take a file newer than this run for a change, and run this again.
    let modified = |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let newest = report.sources.iter().filter_map(modified).max();
    File::options()
        .write(true)
        .open(&path)?
        .set_modified(newest.unwrap_or(SystemTime::UNIX_EPOCH))
}

/// Has cargo run this again when a source changes or a program is gone.
fn watch(report: &Report) -> ExitCode {
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
    println!("cargo:rerun-if-changed={GUESTS}/src/bin");
    println!("cargo:rerun-if-changed={DATA}/{INDEX}");
    for guest in &report.guests {
        println!("cargo:rerun-if-changed={DATA}/{}.bin", guest.name);
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
    ExitCode::SUCCESS
}
