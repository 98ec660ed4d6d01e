//! The script that cargo runs in place of the guest's rustc, so that the same source gives the same program from
//! any folder and any user's home.
//!
//! Paths reach a program by two ways: panics print them, and cargo hashes the absolute path of a crate that lies outside
//! the workspace into its symbol names, which moves code about. The script maps the first and replaces the second. It does
//! so outside of cargo's own flags, for two reasons: the flags, and with them the names of what cargo caches, stay
//! the same for every user and project; and no version of cargo hashes the paths.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{At, Result};
use crate::metadata::Project;
use crate::places::Places;
use crate::toolchain::Toolchain;

const SCRIPT: &str = r#"#!/bin/sh
# Made by zkhost: guests come out the same wherever their source lies. "$1" is the compiler.
# ZKHOST_REMAP: lines "from=to"; ZKHOST_LOCAL: the folders of the project's own crates, one a line.
[ -n "$CARGO_MANIFEST_DIR" ] || exec "$@"
newline='
'
case "$newline$ZKHOST_LOCAL$newline" in *"$newline$CARGO_MANIFEST_DIR$newline"*)
    for arg; do
        shift
        case "$arg" in metadata=*) arg="metadata=$CARGO_PKG_NAME-$CARGO_PKG_VERSION" ;; esac
        set -- "$@" "$arg"
    done
    set -- "$@" "--remap-path-prefix=$PWD=/src" "--remap-path-prefix=$CARGO_MANIFEST_DIR=/src/$CARGO_PKG_NAME" ;;
esac
IFS="$newline"
set -f
for map in $ZKHOST_REMAP; do set -- "$@" "--remap-path-prefix=$map"; done
exec "$@"
"#;

/// Writes the script into the cache, if it is not there yet.
fn install(places: &Places) -> Result<PathBuf> {
    let folder = places.cache.join("bin");
    let path = folder.join("guest-rustc");
    if fs::read_to_string(&path).is_ok_and(|text| text == SCRIPT) {
        return Ok(path);
    }
    fs::create_dir_all(&folder).at(&folder)?;
    // By rename: another build may be running it.
    let new = folder.join(format!("guest-rustc.{}", std::process::id()));
    fs::write(&new, SCRIPT).at(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).at(&new)?;
    fs::rename(&new, &path).at(&path)?;
    Ok(path)
}

/// Makes cargo run the script for this project.
pub(crate) fn apply(
    command: &mut Command,
    places: &Places,
    toolchain: &Toolchain,
    project: &Project,
    target: &Path,
) -> Result<()> {
    let local: Vec<String> = project
        .local
        .iter()
        .map(|package| text(package.folder()))
        .collect();
    command
        .env("RUSTC_WRAPPER", install(places)?)
        .env("ZKHOST_LOCAL", local.join("\n"))
        .env(
            "ZKHOST_REMAP",
            remaps(places, toolchain, project.registries.iter(), target).join("\n"),
        );
    Ok(())
}

/// As `apply`, for a build without crates of a project: std alone.
pub(crate) fn apply_to_std(
    command: &mut Command,
    places: &Places,
    toolchain: &Toolchain,
    target: &Path,
) -> Result<()> {
    command
        .env("RUSTC_WRAPPER", install(places)?)
        .env("ZKHOST_LOCAL", "")
        .env(
            "ZKHOST_REMAP",
            remaps(places, toolchain, std::iter::empty(), target).join("\n"),
        );
    Ok(())
}

/// Later ones win in rustc, so the more special come last.
fn remaps<'a>(
    places: &Places,
    toolchain: &Toolchain,
    registries: impl Iterator<Item = &'a PathBuf>,
    target: &Path,
) -> Vec<String> {
    let source = toolchain.rust_src();
    let mut maps = vec![(places.cargo_home.clone(), "/cargo")];
    if let Ok(real) = places.cargo_home.canonicalize() {
        maps.push((real, "/cargo"));
    }
    // The name of this folder holds a hash of the registry's address, which a mirror changes.
    maps.extend(registries.map(|folder| (folder.clone(), "/cargo/registry")));
    maps.push((target.to_owned(), "/target"));
    if let Ok(real) = source.canonicalize() {
        maps.push((real, "/rustc"));
    }
    maps.push((source, "/rustc"));
    maps.iter()
        .map(|(from, to)| format!("{}={to}", text(from)))
        .collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
