//! Builds std for the guest once, into a sysroot of rzup's own layout, so that no project pays for it again and
//! any stable cargo can build guests with it.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{At, Error, Result};
use crate::places::Places;
use crate::toolchain::{rustc_version, SysrootRecord, SYSROOT_RECORD};
use crate::{cargo, wrapper, Host, Toolchain, TARGET};

const MANIFEST: &str = "[package]\nname = \"zkhost-std\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n";

/// Builds the sysroot with a toolchain that has the source of std; returns its folder.
///
/// It is `v1.96.0-rust-HOST` in the toolchains folder, as rzup names them, with bin/rustc and the guest's std. bin/rustc
/// is a script around the toolchain's compiler, so the sysroot goes stale when that compiler is replaced.
pub fn build_sysroot(
    toolchain: &Toolchain,
    places: &Places,
    host: &mut dyn Host,
) -> Result<PathBuf> {
    if !toolchain.build_std {
        return Err(Error::toolchain(
            format!("{} has std for guests already", toolchain.root.display()),
            "there is nothing to build",
        ));
    }
    let versions = toolchain.versions()?;
    let name = format!("v{}-rust-{}", versions.rustc, versions.host);
    let parent = places.toolchains();
    let work = parent.join(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_dir_all(&work);
    let built = compile(toolchain, places, &work, host).and_then(|libraries| {
        assemble(toolchain, &versions.host, &libraries, &work.join("sysroot"))
    });
    let finished = built.and_then(|()| {
        let root = parent.join(&name);
        if root.exists() {
            fs::remove_dir_all(&root).at(&root)?;
        }
        fs::rename(work.join("sysroot"), &root).at(&root)?;
        Ok(root)
    });
    let _ = fs::remove_dir_all(&work);
    finished
}

/// Builds an empty crate with std; returns the libraries of std.
fn compile(
    toolchain: &Toolchain,
    places: &Places,
    work: &Path,
    host: &mut dyn Host,
) -> Result<Vec<PathBuf>> {
    let (krate, target) = (work.join("crate"), work.join("target"));
    fs::create_dir_all(&krate).at(&krate)?;
    for (file, text) in [("Cargo.toml", MANIFEST), ("lib.rs", "")] {
        fs::write(krate.join(file), text).at(&krate)?;
    }
    let flags = cargo::rustc_flags(&toolchain.versions()?, &[]);
    let mut command = cargo::command(places, toolchain, &flags);
    command
        .arg("build")
        .args(cargo::test_target_args(toolchain))
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&krate);
    wrapper::apply_to_std(&mut command, places, toolchain, &target)?;
    cargo::run(command, "building std", host)?;
    let deps = target.join(TARGET).join("release/deps");
    let entries = fs::read_dir(&deps).at(&deps)?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "rlib"))
        .filter(|path| !path.to_string_lossy().contains("libzkhost_std-"))
        .collect())
}

/// Puts the sysroot together: the guest's std, this machine's std by link, and rustc as a script.
fn assemble(toolchain: &Toolchain, host: &str, libraries: &[PathBuf], root: &Path) -> Result<()> {
    let lib = root.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&lib).at(&lib)?;
    for library in libraries {
        let name = library.file_name().unwrap_or_default();
        fs::copy(library, lib.join(name)).at(library)?;
    }
    let theirs = toolchain.root.join("lib/rustlib").join(host);
    symlink(&theirs, root.join("lib/rustlib").join(host)).at(&theirs)?;

    let bin = root.join("bin");
    fs::create_dir_all(&bin).at(&bin)?;
    let script = format!(
        "#!/bin/sh\nexec '{}' --sysroot \"$(dirname \"$(dirname \"$(readlink -f \"$0\")\")\")\" \"$@\"\n",
        toolchain.rustc.display()
    );
    let rustc = bin.join("rustc");
    fs::write(&rustc, script).at(&rustc)?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).at(&rustc)?;

    let record = SysrootRecord {
        rustc: toolchain.rustc.clone(),
        cargo: toolchain.cargo.clone(),
        version: rustc_version(&toolchain.rustc)
            .map_err(|reason| Error::toolchain(reason, "run `zkhost install`"))?,
    };
    let text = toml::to_string(&record).unwrap_or_default();
    fs::write(root.join(SYSROOT_RECORD), text).at(root)
}
