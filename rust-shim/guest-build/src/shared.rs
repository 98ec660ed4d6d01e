//! The dependency cache that projects share: what cargo made of crates from registries (and of std), kept outside any
//! project, and linked into a project's target folder before its first build.
//!
//! A common target folder would not do: cargo names a project's own crates by their place in the workspace, so two projects
//! of one template would take each other's programs for fresh. So each project has a target folder of its own, and
//! only what is not its own goes in and out of the cache. cargo judges what it finds there as it judges its own.
//!
//! cargo takes a crate for stale when one it depends on has a later time. So all that is in the cache has one time, that of
//! its beginning, whichever projects it came from and whenever those were built.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::error::{At, Result};
use crate::metadata::Package;
use crate::places::Places;
use crate::toolchain::{Toolchain, Versions};
use crate::{Host, TARGET};

/// When a cache has grown beyond this, it starts anew.
const LIMIT_BYTES: u64 = 6 << 30;
/// The folders of a target folder that hold what can be shared, as cargo 1.88 to 1.96 lay them out.
const PARTS: [&str; 3] = ["deps", ".fingerprint", "build"];

/// The cache for one toolchain and one set of flags.
pub(crate) struct Shared {
    folder: PathBuf,
}

impl Shared {
    pub fn new(
        places: &Places,
        toolchain: &Toolchain,
        versions: &Versions,
        flags: &[String],
    ) -> Self {
        // cargo takes a crate for another one when its source lies elsewhere, so the cargo home is part of the key.
        let what = format!(
            "{toolchain:?} {versions:?} {flags:?} {:?}",
            places.cargo_home
        );
        let key = hex::encode(&Sha256::digest(what)[..8]);
        Self {
            folder: places.cache.join("guest-deps").join(key),
        }
    }

    /// Fills a target folder that is not there yet.
    pub fn seed(&self, target: &Path) -> Result<()> {
        if target.join(TARGET).exists() || !self.folder.exists() {
            return Ok(());
        }
        for part in parts() {
            copy_new(
                &self.folder.join(&part),
                &target.join(&part),
                &|_| true,
                &link_file,
            )?;
        }
        Ok(())
    }

    /// Adds what a build made, less the project's own crates. A cache that cannot be written fails no build; it is reported to `host`.
    pub fn publish(&self, target: &Path, local: &[Package], host: &mut dyn Host) -> Result<()> {
        self.add(target, local).or_else(|error| {
            let warning =
                format!("warning: the shared cache of dependencies was not written: {error}\n");
            host.output(warning.as_bytes())
        })
    }

    fn add(&self, target: &Path, local: &[Package]) -> Result<()> {
        if size(&self.folder) > LIMIT_BYTES {
            fs::remove_dir_all(&self.folder).at(&self.folder)?;
        }
        let own: BTreeSet<String> = local
            .iter()
            .flat_map(|package| {
                let targets = package.targets.iter().map(|target| &target.name);
                targets
                    .chain([&package.name])
                    .map(|name| name.replace('-', "_"))
            })
            .collect();
        let shareable = |name: &str| {
            // `serde_core-1f2e…`, `libserde_core-1f2e….rlib`: the name, a dash, the hash.
            name.rsplit_once('-').is_some_and(|(name, _)| {
                let name = name.replace('-', "_");
                !own.contains(&name) && !own.contains(name.strip_prefix("lib").unwrap_or(&name))
            })
        };
        let beginning = self.beginning()?;
        let copy = |from: &Path, to: &Path| copy_file(from, to, beginning);
        for part in parts() {
            copy_new(
                &target.join(&part),
                &self.folder.join(&part),
                &shareable,
                &copy,
            )?;
        }
        Ok(())
    }

    /// When the cache was begun.
    fn beginning(&self) -> Result<SystemTime> {
        let stamp = self.folder.join("beginning");
        fs::create_dir_all(&self.folder).at(&self.folder)?;
        if !stamp.exists() {
            fs::write(&stamp, "").at(&stamp)?;
        }
        fs::metadata(&stamp)
            .and_then(|meta| meta.modified())
            .at(&stamp)
    }
}

/// The shared folders of a target folder: for the guest, and for build scripts and macros, which run here.
fn parts() -> impl Iterator<Item = PathBuf> {
    [Path::new(TARGET).join("release"), PathBuf::from("release")]
        .into_iter()
        .flat_map(|profile| PARTS.map(|part| profile.join(part)))
}

/// Copies the entries of a folder that are not in the other yet.
fn copy_new(
    from: &Path,
    to: &Path,
    wanted: &dyn Fn(&str) -> bool,
    copy: &dyn Fn(&Path, &Path) -> Result<()>,
) -> Result<()> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    fs::create_dir_all(to).at(to)?;
    for entry in entries {
        let entry = entry.at(from)?;
        let (source, place) = (entry.path(), to.join(entry.file_name()));
        if place.exists() || !wanted(&entry.file_name().to_string_lossy()) {
            continue;
        }
        // Under a passing name first, so that no build ever sees half of it.
        let passing = to.join(format!(".zkhost-{}", std::process::id()));
        if entry.file_type().at(&source)?.is_dir() {
            let _ = fs::remove_dir_all(&passing);
            copy_new(&source, &passing, &|_| true, copy)?;
        } else {
            let _ = fs::remove_file(&passing);
            copy(&source, &passing)?;
        }
        if fs::rename(&passing, &place).is_err() && !place.exists() {
            return Err(std::io::Error::other("cannot be put in place")).at(&place);
        }
    }
    Ok(())
}

/// Compilers put libraries in place by rename, so a link is as good as a copy; what cargo rewrites in place is copied.
fn link_file(from: &Path, to: &Path) -> Result<()> {
    let library = from
        .extension()
        .is_some_and(|ext| ext == "rlib" || ext == "rmeta" || ext == "so");
    if library && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let modified = fs::metadata(from)
        .and_then(|meta| meta.modified())
        .at(from)?;
    copy_file(from, to, modified)
}

fn copy_file(from: &Path, to: &Path, modified: SystemTime) -> Result<()> {
    fs::copy(from, to).at(from)?;
    File::options()
        .write(true)
        .open(to)
        .and_then(|file| file.set_times(FileTimes::new().set_modified(modified)))
        .at(to)
}

fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
