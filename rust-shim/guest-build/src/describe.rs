//! What a build of a package would go by, for builds that run elsewhere, in a container.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{At, Result};
use crate::places::Places;
use crate::toolchain::Toolchain;
use crate::{fresh, metadata, Host, Request};

/// A guest package as it would be built.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The package's name.
    pub package: String,
    /// The bins that its features allow.
    pub bins: Vec<String>,
    /// The rustc flags of its manifest, which come before zkhost's own.
    pub rustc_flags: Vec<String>,
    /// The SHA-256 of the project's sources, as a build records it.
    pub source: String,
    /// The folders of the project's own crates.
    pub local: Vec<PathBuf>,
    /// The workspace's root: Cargo.lock is there.
    pub workspace: PathBuf,
    /// Name and folder of the crates that cargo must be given in place of those of crates.io.
    pub patches: Vec<(String, PathBuf)>,
}

/// Describes a package, refusing what a build refuses. Needs a cargo, but no toolchain for guests.
pub fn describe(request: &Request, places: &Places, host: &mut dyn Host) -> Result<Description> {
    let toolchain = Toolchain::for_metadata(places)?;
    let package = std::path::absolute(&request.package).at(&request.package)?;
    let crates = request.crates.as_deref();
    let project = metadata::read(places, &toolchain, &package, request.locked, crates, host)?;
    let nowhere = Path::new("/nonexistent");
    Ok(Description {
        package: project.package.name.clone(),
        bins: project
            .package
            .bins(&request.features)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        rustc_flags: project.package.risc0().rustc_flags,
        source: fresh::source_digest(&project, nowhere, &request.excluded)?,
        local: project
            .local
            .iter()
            .map(|package| package.folder().to_owned())
            .collect(),
        workspace: project.workspace.clone(),
        patches: project.patches,
    })
}
