//! For build scripts that compile what cargo unpacked: this crate's, and that of `tests/altered-prover`.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where cargo unpacked the packages that this build is made of.
///
/// Nothing is parsed with serde_json here: its features depend on what else is built, and with another build script
/// cargo would compile all the C++ again.
pub struct Packages(Vec<PathBuf>);

impl Packages {
    pub fn find() -> Self {
        let mut output = metadata(&["--offline"]);
        if !output.status.success() {
            output = metadata(&[]);
        }
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo metadata: {error}");
        let text = String::from_utf8_lossy(&output.stdout);
        let manifests = text.split(r#""manifest_path":""#).skip(1);
        let folder = |rest: &str| Some(Path::new(rest.split('"').next()?).parent()?.to_owned());
        Self(manifests.filter_map(folder).collect())
    }

    /// The folder of a package: its name and version from a registry, its name where cargo's packages are vendored.
    pub fn folder(&self, name: &str) -> &Path {
        let is_it = |folder: &&PathBuf| {
            let folder = folder
                .file_name()
                .and_then(OsStr::to_str)
                .unwrap_or_default();
            folder.strip_prefix(name).is_some_and(|version| {
                version.is_empty()
                    || version.starts_with('-')
                        && version[1..].starts_with(|c: char| c.is_ascii_digit())
            })
        };
        let mut found = self.0.iter().filter(is_it);
        let (Some(folder), None) = (found.next(), found.next()) else {
            panic!("expected one version of {name} in Cargo.lock");
        };
        folder
    }
}

fn metadata(options: &[&str]) -> Output {
    let target = env::var("TARGET").expect("cargo sets TARGET");
    Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &target,
        ])
        .args(options)
        .output()
        .expect("cargo runs")
}
