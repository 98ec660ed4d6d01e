//! Whether the last build still holds, judged by files and variables alone, without asking cargo or rustc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{At, Result};
use crate::metadata::Project;
use crate::toolchain::Toolchain;
use crate::{c_compiler, Report, Request, TARGET};

/// Raised when a build would come out otherwise than before for the same sources.
const FORMAT: u32 = 2;

/// What a build went by, and what came of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    format: u32,
    toolchain: Toolchain,
    toolchain_stamps: Vec<Option<Stamp>>,
    features: Vec<String>,
    bins: Vec<String>,
    env: BTreeMap<String, String>,
    excluded: Vec<PathBuf>,
    /// Every file the build read of the project, and those whose coming or going would matter.
    files: BTreeMap<PathBuf, Option<Stamp>>,
    /// Folders in which a new file is a new source, and how many files each has.
    folders: BTreeMap<PathBuf, usize>,
    variables: BTreeMap<String, Option<String>>,
    pub report: Report,
}

/// A file as it was: size and time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    nanos: u64,
}

impl Record {
    /// The record of a build that just ended.
    pub fn new(
        request: &Request,
        toolchain: &Toolchain,
        project: &Project,
        target: &Path,
        report: Report,
    ) -> Self {
        let mut paths = sources(project, target, &request.excluded);
        paths.extend(watched(project));
        paths.extend(
            report
                .guests
                .iter()
                .flat_map(|guest| [guest.elf.clone(), guest.program.clone()]),
        );
        Self {
            format: FORMAT,
            toolchain: toolchain.clone(),
            toolchain_stamps: toolchain_stamps(toolchain),
            features: request.features.clone(),
            bins: request.bins.clone(),
            env: request.env.clone(),
            excluded: request.excluded.clone(),
            files: paths
                .into_iter()
                .map(|path| (path.clone(), stamp(&path)))
                .collect(),
            folders: source_folders(project)
                .into_iter()
                .map(|folder| (folder.clone(), count_below(&folder, &request.excluded)))
                .collect(),
            variables: variables(project, target)
                .into_iter()
                .map(|name| (name.clone(), std::env::var(&name).ok()))
                .collect(),
            report,
        }
    }

    /// The record at `path`, if a build with these settings would only repeat it.
    pub fn load(path: &Path, request: &Request, toolchain: &Toolchain) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let holds = record.format == FORMAT
            && record.toolchain == *toolchain
            && record.toolchain_stamps == toolchain_stamps(toolchain)
            && record.features == request.features
            && record.bins == request.bins
            && record.env == request.env
            && record.excluded == request.excluded
            && record
                .variables
                .iter()
                .all(|(name, value)| std::env::var(name).ok() == *value)
            && record.files.iter().all(|(path, old)| stamp(path) == *old)
            && record
                .folders
                .iter()
                .all(|(folder, count)| count_below(folder, &request.excluded) == *count);
        holds.then_some(record)
    }

    pub fn store(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let new = path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&new, text).at(&new)?;
        fs::rename(&new, path).at(path)
    }
}

/// The SHA-256 of the project's sources: names relative to the project, and contents. The same wherever it lies.
pub(crate) fn source_digest(
    project: &Project,
    target: &Path,
    excluded: &[PathBuf],
) -> Result<String> {
    let mut lines = BTreeSet::new();
    for path in sources(project, target, excluded) {
        let content = fs::read(&path).at(&path)?;
        lines.insert(format!(
            "{} {}\n",
            place(project, &path),
            hex::encode(Sha256::digest(content))
        ));
    }
    let mut hash = Sha256::new();
    lines.iter().for_each(|line| hash.update(line));
    Ok(hex::encode(hash.finalize()))
}

/// The files of the project that a build reads: manifests, lock file, sources, and what those include.
pub(crate) fn sources(project: &Project, target: &Path, excluded: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::from([project.workspace.join("Cargo.lock")]);
    paths.insert(project.workspace.join("Cargo.toml"));
    for package in &project.local {
        paths.insert(package.manifest_path.clone());
        paths.insert(package.folder().join("build.rs"));
        paths.extend(files_below(&package.folder().join("src")));
    }
    let release = target.join(TARGET).join("release");
    for bin in project.package.targets.iter().map(|target| &target.name) {
        // cargo's list of what went into a bin: "OUTPUT: FILE FILE…", spaces in names escaped.
        let list = fs::read_to_string(release.join(format!("{bin}.d"))).unwrap_or_default();
        let list = list
            .split_once(": ")
            .map(|(_, files)| files)
            .unwrap_or_default()
            .trim();
        let files = list.replace("\\ ", "\0");
        paths.extend(
            files
                .split_whitespace()
                .map(|file| PathBuf::from(file.replace('\0', " "))),
        );
    }
    paths.retain(|path| path.is_file() && !path.starts_with(target) && !excluded.contains(path));
    paths
}

/// A file's name for the digest: within its package, else as seen from the workspace.
fn place(project: &Project, path: &Path) -> String {
    let inside = project
        .local
        .iter()
        .filter_map(|package| Some((package, path.strip_prefix(package.folder()).ok()?)))
        .min_by_key(|(_, rest)| rest.components().count());
    if let Some((package, rest)) = inside {
        return format!("{}/{}", package.name, rest.display());
    }
    let mut up = String::new();
    for folder in project.workspace.ancestors() {
        if let Ok(rest) = path.strip_prefix(folder) {
            return format!("{up}{}", rest.display());
        }
        up.push_str("../");
    }
    path.display().to_string()
}

/// Files that are not sources, but may change what cargo does, whether they are there or not.
fn watched(project: &Project) -> impl Iterator<Item = PathBuf> + '_ {
    let names = [
        ".cargo/config.toml",
        ".cargo/config",
        "rust-toolchain.toml",
        "rust-toolchain",
    ];
    let folders = project.package.folder().ancestors();
    folders.flat_map(move |folder| names.map(|name| folder.join(name)))
}

fn source_folders(project: &Project) -> impl IntoIterator<Item = PathBuf> + '_ {
    project
        .local
        .iter()
        .map(|package| package.folder().join("src"))
}

/// The variables that the project's crates and build scripts read, as rustc and cargo recorded them.
fn variables(project: &Project, target: &Path) -> BTreeSet<String> {
    let release = target.join(TARGET).join("release");
    let own: BTreeSet<String> = project
        .local
        .iter()
        .flat_map(|package| {
            package
                .targets
                .iter()
                .map(|target| &target.name)
                .chain([&package.name])
        })
        .map(|name| name.replace('-', "_"))
        .collect();
    let is_own = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.rsplit_once('-')
            .is_some_and(|(name, _)| own.contains(&name.replace('-', "_")))
    };
    let entries = |folder: &str| {
        let entries = fs::read_dir(release.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| is_own(path))
            .collect::<Vec<_>>()
    };
    // Those of C code count for every crate.
    let mut found = BTreeSet::from(c_compiler::VARIABLES.map(str::to_owned));
    for path in entries("deps")
        .iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "d"))
    {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("# env-dep:"));
        found.extend(lines.map(|line| line.split('=').next().unwrap_or(line).to_owned()));
    }
    for path in entries("build") {
        let text = fs::read_to_string(path.join("output")).unwrap_or_default();
        let lines = text
            .lines()
            .map(|line| line.trim_start_matches("cargo:").trim_start_matches(':'));
        found.extend(
            lines
                .filter_map(|line| line.strip_prefix("rerun-if-env-changed="))
                .map(str::to_owned),
        );
    }
    found.retain(|name| !name.starts_with("CARGO") && name != "OUT_DIR");
    found
}

fn toolchain_stamps(toolchain: &Toolchain) -> Vec<Option<Stamp>> {
    let linker = toolchain.linker.as_deref();
    [
        Some(toolchain.rustc.as_path()),
        Some(&toolchain.cargo),
        linker,
    ]
    .into_iter()
    .flatten()
    .map(stamp)
    .collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    let nanos = meta
        .modified()
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?
        .as_nanos();
    Some(Stamp {
        bytes: meta.len(),
        nanos: u64::try_from(nanos).ok()?,
    })
}

fn count_below(folder: &Path, excluded: &[PathBuf]) -> usize {
    let counted = |path: &&PathBuf| !excluded.contains(path);
    files_below(folder).iter().filter(counted).count()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}
