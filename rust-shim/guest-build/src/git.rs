//! Git dependencies where the guest toolchain's cargo is Debian's, which cannot fetch them: its libgit2 is of another
//! version than it was built for ("invalid version 0 on git_proxy_options"). Another cargo fetches them first, into the
//! same cargo home; from there on Debian's finds them.

use std::path::{Path, PathBuf};

use crate::cargo;
use crate::error::Result;
use crate::metadata::same_file;
use crate::places::Places;
use crate::survey::Survey;
use crate::toolchain::Toolchain;
use crate::{Host, TARGET};

/// How Debian's cargo fails.
pub(crate) const SYMPTOM: &str = "git_proxy_options";

/// Fetches what is in git repositories, if the toolchain's own cargo cannot and another is here.
pub(crate) fn fetch(
    places: &Places,
    toolchain: &Toolchain,
    survey: &Survey,
    folder: &Path,
    patches: &[(String, PathBuf)],
    locked: bool,
    host: &mut dyn Host,
) -> Result<()> {
    if !survey.uses_git() {
        return Ok(());
    }
    let cargo = match fetching_cargo(places, toolchain) {
        Some(cargo) if cargo != toolchain.cargo => cargo,
        // Its own cargo can, or none can: the repositories may have been fetched; where not, the error has the remedy.
        _ => return Ok(()),
    };
    let fetching = Toolchain {
        cargo,
        ..toolchain.clone()
    };
    let mut command = cargo::command(places, &fetching, &[]);
    command
        .args(["fetch", "--target", TARGET, "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .args(cargo::patch_args(patches))
        .args(locked.then_some("--locked"))
        .current_dir(folder);
    if pins_toolchain(folder) {
        // rustup would look for the toolchain that the project names for its host, which may not be here: any cargo
        // fetches. It is run elsewhere, with the configuration that it would have found here.
        command.current_dir(&places.cargo_home);
        for file in configurations(folder) {
            command.arg("--config").arg(file);
        }
    }
    cargo::run(command, "cargo fetch", host).map(drop)
}

fn pins_toolchain(folder: &Path) -> bool {
    let names = ["rust-toolchain.toml", "rust-toolchain"];
    folder
        .ancestors()
        .any(|above| names.iter().any(|name| above.join(name).is_file()))
}

/// The configuration files that cargo reads in a folder, those that take precedence last.
fn configurations(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = folder
        .ancestors()
        .map(|above| above.join(".cargo/config.toml"))
        .filter(|file| file.is_file())
        .collect();
    files.reverse();
    files
}

fn is_debians(places: &Places, cargo: &Path) -> bool {
    same_file(cargo, &places.system.join("bin/cargo"))
}

/// The toolchain's own cargo, unless it is Debian's: then the first other one of PATH and of cargo's own folder.
pub(crate) fn fetching_cargo(places: &Places, toolchain: &Toolchain) -> Option<PathBuf> {
    if !is_debians(places, &toolchain.cargo) {
        return Some(toolchain.cargo.clone());
    }
    let homes = [places.cargo_home.clone(), places.home.join(".cargo")];
    places
        .path
        .iter()
        .cloned()
        .chain(homes.map(|home| home.join("bin")))
        .map(|folder| folder.join("cargo"))
        .find(|cargo| cargo.is_file() && !is_debians(places, cargo))
}
