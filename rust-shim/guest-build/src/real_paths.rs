//! Cargo's output with the paths of this machine. The compiler is made to call the project's crates /src/NAME (see
//! `wrapper`), in errors too, where such a path cannot be opened.

use std::path::Path;

use crate::error::{Error, Result};
use crate::metadata::Package;
use crate::Host;

/// Puts real paths in place of mapped ones in what goes through to another host.
pub(crate) struct RealPaths<'a> {
    host: &'a mut dyn Host,
    maps: Vec<(Vec<u8>, Vec<u8>)>,
    /// The end of the output so far, which may be the beginning of a mapped path.
    held: Vec<u8>,
}

impl<'a> RealPaths<'a> {
    pub fn new(host: &'a mut dyn Host, local: &[Package]) -> Self {
        let maps = local
            .iter()
            .map(|package| {
                let real = format!("{}/", package.folder().display());
                (mapped(&package.name).into_bytes(), real.into_bytes())
            })
            .collect();
        Self {
            host,
            maps,
            held: Vec::new(),
        }
    }

    /// Hands over what was held back.
    pub fn finish(self) -> Result<()> {
        match self.held.is_empty() {
            true => Ok(()),
            false => self.host.output(&self.held),
        }
    }

    /// What is held, replaced, up to where it may be cut inside a mapped path.
    fn replaced(&mut self) -> Vec<u8> {
        let mut done = Vec::with_capacity(self.held.len());
        let mut rest = self.held.as_slice();
        while let Some(first) = rest.first() {
            if let Some((from, to)) = self.maps.iter().find(|(from, _)| rest.starts_with(from)) {
                done.extend_from_slice(to);
                rest = &rest[from.len()..];
            } else if self.maps.iter().any(|(from, _)| from.starts_with(rest)) {
                break;
            } else {
                done.push(*first);
                rest = &rest[1..];
            }
        }
        self.held = rest.to_vec();
        done
    }
}

impl Host for RealPaths<'_> {
    fn output(&mut self, bytes: &[u8]) -> Result<()> {
        self.held.extend_from_slice(bytes);
        let text = self.replaced();
        match text.is_empty() {
            true => Ok(()),
            false => self.host.output(&text),
        }
    }

    fn cancelled(&self) -> bool {
        self.host.cancelled()
    }
}

/// The error of a build with real paths in the output that it keeps.
pub(crate) fn in_error(error: Error, local: &[Package]) -> Error {
    match error {
        Error::Cargo { what, status, tail } => {
            let tail = local.iter().fold(tail, |tail, package| {
                tail.replace(&mapped(&package.name), &with_slash(package.folder()))
            });
            Error::Cargo { what, status, tail }
        }
        other => other,
    }
}

fn mapped(name: &str) -> String {
    format!("/src/{name}/")
}

fn with_slash(folder: &Path) -> String {
    format!("{}/", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown(Vec<u8>);

    impl Host for Shown {
        fn output(&mut self, bytes: &[u8]) -> Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn package(name: &str, folder: &str) -> Package {
        serde_json::from_value(serde_json::json!({
            "name": name, "source": null, "manifest_path": format!("{folder}/Cargo.toml"), "targets": [],
        }))
        .unwrap()
    }

    #[test]
    fn paths_are_the_real_ones_however_the_output_is_cut() {
        let local = [package("core", "/home/me/a/core"), package("core-x", "/x")];
        let text = b"error\n --> /src/core/src/lib.rs:3:5\n ::: /src/core-x/src/a.rs\n at /src/other/lib.rs /sr";
        let expected = "error\n --> /home/me/a/core/src/lib.rs:3:5\n ::: /x/src/a.rs\n at /src/other/lib.rs /sr";
        for size in 1..=text.len() {
            let mut shown = Shown(Vec::new());
            let mut paths = RealPaths::new(&mut shown, &local);
            for part in text.chunks(size) {
                paths.output(part).unwrap();
            }
            paths.finish().unwrap();
            assert_eq!(
                String::from_utf8(shown.0).unwrap(),
                expected,
                "in parts of {size}"
            );
        }
    }
}
