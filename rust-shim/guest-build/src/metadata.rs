//! What `cargo metadata` says about a guest package and the local crates it depends on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cargo;
use crate::error::{Error, Result};
use crate::places::Places;
use crate::toolchain::Toolchain;
use crate::{Host, TARGET};

/// A guest package, and what is around it.
#[derive(Debug)]
pub(crate) struct Project {
    /// The guest package.
    pub package: Package,
    /// The packages whose source lies on this machine as files of the project: the guest, and its path dependencies.
    pub local: Vec<Package>,
    /// The folders that hold the source of crates from registries.
    pub registries: BTreeSet<PathBuf>,
    /// The workspace's root: Cargo.lock is there.
    pub workspace: PathBuf,
}

/// One package.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    pub source: Option<String>,
    pub manifest_path: PathBuf,
    pub targets: Vec<Target>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// One target of a package: a bin, a lib, a build script.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    pub name: String,
    pub kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    pub required_features: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    risc0: Risc0,
}

/// `[package.metadata.risc0]` of a guest package.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Risc0 {
    #[serde(default, rename = "rustc-flags")]
    pub rustc_flags: Vec<String>,
    #[serde(default)]
    pub kernel: bool,
}

#[derive(Deserialize)]
struct Output {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

impl Package {
    /// The package's folder.
    pub fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("/"))
    }

    /// The bins that are built with these features.
    pub fn bins(&self, features: &[String]) -> Vec<&str> {
        self.targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            .filter(|target| {
                target
                    .required_features
                    .iter()
                    .all(|feature| features.contains(feature))
            })
            .map(|target| target.name.as_str())
            .collect()
    }

    /// The package's settings for risc0.
    pub fn risc0(&self) -> Risc0 {
        self.metadata.clone().unwrap_or_default().risc0
    }
}

/// Reads the package in `folder`.
pub(crate) fn read(
    places: &Places,
    toolchain: &Toolchain,
    folder: &Path,
    locked: bool,
    host: &mut dyn Host,
) -> Result<Project> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Error::not_found(
            format!("{} has no Cargo.toml", folder.display()),
            "give the folder of a guest package",
        ));
    }
    let mut command = cargo::command(places, toolchain, &[]);
    command
        .args([
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            TARGET,
            "--manifest-path",
        ])
        .arg(&manifest)
        .args(locked.then_some("--locked"))
        .current_dir(folder);
    let text = cargo::run(command, "cargo metadata", host)?;
    let output: Output = serde_json::from_slice(&text).map_err(|error| Error::Cargo {
        what: "cargo metadata".to_owned(),
        status: format!("unexpected output: {error}"),
        tail: String::new(),
    })?;
    let registries = output
        .packages
        .iter()
        .filter(|package| is_registry(package))
        .filter_map(|package| package.folder().parent().map(Path::to_owned))
        .collect();
    let local: Vec<Package> = output
        .packages
        .into_iter()
        .filter(|package| package.source.is_none())
        .collect();
    let package = local
        .iter()
        .find(|package| same_file(&package.manifest_path, &manifest))
        .cloned()
        .ok_or_else(|| {
            Error::not_found(
                format!("{} is a workspace, not a package", manifest.display()),
                "give the folder of the guest package in it",
            )
        })?;
    Ok(Project {
        package,
        local,
        registries,
        workspace: output.workspace_root,
    })
}

fn is_registry(package: &Package) -> bool {
    let source = package.source.as_deref().unwrap_or_default();
    source.starts_with("registry+") || source.starts_with("sparse+")
}

fn same_file(left: &Path, right: &Path) -> bool {
    left == right
        || matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right)
}
