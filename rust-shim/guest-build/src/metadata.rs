//! What `cargo metadata` says about a guest package and the local crates it depends on.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::cargo;
use crate::error::{At, Error, Result};
use crate::places::Places;
use crate::survey::Survey;
use crate::toolchain::Toolchain;
use crate::{checks, git, Host, TARGET};

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
    /// The crates of `crates` that cargo must be given, by name: `patch_args` of these.
    pub patches: Vec<(String, PathBuf)>,
}

/// One package.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    #[serde(default)]
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub version: String,
    pub source: Option<String>,
    pub manifest_path: PathBuf,
    pub targets: Vec<Target>,
    #[serde(default)]
    metadata: Value,
}

/// One target of a package: a bin, a lib, a build script.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    pub name: String,
    pub kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    pub required_features: Vec<String>,
}

/// `[package.metadata.risc0]` of a package.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Risc0 {
    #[serde(default, rename = "rustc-flags")]
    pub rustc_flags: Vec<String>,
    #[serde(default)]
    pub kernel: bool,
    /// The guest packages of a methods crate.
    #[serde(default)]
    pub methods: Vec<String>,
}

#[derive(Deserialize)]
struct Output {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    #[serde(default)]
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// Null for what is linked, else "build" or "dev".
    kind: Option<String>,
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

    /// The package's settings for risc0; those of a package that means something else by them are none.
    pub fn risc0(&self) -> Risc0 {
        let settings = self.metadata.get("risc0").cloned().unwrap_or_default();
        serde_json::from_value(settings).unwrap_or_default()
    }
}

/// Reads the package in `folder`; `crates` is the folder of crates that stand for crates.io's of the same names.
///
/// What cannot be built is refused here, before anything is compiled, and Cargo.lock is then as it was.
pub(crate) fn read(
    places: &Places,
    toolchain: &Toolchain,
    folder: &Path,
    locked: bool,
    crates: Option<&Path>,
    host: &mut dyn Host,
) -> Result<Project> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Error::not_found(
            format!("{} has no Cargo.toml", folder.display()),
            "give the folder of a guest package",
        ));
    }
    let survey = Survey::read(places, toolchain, folder, host)?;
    checks::requirement(&survey, &manifest)?;
    let lock = LockFile::remember(&survey.workspace)?;
    let project = resolve(places, toolchain, &manifest, locked, crates, &survey, host);
    if project.is_err() {
        lock.restore()?;
    }
    project
}

fn resolve(
    places: &Places,
    toolchain: &Toolchain,
    manifest: &Path,
    locked: bool,
    crates: Option<&Path>,
    survey: &Survey,
    host: &mut dyn Host,
) -> Result<Project> {
    let patches = match crates {
        Some(crates) => survey.patches(places, toolchain, crates, host)?,
        None => Vec::new(),
    };
    let folder = manifest.parent().unwrap_or(Path::new("/"));
    git::fetch(places, toolchain, survey, folder, &patches, locked, host)?;
    let mut command = cargo::command(places, toolchain, &[]);
    command
        .args(["metadata", "--format-version", "1"])
        .args(["--filter-platform", TARGET, "--manifest-path"])
        .arg(manifest)
        .args(cargo::patch_args(&patches))
        .args(locked.then_some("--locked"))
        .current_dir(folder);
    let text = cargo::run(command, "cargo metadata", host)?;
    let output: Output = serde_json::from_slice(&text).map_err(cargo::unexpected)?;
    let package = output
        .packages
        .iter()
        .find(|package| same_file(&package.manifest_path, manifest))
        .cloned()
        .ok_or_else(|| workspace_alone(manifest))?;
    checks::linked(&package, &linked(&package, &output))?;
    let registries = output
        .packages
        .iter()
        .filter(|package| is_registry(package))
        .filter_map(|package| package.folder().parent().map(Path::to_owned))
        .collect();
    let local = output
        .packages
        .into_iter()
        .filter(|package| package.source.is_none())
        .collect();
    Ok(Project {
        package,
        local,
        registries,
        workspace: output.workspace_root,
        patches,
    })
}

pub(crate) fn workspace_alone(manifest: &Path) -> Error {
    Error::not_found(
        format!("{} is a workspace, not a package", manifest.display()),
        "give the folder of the guest package in it",
    )
}

/// The packages that are linked into a package's programs, without itself.
fn linked<'a>(package: &Package, output: &'a Output) -> Vec<&'a Package> {
    let edges: HashMap<&str, &Node> = output
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let mut seen = BTreeSet::from([package.id.as_str()]);
    let mut open = vec![package.id.as_str()];
    while let Some(id) = open.pop() {
        for edge in edges.get(id).into_iter().flat_map(|node| &node.deps) {
            if edge.dep_kinds.iter().any(|kind| kind.kind.is_none()) && seen.insert(&edge.pkg) {
                open.push(&edge.pkg);
            }
        }
    }
    seen.remove(package.id.as_str());
    output
        .packages
        .iter()
        .filter(|package| seen.contains(package.id.as_str()))
        .collect()
}

/// Cargo.lock as it was, for a build that is refused.
struct LockFile {
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl LockFile {
    fn remember(workspace: &Path) -> Result<Self> {
        let path = workspace.join("Cargo.lock");
        let before = match path.exists() {
            true => Some(fs::read(&path).at(&path)?),
            false => None,
        };
        Ok(Self { path, before })
    }

    fn restore(self) -> Result<()> {
        match self.before {
            Some(before) if !fs::read(&self.path).is_ok_and(|now| now == before) => {
                fs::write(&self.path, before).at(&self.path)
            }
            None if self.path.exists() => fs::remove_file(&self.path).at(&self.path),
            _ => Ok(()),
        }
    }
}

fn is_registry(package: &Package) -> bool {
    let source = package.source.as_deref().unwrap_or_default();
    source.starts_with("registry+") || source.starts_with("sparse+")
}

pub(crate) fn same_file(left: &Path, right: &Path) -> bool {
    left == right
        || matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right)
}
