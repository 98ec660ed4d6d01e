//! What zkhost refuses to build, by name and before anything is compiled.

use std::path::Path;

use crate::error::{Error, Result};
use crate::metadata::{same_file, Package};
use crate::survey::Survey;

/// The versions of risc0-zkvm whose guests run with the kernel and the verifier of this build.
const RISC0: [u64; 2] = [3, 0];

/// Refuses a guest package whose manifest asks for another risc0, before dependencies are looked up.
pub(crate) fn requirement(survey: &Survey, manifest: &Path) -> Result<()> {
    let guest = survey
        .packages
        .iter()
        .find(|member| same_file(&member.manifest_path, manifest))
        .ok_or_else(|| crate::metadata::workspace_alone(manifest))?;
    let other = guest.dependencies.iter().find(|dependency| {
        dependency.name == "risc0-zkvm"
            && dependency.kind.is_none()
            && dependency.path.is_none()
            && !admits(&dependency.req)
    });
    match other {
        Some(dependency) => Err(another_risc0(&guest.name, &dependency.req)),
        None => Ok(()),
    }
}

/// Crates of which a guest links one copy: they hold its entry point, its allocator and its journal.
const ONCE: [&str; 2] = ["risc0-zkvm", "risc0-zkvm-platform"];

/// Refuses what is linked into a guest and cannot be.
pub(crate) fn linked(guest: &Package, packages: &[&Package]) -> Result<()> {
    for package in packages {
        if package.name == "risc0-zkvm" && !is_risc0(&package.version) {
            return Err(another_risc0(&guest.name, &package.version));
        }
        if !package.risc0().methods.is_empty() {
            return Err(methods_crate(guest, package));
        }
    }
    for name in ONCE {
        let copies: Vec<_> = packages.iter().filter(|each| each.name == name).collect();
        if let [first, second, ..] = copies[..] {
            return Err(two_copies(guest, first, second));
        }
    }
    Ok(())
}

/// Whether a requirement such as "^3.0.3" may mean a version we build. What is no plain requirement is left to the lookup.
fn admits(requirement: &str) -> bool {
    let comparators: Vec<&str> = requirement.split(',').map(str::trim).collect();
    let [comparator] = comparators[..] else {
        return true;
    };
    let operator: String = comparator
        .chars()
        .take_while(|c| !c.is_ascii_digit() && *c != '*')
        .collect();
    let version = comparator[operator.len()..].trim();
    let mut numbers = version.split(['.', '-', '+']).map(str::parse::<u64>);
    let Some(Ok(major)) = numbers.next() else {
        return true;
    };
    match operator.trim() {
        "^" => major == RISC0[0],
        "=" | "~" => {
            major == RISC0[0] && !matches!(numbers.next(), Some(Ok(minor)) if minor != RISC0[1])
        }
        _ => true,
    }
}

fn is_risc0(version: &str) -> bool {
    let numbers: Vec<u64> = version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    numbers.starts_with(&RISC0)
}

fn another_risc0(guest: &str, version: &str) -> Error {
    let [major, minor] = RISC0;
    Error::unbuildable(
        format!("{guest} uses risc0-zkvm {version}, and this zkhost builds guests of risc0-zkvm {major}.{minor}"),
        format!(
            "depend on risc0-zkvm = \"{major}.{minor}\", with all that depends on it (`cargo tree -i risc0-zkvm` shows \
             it); Cargo.lock was not changed"
        ),
    )
}

fn two_copies(guest: &Package, first: &Package, second: &Package) -> Error {
    let place = |package: &Package| match &package.source {
        Some(source) => format!("{} from {source}", package.version),
        None => format!("{} in {}", package.version, package.folder().display()),
    };
    Error::unbuildable(
        format!(
            "{} links two copies of {}: {}, and {}",
            guest.name,
            first.name,
            place(first),
            place(second)
        ),
        format!(
            "take both from one place: with `[patch.crates-io] {} = {{ ... }}` in the workspace's Cargo.toml the crates that \
             depend on it by version follow; Cargo.lock was not changed",
            first.name
        ),
    )
}

fn methods_crate(guest: &Package, methods: &Package) -> Error {
    Error::unbuildable(
        format!(
            "{} depends on the methods crate {}, whose build script builds other guests by itself, with image IDs that are \
             not zkhost's",
            guest.name, methods.name
        ),
        format!(
            "drop that dependency; name the guests in `verifies` of [tool.zkhost.guests.{}] in pyproject.toml, and take \
             their IDs from src/image_ids.rs, which zkhost writes",
            guest.name
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_of_another_risc0_are_told_from_those_that_may_mean_ours() {
        for ours in [
            "^3.0",
            "^3",
            "^3.0.3",
            "=3.0.3",
            "~3.0",
            "*",
            ">=2",
            ">=3, <4",
            "3.*",
            "^3.0.0-rc.1",
        ] {
            assert!(admits(ours), "{ours}");
        }
        for other in [
            "^2.1",
            "=2.3.1",
            "^1",
            "=3.1.0-rc.1",
            "~3.1",
            "^4.0.0",
            "^0.21.0",
            "^5.0.0-rc.1",
        ] {
            assert!(!admits(other), "{other}");
        }
    }

    #[test]
    fn every_3_0_is_ours() {
        assert!(is_risc0("3.0.0") && is_risc0("3.0.6") && is_risc0("3.0.0-rc.1"));
        assert!(!is_risc0("2.3.0") && !is_risc0("3.1.0-rc.1") && !is_risc0("30.0.0"));
    }
}
