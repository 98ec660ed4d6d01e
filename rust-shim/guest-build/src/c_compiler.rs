//! The compiler of C code in guests, which the crate `cc` finds in variables named for the target.
//!
//! | order | what                                                                                     |
//! |-------|------------------------------------------------------------------------------------------|
//! | 1     | CC_… or CFLAGS_… of the target, in the environment, the guest's `env`, or `[env]` of a .cargo/config.toml: nothing is added |
//! | 2     | rzup's C++ component                                                                     |
//! | 3     | a name that says what is missing, rather than a compiler for another machine             |
//!
//! As cargo risczero does, but for `[env]`, which it overrides.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::places::Places;
use crate::toolchain::Toolchain;

/// What stands for the compiler where there is none: cc's error names it.
const MISSING: &str = "/no_risc0_cpp_toolchain_installed_run_rzup_install_cpp";
const FLAGS: &str = "-march=rv32im -nostdlib";
/// The variables that the crate cc asks for this target, in its order; all are watched.
pub(crate) const VARIABLES: [&str; 9] = [
    "CC_riscv32im-risc0-zkvm-elf",
    "CC_riscv32im_risc0_zkvm_elf",
    "TARGET_CC",
    "CFLAGS_riscv32im-risc0-zkvm-elf",
    "CFLAGS_riscv32im_risc0_zkvm_elf",
    "TARGET_CFLAGS",
    "AR_riscv32im_risc0_zkvm_elf",
    "CXX_riscv32im_risc0_zkvm_elf",
    "CXXFLAGS_riscv32im_risc0_zkvm_elf",
];

/// Sets the compiler for a build in `folder`, unless it was chosen.
pub(crate) fn apply(
    command: &mut Command,
    places: &Places,
    toolchain: &Toolchain,
    folder: &Path,
    own: &BTreeMap<String, String>,
) {
    let configured = config_variables(folder, &places.cargo_home);
    let given = |name: &str| {
        own.contains_key(name)
            || std::env::var_os(name).is_some()
            || configured.iter().any(|each| each == name)
    };
    let chosen = |prefix: &str| {
        VARIABLES
            .iter()
            .filter(|name| name.starts_with(prefix) || *name == &format!("TARGET_{prefix}"))
            .any(|name| given(name))
    };
    if chosen("CC") {
        return;
    }
    if chosen("CFLAGS") {
        // `CC=clang` with flags for the target means it for guests; alone it means this machine.
        if let Some(compiler) = std::env::var_os("CC") {
            command.env("CC_riscv32im_risc0_zkvm_elf", compiler);
        }
        return;
    }
    let compiler = toolchain.c_compiler.as_deref();
    command
        .env(
            "CC_riscv32im_risc0_zkvm_elf",
            compiler.unwrap_or(Path::new(MISSING)),
        )
        .env("CFLAGS_riscv32im_risc0_zkvm_elf", FLAGS);
}

/// What to do where cargo's output says that the compiler is missing.
pub(crate) fn hint(output: &str) -> Option<&'static str> {
    output.contains(MISSING).then_some(
        "the guest has C in it: run `rzup install cpp`, or with Debian's clang set \
         CC_riscv32im_risc0_zkvm_elf=clang and CFLAGS_riscv32im_risc0_zkvm_elf=\"--target=riscv32-unknown-elf \
         -march=rv32im -mabi=ilp32 -nostdlib\", in the environment, in [env] of .cargo/config.toml, or as `env` of \
         [tool.zkhost.guests.NAME] in pyproject.toml",
    )
}

/// The names in `[env]` of the configuration files that cargo reads in a folder.
fn config_variables(folder: &Path, cargo_home: &Path) -> Vec<String> {
    let files = folder
        .ancestors()
        .map(|above| above.join(".cargo"))
        .chain([cargo_home.to_owned()])
        .flat_map(|folder| [folder.join("config.toml"), folder.join("config")]);
    files
        .filter_map(|file: PathBuf| fs::read_to_string(file).ok()?.parse::<toml::Table>().ok())
        .filter_map(|table| table.get("env")?.as_table().cloned())
        .flat_map(|variables| variables.keys().cloned().collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::Origin;

    fn set(
        folder: &Path,
        own: &[(&str, &str)],
        compiler: Option<&str>,
    ) -> BTreeMap<String, String> {
        let toolchain = Toolchain {
            origin: Origin::Debian,
            root: "/usr".into(),
            rustc: "/usr/bin/rustc".into(),
            cargo: "/usr/bin/cargo".into(),
            linker: None,
            build_std: true,
            c_compiler: compiler.map(PathBuf::from),
        };
        let places = Places {
            cargo_home: folder.join("home"),
            ..Places::from_env()
        };
        let own = own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut command = Command::new("cargo");
        apply(&mut command, &places, &toolchain, folder, &own);
        command
            .get_envs()
            .filter_map(|(name, value)| {
                Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned()))
            })
            .collect()
    }

    #[test]
    fn a_compiler_that_was_chosen_is_left_alone_and_else_rzups_or_a_name_that_says_what_is_missing()
    {
        let root = std::env::temp_dir().join(format!("zkhost-cc-{}", std::process::id()));
        let guest = root.join("project/guest");
        fs::create_dir_all(&guest).unwrap();
        let compiler = "CC_riscv32im_risc0_zkvm_elf";
        assert_eq!(set(&guest, &[], Some("/cpp/gcc"))[compiler], "/cpp/gcc");
        assert_eq!(set(&guest, &[], None)[compiler], MISSING);
        assert!(hint(&format!("failed to find tool {MISSING:?}")).is_some());
        assert!(set(&guest, &[(compiler, "clang")], None).is_empty());

        let config = root.join("project/.cargo/config.toml");
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::write(&config, "[env]\nCC_riscv32im_risc0_zkvm_elf = \"clang\"\n").unwrap();
        assert!(
            set(&guest, &[], Some("/cpp/gcc")).is_empty(),
            "[env] of a folder above"
        );
        fs::write(&config, "[env]\nOTHER = \"x\"\n").unwrap();
        assert_eq!(set(&guest, &[], None)[compiler], MISSING);
        fs::remove_dir_all(&root).unwrap();
    }
}
