//! Guest builds: the toolchain, cargo, the program binaries. The work is done by the crate `guest_build`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use guest_build::{
    Description, Error, Places, Report, Request, TestReport, TestRequest, Toolchain, Versions,
};
use serde::{Deserialize, Serialize};

use crate::error::{Kind, Result, ShimError};
use crate::host::Host;

/// The file descriptor on which cargo's output goes to the host.
const STDERR: u32 = 2;

#[derive(Deserialize)]
pub struct BuildRequest {
    /// The folder of the guest package.
    package: PathBuf,
    #[serde(default)]
    bins: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
    /// Variables for cargo and all that it runs.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The folder of the crates that stand for those of the same names on crates.io.
    crates: Option<PathBuf>,
    /// Files among the package's that these bins do not read.
    #[serde(default)]
    excluded: Vec<PathBuf>,
    #[serde(default)]
    locked: bool,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    debug: bool,
    target: Option<PathBuf>,
    progress_width: Option<u16>,
}

impl From<BuildRequest> for Request {
    fn from(request: BuildRequest) -> Self {
        Self {
            package: request.package,
            bins: request.bins,
            features: request.features,
            env: request.env,
            crates: request.crates,
            excluded: request.excluded,
            locked: request.locked,
            force: request.force,
            debug: request.debug,
            target: request.target,
            progress_width: request.progress_width,
        }
    }
}

/// `build_guests {package, bins, features, env, crates, excluded, locked, force, debug, target, progress_width}`: builds
/// the bins of a guest package. What cargo prints goes to file descriptor 2 of the host.
pub fn build_guests(request: BuildRequest, host: &Host) -> Result<Report> {
    guest_build::build(&request.into(), &Places::from_env(), &mut Output(host)).map_err(Into::into)
}

/// `describe_guests {package, features, crates, excluded, locked}`: what a build would go by, for one that runs elsewhere.
pub fn describe_guests(request: BuildRequest, host: &Host) -> Result<Description> {
    guest_build::describe(&request.into(), &Places::from_env(), &mut Output(host))
        .map_err(Into::into)
}

#[derive(Deserialize)]
pub struct BuildTestsRequest {
    /// The folder of the guest package.
    package: PathBuf,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    crates: Option<PathBuf>,
    #[serde(default)]
    locked: bool,
    target: Option<PathBuf>,
    progress_width: Option<u16>,
}

/// `build_tests {package, features, env, crates, locked, target, progress_width}`: builds a package's own tests for the zkVM.
/// What cargo prints goes to file descriptor 2 of the host.
pub fn build_tests(request: BuildTestsRequest, host: &Host) -> Result<TestReport> {
    let request = TestRequest {
        package: request.package,
        features: request.features,
        env: request.env,
        crates: request.crates,
        locked: request.locked,
        target: request.target,
        progress_width: request.progress_width,
    };
    guest_build::build_tests(&request, &Places::from_env(), &mut Output(host)).map_err(Into::into)
}

#[derive(Deserialize)]
pub struct ToolchainRequest {}

#[derive(Serialize)]
pub struct ToolchainReply {
    toolchain: Toolchain,
    versions: Versions,
    /// The cargo that fetches git dependencies; none where no cargo here can.
    git_cargo: Option<PathBuf>,
    /// The rustc flags of a guest without flags of its own.
    flags: Vec<String>,
}

/// `toolchain_info {}`: the toolchain that a build would use now.
pub fn toolchain_info(_: ToolchainRequest, _: &Host) -> Result<ToolchainReply> {
    let places = Places::from_env();
    let toolchain = Toolchain::find(&places)?;
    let versions = toolchain.versions()?;
    Ok(ToolchainReply {
        git_cargo: toolchain.git_cargo(&places),
        flags: guest_build::rustc_flags(&versions, &[]),
        toolchain,
        versions,
    })
}

#[derive(Serialize)]
pub struct SysrootReply {
    root: PathBuf,
}

/// `build_toolchain {}`: builds std for guests once, with the toolchain that has its source.
pub fn build_toolchain(_: ToolchainRequest, host: &Host) -> Result<SysrootReply> {
    let places = Places::from_env();
    let source = Toolchain::with_std_source(&places)?;
    let root = guest_build::build_sysroot(&source, &places, &mut Output(host))?;
    Ok(SysrootReply { root })
}

struct Output<'a>(&'a Host);

impl guest_build::Host for Output<'_> {
    fn output(&mut self, bytes: &[u8]) -> guest_build::Result<()> {
        self.0.write(STDERR, bytes).map_err(|_| Error::Cancelled)
    }

    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl From<Error> for ShimError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Toolchain { .. } => Kind::Toolchain,
            Error::GuestNotFound { .. } => Kind::GuestNotFound,
            Error::Cargo { .. } => Kind::Cargo,
            Error::Program { .. } => Kind::InvalidProgram,
            Error::Unbuildable { .. } | Error::Io { .. } => Kind::Build,
            Error::Cancelled => Kind::Cancelled,
        };
        let failed = ShimError::new(kind, error.to_string());
        let failed = match error.hint() {
            Some(hint) => failed.hint(hint),
            None => failed,
        };
        match &error {
            Error::Cargo { tail, .. } => failed.with("output", tail.as_str()),
            _ => failed,
        }
    }
}
