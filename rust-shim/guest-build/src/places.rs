//! Where things are on this machine, read from the environment once.

use std::env;
use std::path::{Path, PathBuf};

/// The folders and settings a build depends on.
#[derive(Clone, Debug)]
pub struct Places {
    /// The user's home.
    pub home: PathBuf,
    /// rzup's folder: RISC0_HOME, else ~/.risc0.
    pub risc0_home: PathBuf,
    /// cargo's folder: CARGO_HOME, else ~/.cargo.
    pub cargo_home: PathBuf,
    /// zkhost's own folder for what it builds: ZKHOST_CACHE, else zkhost in XDG_CACHE_HOME or ~/.cache.
    pub cache: PathBuf,
    /// ZKHOST_GUEST_TOOLCHAIN: a folder with bin/rustc, or one of `rzup`, `zkhost`, `debian`.
    pub toolchain: Option<String>,
    /// Where programs are looked up.
    pub path: Vec<PathBuf>,
    /// The root of the Debian set: `/usr`.
    pub system: PathBuf,
}

impl Places {
    /// What this process's environment says.
    pub fn from_env() -> Self {
        let home = folder("HOME").unwrap_or_else(|| PathBuf::from("/"));
        Self {
            risc0_home: folder("RISC0_HOME").unwrap_or_else(|| home.join(".risc0")),
            cargo_home: folder("CARGO_HOME").unwrap_or_else(|| home.join(".cargo")),
            cache: folder("ZKHOST_CACHE").unwrap_or_else(|| {
                folder("XDG_CACHE_HOME")
                    .unwrap_or_else(|| home.join(".cache"))
                    .join("zkhost")
            }),
            toolchain: env::var("ZKHOST_GUEST_TOOLCHAIN")
                .ok()
                .filter(|name| !name.is_empty()),
            path: env::var_os("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default(),
            system: PathBuf::from("/usr"),
            home,
        }
    }

    /// The sysroots that `zkhost build-toolchain` makes, in the layout of rzup's toolchains folder.
    pub fn toolchains(&self) -> PathBuf {
        self.cache.join("toolchains")
    }

    /// The first program of that name on PATH.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.path
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    }
}

fn folder(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    // A relative folder would mean another one for each package cargo builds.
    std::path::absolute(Path::new(&value)).ok()
}
