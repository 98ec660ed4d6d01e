//! Finds a Rust toolchain that can build guests.
//!
//! | order | what                                                        | std for the guest      |
//! |-------|-------------------------------------------------------------|------------------------|
//! | 1     | what ZKHOST_GUEST_TOOLCHAIN names                           | inside, or from source |
//! | 2     | rzup's (`~/.risc0/toolchains`, its default or newest)       | inside                 |
//! | 3     | a sysroot made by `zkhost build-toolchain`                  | inside                 |
//! | 4     | Debian's `rustc-web`, `cargo-web`, `rust-web-src` in `/usr` | from source            |

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::places::Places;
use crate::{git, TARGET};

/// The oldest rustc that builds risc0-zkvm 3.0.6.
const OLDEST_RUSTC: [u64; 2] = [1, 88];
/// Written by `zkhost build-toolchain` into its sysroots.
pub(crate) const SYSROOT_RECORD: &str = "zkhost.toml";

/// Where a toolchain comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// ZKHOST_GUEST_TOOLCHAIN.
    Named,
    /// rzup.
    Rzup,
    /// `zkhost build-toolchain`.
    Zkhost,
    /// Debian's packages.
    Debian,
}

/// A toolchain that builds guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// Where it comes from.
    pub origin: Origin,
    /// The folder with bin/rustc.
    pub root: PathBuf,
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo that goes with it.
    pub cargo: PathBuf,
    /// The linker, where the compiler brings none of its own.
    pub linker: Option<PathBuf>,
    /// Whether std must be built from source with every first build.
    pub build_std: bool,
    /// The compiler of rzup's C++ component.
    pub c_compiler: Option<PathBuf>,
}

/// What `rustc -vV` and the linker say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// As in "1.96.0".
    pub rustc: String,
    /// The commit rustc was built from.
    pub commit: String,
    /// The triple of this machine.
    pub host: String,
    /// As in "LLD 14.0.6", or "rustc's own".
    pub linker: String,
}

/// What a sysroot of ours records about itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SysrootRecord {
    pub rustc: PathBuf,
    pub cargo: PathBuf,
    pub version: String,
}

impl Toolchain {
    /// The first toolchain in the order above.
    pub fn find(places: &Places) -> Result<Self> {
        if let Some(name) = &places.toolchain {
            return Self::named(places, name);
        }
        if let Some(found) = Self::rzup(places).or_else(|| Self::zkhost(places)) {
            return Ok(found);
        }
        Self::debian(places).map_err(|missing| {
            Error::toolchain(
                format!(
                    "no guest toolchain: none of rzup's in {}, no sysroot in {}, and of Debian's set: {missing}",
                    places.risc0_home.join("toolchains").display(),
                    places.toolchains().display(),
                ),
                "run `zkhost install`, or name a toolchain in ZKHOST_GUEST_TOOLCHAIN",
            )
        })
    }

    /// A toolchain to ask about packages with: that of builds, else whatever cargo is on PATH.
    pub(crate) fn for_metadata(places: &Places) -> Result<Self> {
        Self::find(places).or_else(|missing| {
            let programs = places.program("cargo").zip(places.program("rustc"));
            let (cargo, rustc) = programs.ok_or(missing)?;
            Ok(Self {
                origin: Origin::Named,
                root: rustc.parent().unwrap_or(Path::new("/")).to_owned(),
                rustc,
                cargo,
                linker: None,
                build_std: false,
                c_compiler: None,
            })
        })
    }

    /// The toolchain to build std with: the one named, if it has the source of std, else Debian's.
    pub fn with_std_source(places: &Places) -> Result<Self> {
        if let Some(name) = places.toolchain.as_deref().filter(|name| *name != "zkhost") {
            return Self::named(places, name);
        }
        Self::debian(places).map_err(|missing| {
            Error::toolchain(
                format!("no toolchain with the source of std: {missing}"),
                "run `zkhost install`, or name one in ZKHOST_GUEST_TOOLCHAIN",
            )
        })
    }

    fn named(places: &Places, name: &str) -> Result<Self> {
        let missing = |what: String| {
            Error::toolchain(
                format!("ZKHOST_GUEST_TOOLCHAIN={name}: {what}"),
                "name a folder with bin/rustc, or one of rzup, zkhost, debian; or unset it",
            )
        };
        match name {
            "rzup" => Self::rzup(places)
                .ok_or_else(|| missing("rzup has installed no Rust toolchain".into())),
            "zkhost" => Self::zkhost(places)
                .ok_or_else(|| missing("`zkhost build-toolchain` has made no sysroot yet".into())),
            "debian" => Self::debian(places).map_err(missing),
            folder => Self::at(places, Origin::Named, Path::new(folder)).map_err(missing),
        }
    }

    /// The toolchain in a folder: with the guest's std inside, else with the source of std.
    fn at(places: &Places, origin: Origin, root: &Path) -> std::result::Result<Self, String> {
        let rustc = root.join("bin/rustc");
        if !rustc.is_file() {
            return Err(format!("{} is missing", rustc.display()));
        }
        let build_std = !root.join("lib/rustlib").join(TARGET).join("lib").is_dir();
        if build_std && !root.join("lib/rustlib/src/rust/library/std").is_dir() {
            return Err(format!(
                "{} has neither std for {TARGET} nor std's source",
                root.join("lib/rustlib").display()
            ));
        }
        let record = SysrootRecord::read(root);
        let own = root.join("bin/cargo");
        let cargo = match (&record, own.is_file()) {
            (Some(record), _) => record.cargo.clone(),
            (None, true) => own,
            (None, false) => places
                .program("cargo")
                .or_else(|| Some(places.cargo_home.join("bin/cargo")).filter(|path| path.is_file()))
                .ok_or("cargo is not on PATH")?,
        };
        let linker = if own_linker(root) {
            None
        } else {
            Some(find_linker(places).ok_or("ld.lld is not on PATH (Debian's package lld)")?)
        };
        Ok(Self {
            origin,
            root: root.to_owned(),
            rustc,
            cargo,
            linker,
            build_std,
            c_compiler: newest(&places.risc0_home.join("toolchains"), cpp_version)
                .and_then(|folder| c_compiler_in(&folder)),
        })
    }

    fn rzup(places: &Places) -> Option<Self> {
        let folder = places.risc0_home.join("toolchains");
        let default = rzup_default(&places.risc0_home);
        let root = default
            .and_then(|wanted| {
                newest(&folder, |name| {
                    rust_version(name).filter(|version| *version == wanted)
                })
            })
            .or_else(|| newest(&folder, rust_version))?;
        Self::at(places, Origin::Rzup, &root).ok()
    }

    fn zkhost(places: &Places) -> Option<Self> {
        let root = newest(&places.toolchains(), rust_version)?;
        // Its std serves only the very compiler that built it.
        let record = SysrootRecord::read(&root)?;
        let version = fs::metadata(&record.rustc)
            .ok()
            .map(|_| rustc_version(&record.rustc))?;
        (version.ok()? == record.version)
            .then(|| Self::at(places, Origin::Zkhost, &root).ok())
            .flatten()
    }

    fn debian(places: &Places) -> std::result::Result<Self, String> {
        let found = Self::at(places, Origin::Debian, &places.system)?;
        if !places.system.join("bin/cargo").is_file() {
            return Err(format!(
                "{} is missing",
                places.system.join("bin/cargo").display()
            ));
        }
        Ok(found)
    }

    /// The cargo that fetches git repositories: its own, or the one that does so in its place; None where neither can.
    pub fn git_cargo(&self, places: &Places) -> Option<PathBuf> {
        git::fetching_cargo(places, self)
    }

    /// Asks the compiler and the linker who they are. Fails for a compiler too old for risc0.
    pub fn versions(&self) -> Result<Versions> {
        let text = rustc_version(&self.rustc).map_err(|reason| self.unusable(&reason))?;
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let rustc = field("release:");
        let numbers: Vec<u64> = rustc
            .split(['.', '-'])
            .map_while(|part| part.parse().ok())
            .collect();
        if numbers
            .get(..2)
            .is_none_or(|version| version < &OLDEST_RUSTC[..])
        {
            let [major, minor] = OLDEST_RUSTC;
            return Err(self.unusable(&format!(
                "it is {rustc}, and risc0 needs {major}.{minor} or later"
            )));
        }
        Ok(Versions {
            rustc,
            commit: field("commit-hash:"),
            host: field("host:"),
            linker: match &self.linker {
                Some(linker) => linker_version(linker),
                None => "rustc's own".to_owned(),
            },
        })
    }

    fn unusable(&self, reason: &str) -> Error {
        Error::toolchain(
            format!("{} cannot build guests: {reason}", self.rustc.display()),
            "run `zkhost install`, or name another toolchain in ZKHOST_GUEST_TOOLCHAIN",
        )
    }

    /// The folder of std's source that panic messages may name.
    pub(crate) fn rust_src(&self) -> PathBuf {
        self.root.join("lib/rustlib/src/rust")
    }
}

impl SysrootRecord {
    pub(crate) fn read(root: &Path) -> Option<Self> {
        toml::from_str(&fs::read_to_string(root.join(SYSROOT_RECORD)).ok()?).ok()
    }
}

/// `rustc -vV`, or why it cannot be had.
pub(crate) fn rustc_version(rustc: &Path) -> std::result::Result<String, String> {
    let output = Command::new(rustc)
        .arg("-vV")
        .env_remove("RUSTUP_TOOLCHAIN")
        .output()
        .map_err(|error| format!("{}: {error}", rustc.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn linker_version(linker: &Path) -> String {
    // rust-lld must be told which linker it is to be.
    let output = Command::new(linker)
        .args(["-flavor", "gnu", "--version"])
        .output();
    let output = output.ok().filter(|output| output.status.success());
    let output = output.or_else(|| Command::new(linker).arg("--version").output().ok());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let words: Vec<&str> = text
        .split_whitespace()
        .skip_while(|word| *word != "LLD")
        .take(2)
        .collect();
    words.join(" ")
}

fn own_linker(root: &Path) -> bool {
    let Ok(hosts) = fs::read_dir(root.join("lib/rustlib")) else {
        return false;
    };
    hosts
        .flatten()
        .any(|host| host.path().join("bin/rust-lld").is_file())
}

/// Debian's lld, else the rust-lld of some rustup toolchain.
fn find_linker(places: &Places) -> Option<PathBuf> {
    let named = places.program("ld.lld").or_else(|| {
        let system = places.system.join("bin/ld.lld");
        system.is_file().then_some(system)
    });
    named.or_else(|| {
        let toolchains = fs::read_dir(places.home.join(".rustup/toolchains")).ok()?;
        let mut roots: Vec<PathBuf> = toolchains.flatten().map(|entry| entry.path()).collect();
        roots.sort();
        roots.iter().rev().find_map(|root| {
            let hosts = fs::read_dir(root.join("lib/rustlib")).ok()?;
            hosts
                .flatten()
                .map(|host| host.path().join("bin/gcc-ld/ld.lld"))
                .find(|path| path.is_file())
        })
    })
}

/// The version in a folder name of rzup's: `v1.88.0-rust-x86_64-unknown-linux-gnu` and the older `r0.1.81.0-…`.
fn rust_version(name: &str) -> Option<Vec<u64>> {
    let version = match name.strip_prefix("r0.") {
        Some(rest) => rest.split('-').next()?,
        None => name.strip_prefix('v')?.split_once("-rust")?.0,
    };
    numbers(version)
}

fn cpp_version(name: &str) -> Option<Vec<u64>> {
    numbers(name.strip_prefix('v')?.split_once("-cpp")?.0)
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    version
        .split(['.', '-'])
        .map(|part| part.parse().ok())
        .collect()
}

/// rzup's default Rust version: `settings.toml`, `[default_versions] rust = "1.88.0"`.
fn rzup_default(risc0_home: &Path) -> Option<Vec<u64>> {
    let text = fs::read_to_string(risc0_home.join("settings.toml")).ok()?;
    let settings: toml::Table = text.parse().ok()?;
    numbers(settings.get("default_versions")?.get("rust")?.as_str()?)
}

/// The folder below `parent` with the highest version.
fn newest(parent: &Path, version: impl Fn(&str) -> Option<Vec<u64>>) -> Option<PathBuf> {
    fs::read_dir(parent)
        .ok()?
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path())))
        .max()
        .map(|(_, path)| path)
}

/// rzup unpacks the C++ toolchain into a folder inside its version folder.
fn c_compiler_in(root: &Path) -> Option<PathBuf> {
    let name = "bin/riscv32-unknown-elf-gcc";
    let inner = fs::read_dir(root)
        .ok()?
        .flatten()
        .map(|entry| entry.path().join(name));
    std::iter::once(root.join(name))
        .chain(inner)
        .find(|path| path.is_file())
}

#[cfg(test)]
#[path = "toolchain_tests.rs"]
mod tests;
