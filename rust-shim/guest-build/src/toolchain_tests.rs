use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

/// A machine of its own in a temporary folder, gone with the value.
struct Machine(PathBuf, Places);

impl Machine {
    fn new(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("zkhost-toolchain-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let places = Places {
            home: root.clone(),
            risc0_home: root.join(".risc0"),
            cargo_home: root.join(".cargo"),
            cache: root.join("cache"),
            toolchain: None,
            path: vec![root.join("path")],
            system: root.join("usr"),
        };
        program(&root.join("path/cargo"), "");
        program(&root.join("path/ld.lld"), "echo 'Debian LLD 14.0.6'");
        Self(root, places)
    }

    fn rzup(&self, folder: &str) -> PathBuf {
        let root = self.1.risc0_home.join("toolchains").join(folder);
        program(&root.join("bin/rustc"), "");
        fs::create_dir_all(root.join("lib/rustlib").join(TARGET).join("lib")).unwrap();
        program(
            &root.join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld"),
            "",
        );
        root
    }

    fn debian(&self, version: &str) {
        let usr = &self.1.system;
        program(
            &usr.join("bin/rustc"),
            &format!("printf 'release: {version}\\ncommit-hash: abc\\nhost: x86_64-unknown-linux-gnu\\n'"),
        );
        program(&usr.join("bin/cargo"), "");
        fs::create_dir_all(usr.join("lib/rustlib/src/rust/library/std")).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn program(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_bare_machine_has_none_and_the_error_says_where_was_looked() {
    let machine = Machine::new("bare");
    let error = Toolchain::find(&machine.1).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Toolchain { .. }), "{error:?}");
    assert!(text.contains(".risc0/toolchains"), "{text}");
    assert!(text.contains("cache/toolchains"), "{text}");
    assert!(text.contains("usr/bin/rustc is missing"), "{text}");
    assert!(error.hint().unwrap().contains("zkhost install"));
}

#[test]
fn rzup_comes_before_debian_and_its_newest_wins() {
    let machine = Machine::new("rzup");
    machine.debian("1.96.0");
    assert_eq!(Toolchain::find(&machine.1).unwrap().origin, Origin::Debian);
    machine.rzup("v1.88.0-rust-x86_64-unknown-linux-gnu");
    let newest = machine.rzup("v1.91.1-rust-x86_64-unknown-linux-gnu");
    machine.rzup("r0.1.81.0-risc0-rust-x86_64-unknown-linux-gnu");
    let found = Toolchain::find(&machine.1).unwrap();
    assert_eq!((found.origin, &found.root), (Origin::Rzup, &newest));
    assert!(!found.build_std);
    assert_eq!(found.linker, None, "its own");
    assert_eq!(found.cargo, machine.0.join("path/cargo"));
}

#[test]
fn the_default_set_in_rzup_is_kept_to() {
    let machine = Machine::new("default");
    let wanted = machine.rzup("v1.88.0-rust-x86_64-unknown-linux-gnu");
    machine.rzup("v1.91.1-rust-x86_64-unknown-linux-gnu");
    let settings = "[default_versions]\nrust = \"1.88.0\"\n";
    fs::write(machine.1.risc0_home.join("settings.toml"), settings).unwrap();
    assert_eq!(Toolchain::find(&machine.1).unwrap().root, wanted);
}

#[test]
fn rzups_c_compiler_is_found_inside_its_folder() {
    let machine = Machine::new("cpp");
    machine.rzup("v1.88.0-rust-x86_64-unknown-linux-gnu");
    let folder = machine
        .1
        .risc0_home
        .join("toolchains/v2024.1.5-cpp-x86_64-unknown-linux-gnu");
    let compiler = folder.join("riscv32im-linux-x86_64/bin/riscv32-unknown-elf-gcc");
    program(&compiler, "");
    assert_eq!(
        Toolchain::find(&machine.1).unwrap().c_compiler,
        Some(compiler)
    );
}

#[test]
fn a_named_toolchain_wins_and_a_wrong_name_is_an_error() {
    let mut machine = Machine::new("named");
    machine.rzup("v1.88.0-rust-x86_64-unknown-linux-gnu");
    machine.debian("1.96.0");
    machine.1.toolchain = Some("debian".to_owned());
    let found = Toolchain::find(&machine.1).unwrap();
    assert_eq!((found.origin, found.build_std), (Origin::Debian, true));
    assert_eq!(found.linker, Some(machine.0.join("path/ld.lld")));
    machine.1.toolchain = Some("/no/such/folder".to_owned());
    let error = Toolchain::find(&machine.1).unwrap_err().to_string();
    assert_eq!(
        error,
        "ZKHOST_GUEST_TOOLCHAIN=/no/such/folder: /no/such/folder/bin/rustc is missing"
    );
}

#[test]
fn debian_without_the_source_of_std_is_no_toolchain() {
    let machine = Machine::new("nosrc");
    machine.debian("1.96.0");
    fs::remove_dir_all(machine.1.system.join("lib")).unwrap();
    let error = Toolchain::find(&machine.1).unwrap_err().to_string();
    assert!(error.contains("nor std's source"), "{error}");
}

#[test]
fn a_compiler_too_old_for_risc0_is_refused() {
    let machine = Machine::new("old");
    machine.debian("1.63.0");
    let error = Toolchain::find(&machine.1)
        .unwrap()
        .versions()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("it is 1.63.0, and risc0 needs 1.88"),
        "{error}"
    );
    machine.debian("1.96.0");
    let versions = Toolchain::find(&machine.1).unwrap().versions().unwrap();
    assert_eq!(
        (versions.rustc.as_str(), versions.linker.as_str()),
        ("1.96.0", "LLD 14.0.6")
    );
    assert_eq!(versions.host, "x86_64-unknown-linux-gnu");
}

#[test]
fn a_sysroot_of_ours_serves_only_the_compiler_that_built_it() {
    let machine = Machine::new("sysroot");
    machine.debian("1.96.0");
    let root = machine
        .1
        .toolchains()
        .join("v1.96.0-rust-x86_64-unknown-linux-gnu");
    program(&root.join("bin/rustc"), "");
    fs::create_dir_all(root.join("lib/rustlib").join(TARGET).join("lib")).unwrap();
    let rustc = machine.1.system.join("bin/rustc");
    let record = SysrootRecord {
        cargo: machine.1.system.join("bin/cargo"),
        version: rustc_version(&rustc).unwrap(),
        rustc,
    };
    fs::write(root.join(SYSROOT_RECORD), toml::to_string(&record).unwrap()).unwrap();
    let found = Toolchain::find(&machine.1).unwrap();
    assert_eq!((found.origin, found.build_std), (Origin::Zkhost, false));
    assert_eq!(found.cargo, machine.1.system.join("bin/cargo"));
    machine.debian("1.97.0");
    assert_eq!(Toolchain::find(&machine.1).unwrap().origin, Origin::Debian);
}

#[test]
fn flags_are_those_of_risc0_build_with_the_guests_own_first() {
    let versions = |rustc: &str| Versions {
        rustc: rustc.to_owned(),
        commit: String::new(),
        host: String::new(),
        linker: String::new(),
    };
    let flags = crate::rustc_flags(
        &versions("1.96.0"),
        &["--cfg".to_owned(), "mine".to_owned()],
    );
    assert_eq!(
        flags.join(" "),
        "--cfg mine -C passes=lower-atomic -C link-arg=-Ttext=0x00200800 -C link-arg=--fatal-warnings -C panic=abort \
         --cfg getrandom_backend=\"custom\""
    );
    assert!(crate::rustc_flags(&versions("1.81.0"), &[]).contains(&"passes=loweratomic".to_owned()));
}
