//! What the manifests of a guest's workspace say, before any dependency is looked up: `cargo metadata --no-deps`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cargo;
use crate::error::{At, Result};
use crate::metadata::same_file;
use crate::places::Places;
use crate::toolchain::Toolchain;
use crate::Host;

/// A workspace, read from its manifests alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Survey {
    pub packages: Vec<Member>,
    #[serde(rename = "workspace_root")]
    pub workspace: PathBuf,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub name: String,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
}

/// A dependency as a manifest has it; what a workspace's table adds is in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The crate's own name, however the manifest calls it.
    pub name: String,
    /// `registry+…`, `git+…`; none for a path.
    pub source: Option<String>,
    /// As in "^3.0.3".
    pub req: String,
    pub path: Option<PathBuf>,
    /// Null for what is linked, else "build" or "dev".
    pub kind: Option<String>,
}

impl Survey {
    pub fn read(
        places: &Places,
        toolchain: &Toolchain,
        folder: &Path,
        host: &mut dyn Host,
    ) -> Result<Self> {
        let mut command = cargo::command(places, toolchain, &[]);
        command
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"))
            .current_dir(folder);
        let text = cargo::run(command, "cargo metadata", host)?;
        serde_json::from_slice(&text).map_err(cargo::unexpected)
    }

    /// The crates in the folder `crates` that something here takes from a registry: name and place.
    ///
    /// Only those: cargo writes a patch that it had no use for into Cargo.lock. And not those that Cargo.lock pins to a
    /// registry's copy, which is then what plain cargo builds with.
    pub fn patches(
        &self,
        places: &Places,
        toolchain: &Toolchain,
        crates: &Path,
        host: &mut dyn Host,
    ) -> Result<Vec<(String, PathBuf)>> {
        let manifest = self.workspace.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).at(&manifest)?;
        let table: toml::Table = text.parse().unwrap_or_default();
        let own = table
            .get("patch")
            .and_then(|patch| patch.get("crates-io"))
            .and_then(toml::Value::as_table);
        let pinned = pinned_to_registry(
            &fs::read_to_string(self.workspace.join("Cargo.lock")).unwrap_or_default(),
        );
        let wanted = self.registry_dependencies(places, toolchain, host)?;
        Ok(wanted
            .into_iter()
            .filter(|name| own.is_none_or(|own| !own.contains_key(name)) && !pinned.contains(name))
            .map(|name| (crates.join(&name), name))
            .filter(|(folder, _)| folder.join("Cargo.toml").is_file())
            .map(|(folder, name)| (name, folder))
            .collect())
    }

    /// The names of all crates that the workspace, or a package it reaches by paths, takes from a registry.
    fn registry_dependencies(
        &self,
        places: &Places,
        toolchain: &Toolchain,
        host: &mut dyn Host,
    ) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let mut seen: BTreeSet<PathBuf> = self
            .packages
            .iter()
            .filter_map(|member| member.manifest_path.parent().map(Path::to_owned))
            .collect();
        let mut open: Vec<PathBuf> = Vec::new();
        let mut visit = |members: &[&Member], open: &mut Vec<PathBuf>| {
            for dependency in members.iter().flat_map(|member| &member.dependencies) {
                match (&dependency.path, &dependency.source) {
                    (Some(path), _) if seen.insert(path.clone()) => open.push(path.clone()),
                    (None, Some(source)) if !source.starts_with("git+") => {
                        names.insert(dependency.name.clone());
                    }
                    _ => {}
                }
            }
        };
        visit(&self.packages.iter().collect::<Vec<_>>(), &mut open);
        while let Some(folder) = open.pop() {
            if !folder.join("Cargo.toml").is_file() {
                continue; // cargo itself reports it
            }
            let around = Self::read(places, toolchain, &folder, host)?;
            let manifest = folder.join("Cargo.toml");
            let itself: Vec<&Member> = around
                .packages
                .iter()
                .filter(|member| same_file(&member.manifest_path, &manifest))
                .collect();
            visit(&itself, &mut open);
        }
        Ok(names)
    }

    /// Whether a dependency, the lock file or a patch of the workspace is a git repository.
    pub fn uses_git(&self) -> bool {
        let read = |name: &str| fs::read_to_string(self.workspace.join(name)).unwrap_or_default();
        let patches = read("Cargo.toml")
            .parse::<toml::Table>()
            .ok()
            .and_then(|table| table.get("patch").and_then(toml::Value::as_table).cloned())
            .unwrap_or_default();
        let patched = patches
            .values()
            .filter_map(toml::Value::as_table)
            .flat_map(toml::Table::values)
            .any(|patch| patch.get("git").is_some());
        let named = self
            .packages
            .iter()
            .flat_map(|member| &member.dependencies)
            .filter_map(|dependency| dependency.source.as_deref())
            .any(|source| source.starts_with("git+"));
        patched || named || read("Cargo.lock").contains("source = \"git+")
    }
}

/// The crates to which a lock file gives a source.
fn pinned_to_registry(lock: &str) -> BTreeSet<String> {
    let table: toml::Table = lock.parse().unwrap_or_default();
    let packages = table.get("package").and_then(toml::Value::as_array);
    packages
        .into_iter()
        .flatten()
        .filter(|package| package.get("source").is_some())
        .filter_map(|package| package.get("name")?.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_pins_the_crates_that_it_gives_a_source() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
                    source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                    [[package]]\nname = \"zkhost-guest\"\nversion = \"0.1.0\"\n";
        assert_eq!(pinned_to_registry(lock), BTreeSet::from(["a".to_owned()]));
        assert!(pinned_to_registry("").is_empty());
    }
}
