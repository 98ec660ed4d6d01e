"""Guests in the layouts and with the dependencies that others have, built by the real toolchain or refused by name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from tests.foreign.layouts import guest, methods, workspace
from zkhost.cli.main import cli
from zkhost.errors import BuildError, CargoError, DriftError
from zkhost.project.builder import BuildOptions, BuiltGuest, build_project
from zkhost.project.discover import find_project
from zkhost.project.shipped import guest_crates_folder

# A guest of the platform crate alone builds in seconds, where risc0-zkvm takes minutes the first time.
PLATFORM = (
    'risc0-zkvm-platform = { version = "2.2", default-features = false, '
    'features = ["entrypoint", "panic-handler", "rust-runtime"] }'
)
SOURCE = """#![no_std]
#![no_main]
use risc0_zkvm_platform as _;
{items}
#[no_mangle]
pub extern "C" fn main() -> i32 {{
    core::hint::black_box({value});
    0
}}
"""


def source(value: str, items: str = "") -> str:
    return SOURCE.format(value=value, items=items)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def build(root: Path, options: BuildOptions | None = None) -> dict[str, BuiltGuest]:
    return {built.name: built for built in build_project(find_project(root), options or BuildOptions())}


def zkhost(root: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["build", str(root), *args])


def git(folder: Path, *args: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True)


class Refused(NamedTuple):
    """A project that is refused before anything is compiled, and what the error says."""

    files: dict[str, str]
    said: tuple[str, ...]


def _risc0(requirement: str) -> dict[str, str]:
    return guest("old", "guest", dependency=f'risc0-zkvm = {{ version = "{requirement}", default-features = false }}')


REFUSED = {
    "risc0 2.3": Refused(_risc0("2.3"), ("old uses risc0-zkvm ^2.3, and this zkhost builds guests of risc0-zkvm 3.0",)),
    "risc0 =1.2.6": Refused(_risc0("=1.2.6"), ("old uses risc0-zkvm =1.2.6",)),
    "risc0 5": Refused(_risc0("5.0.0-rc.1"), ("old uses risc0-zkvm ^5.0.0-rc.1",)),
    "a local fork of risc0 of another version": Refused(
        guest("old", "guest", dependency='risc0-zkvm = { path = "../fork", default-features = false }')
        | {
            "fork/Cargo.toml": '[package]\nname = "risc0-zkvm"\nversion = "2.1.0"\n[workspace]\n',
            "fork/src/lib.rs": "",
        },
        ("old uses risc0-zkvm 2.1.0",),
    ),
    "another guest's methods crate": Refused(
        guest("outer", "methods/guest", dependency=f'inner-methods = {{ path = "../../inner" }}\n{PLATFORM}')
        | {
            "inner/Cargo.toml": '[package]\nname = "inner-methods"\nversion = "0.1.0"\n[workspace]\n'
            '[package.metadata.risc0]\nmethods = ["guest"]\n',
            "inner/src/lib.rs": "",
        },
        (
            "outer depends on the methods crate inner-methods",
            "`verifies` of [tool.zkhost.guests.outer]",
            "src/image_ids.rs",
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_be_built_right_is_refused_by_name_and_changes_nothing(name: str, tmp_path: Path) -> None:
    case = REFUSED[name]
    root = write(tmp_path, case.files)
    with pytest.raises(BuildError) as caught:
        build(root)
    assert type(caught.value) is BuildError
    for words in case.said:
        assert words in str(caught.value)
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == set(case.files)


@pytest.mark.slow
def test_two_copies_of_risc0_are_refused_by_name(tmp_path: Path) -> None:
    """As a guest has them that takes risc0 from a git repository and zkhost-guest from crates.io."""
    fork = '[package]\nname = "risc0-zkvm"\nversion = "3.0.1"\n[workspace]\n'
    dependency = 'risc0-zkvm = { path = "../fork" }\nzkhost-guest = "0.1"'
    root = write(
        tmp_path,
        guest("twice", "guest", dependency=dependency) | {"fork/Cargo.toml": fork, "fork/src/lib.rs": ""},
    )
    with pytest.raises(BuildError) as caught:
        build(root)
    assert "twice links two copies of risc0-zkvm: " in str(caught.value)
    assert f"3.0.1 in {root / 'fork'}" in str(caught.value)
    assert not (root / "guest/Cargo.lock").exists()


@pytest.mark.slow
def test_a_refusal_leaves_cargo_lock_as_it_was(tmp_path: Path) -> None:
    root = write(tmp_path, REFUSED["another guest's methods crate"].files)
    lock = root / "methods/guest/Cargo.lock"
    lock.write_text("version = 4\n")
    with pytest.raises(BuildError):
        build(root)
    assert lock.read_text() == "version = 4\n"


INNER_AND_OUTER = (
    workspace("'methods'")
    | methods("methods", "methods", "guest", "outer")
    | guest("inner", "methods/guest", dependency=PLATFORM)
    | guest("outer", "methods/outer", dependency=PLATFORM)
    | {
        "methods/guest/src/main.rs": source("1u32"),
        "methods/outer/src/main.rs": source("&image_ids::INNER_ID", "mod image_ids;"),
        "pyproject.toml": '[tool.zkhost.guests.outer]\nverifies = ["inner"]\n',
    }
)


@pytest.mark.slow
def test_an_outer_guest_knows_the_image_id_of_an_inner_one(tmp_path: Path) -> None:
    root = write(tmp_path, INNER_AND_OUTER)
    first = build(root)
    module = (root / "methods/outer/src/image_ids.rs").read_text()
    words = [f"0x{int.from_bytes(bytes(first['inner'].image_id)[i : i + 4], 'little'):08x}" for i in range(0, 32, 4)]
    assert f"pub const INNER_ID: [u32; 8] = [\n    {', '.join(words)},\n];" in module
    assert bytes(first["inner"].image_id) in first["outer"].elf.read_bytes()
    assert all(built.fresh for built in build(root).values())
    assert zkhost(root, "--check").exit_code == 0

    (root / "methods/guest/src/main.rs").write_text(source("2u32"))
    drifted = zkhost(root, "--check")
    assert isinstance(drifted.exception, DriftError)
    assert "has not the image IDs of inner" in str(drifted.exception)
    second = build(root, BuildOptions(guest="outer"))
    assert second["inner"].image_id != first["inner"].image_id
    assert bytes(second["inner"].image_id) in second["outer"].elf.read_bytes()


@pytest.mark.slow
def test_inner_and_outer_may_be_bins_of_one_package(tmp_path: Path) -> None:
    files = guest("both", "methods/guest", "inner", "outer", dependency=PLATFORM) | {
        "methods/guest/src/bin/inner.rs": source("1u32"),
        "methods/guest/src/bin/outer.rs": source("&image_ids::INNER_ID", '#[path = "../image_ids.rs"]\nmod image_ids;'),
        "pyproject.toml": '[tool.zkhost.guests.outer]\nverifies = ["inner"]\n',
    }
    root = write(tmp_path, files)
    built = build(root)
    assert bytes(built["inner"].image_id) in built["outer"].elf.read_bytes()
    lock = (root / "zkhost.lock").read_text()
    assert all(each.fresh for each in build(root).values()), "the inner guest does not read the file of IDs"
    build(root, BuildOptions(force=True))
    assert (root / "zkhost.lock").read_text() == lock
    assert zkhost(root, "--check").exit_code == 0


@pytest.mark.slow
def test_each_guest_has_its_own_features_and_variables(tmp_path: Path) -> None:
    value = '(cfg!(feature = "fast"), option_env!("COLOUR"))'
    files = guest("pair", "guest", "plain", "fast", dependency=PLATFORM, extra="[features]\nfast = []\n") | {
        "guest/src/bin/plain.rs": source(value),
        "guest/src/bin/fast.rs": source(value),
        "pyproject.toml": '[tool.zkhost.guests.fast]\nfeatures = ["fast"]\nenv = { COLOUR = "vermilion" }\n',
    }
    root = write(tmp_path, files)
    built = build(root)
    assert b"vermilion" in built["fast"].elf.read_bytes()
    assert b"vermilion" not in built["plain"].elf.read_bytes()
    lock = (root / "zkhost.lock").read_text()
    assert 'features = ["fast"]\nenv = ["COLOUR=vermilion"]' in lock
    assert "features = []\nenv = []" in lock
    assert zkhost(root, "--check").exit_code == 0, "no option repeats what the settings say"
    settings = root / "pyproject.toml"
    settings.write_text(settings.read_text().replace("vermilion", "ochre"))
    drifted = zkhost(root, "--check")
    assert isinstance(drifted.exception, DriftError)
    assert "guest fast: the variables changed from COLOUR=vermilion to COLOUR=ochre" in str(drifted.exception)


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """A git repository with a fork of a crate of crates.io, which says so."""
    folder = write(
        tmp_path / "fork",
        {
            "Cargo.toml": '[package]\nname = "fnv"\nversion = "1.0.7"\nedition = "2021"\n[workspace]\n',
            "src/lib.rs": '#![no_std]\npub fn name() -> &\'static str { "the forked one" }\n',
        },
    )
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "fork")
    return folder


def forked(fork: Path, table: str) -> dict[str, str]:
    dependency = f'{PLATFORM}\nfnv = "1.0.7"' if table else f'{PLATFORM}\nfnv = {{ git = "{fork.as_uri()}" }}'
    extra = table.format(uri=fork.as_uri())
    return guest("forked", "guest", dependency=dependency, extra=extra) | {"guest/src/main.rs": source("fnv::name()")}


@pytest.mark.slow
@pytest.mark.parametrize("table", ["", '[patch.crates-io]\nfnv = {{ git = "{uri}" }}\n'], ids=["dependency", "patch"])
def test_git_repositories_are_fetched_whatever_cargo_the_toolchain_has(table: str, fork: Path, tmp_path: Path) -> None:
    root = write(tmp_path / "project", forked(fork, table))
    # The project's host is built by a toolchain that rustup does not have.
    write(root, {"rust-toolchain.toml": '[toolchain]\nchannel = "1.70.0"\n'})
    built = build(root)
    assert b"the forked one" in built["forked"].elf.read_bytes()
    assert zkhost(root, "--check").exit_code == 0


@pytest.mark.slow
def test_where_no_cargo_can_fetch_from_git_the_message_is_enough(
    fork: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/usr/bin/cargo").is_file():
        pytest.skip("Debian's toolchain is not here")
    root = write(tmp_path / "project", forked(fork, ""))
    monkeypatch.setenv("ZKHOST_GUEST_TOOLCHAIN", "debian")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "home/.cargo"))
    with pytest.raises(CargoError) as caught:
        build(root)
    if "git_proxy_options" not in caught.value.output:
        pytest.skip("this Debian's cargo can")
    assert "install cargo by rustup" in (caught.value.hint or "")
    assert "in the same CARGO_HOME" in (caught.value.hint or "")


BUILD_C = """fn main() {
    cc::Build::new().file("sum.c").compile("sum");
}
"""
WITH_C = guest("with-c", "guest", dependency=PLATFORM, extra='[build-dependencies]\ncc = "1"\n') | {
    "guest/build.rs": BUILD_C,
    "guest/sum.c": "unsigned sum(unsigned a, unsigned b) { return a + b; }\n",
    "guest/src/main.rs": source("unsafe { sum(1, 2) }", 'extern "C" {\n    fn sum(a: u32, b: u32) -> u32;\n}'),
}
CLANG = {
    "CC_riscv32im_risc0_zkvm_elf": "clang",
    "CFLAGS_riscv32im_risc0_zkvm_elf": "--target=riscv32-unknown-elf -march=rv32im -mabi=ilp32 -nostdlib",
}


def _in_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CLANG.items():
        monkeypatch.setenv(name, value)


def _published_workaround(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "clang")
    monkeypatch.setenv("CFLAGS_riscv32im_risc0_zkvm_elf", "-target riscv32-unknown-elf")


def _in_config(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f'{name} = "{value}"\n' for name, value in CLANG.items())
    write(root, {".cargo/config.toml": f"[env]\n{lines}"})


def _in_settings(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f'{name} = "{value}"\n' for name, value in CLANG.items())
    write(root, {"pyproject.toml": f"[tool.zkhost.guests.with-c.env]\n{lines}"})


@pytest.mark.slow
@pytest.mark.parametrize("choose", [_in_environment, _published_workaround, _in_config, _in_settings])
def test_c_code_is_compiled_by_the_compiler_that_was_chosen(
    choose: Callable[[Path, pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("clang") is None:
        pytest.skip("clang is not here")
    root = write(tmp_path, WITH_C)
    choose(root, monkeypatch)
    assert build(root)["with-c"].bytes > 0


@pytest.mark.slow
def test_c_code_without_a_compiler_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CLANG, "CC"):
        monkeypatch.delenv(name, raising=False)
    toolchains = Path(os.environ.get("RISC0_HOME", Path.home() / ".risc0")) / "toolchains"
    if list(toolchains.glob("*cpp*")):
        pytest.skip("rzup's C++ component is here")
    with pytest.raises(CargoError) as caught:
        build(write(tmp_path, WITH_C))
    hint = caught.value.hint or ""
    assert "rzup install cpp" in hint
    for name, value in CLANG.items():
        assert name in hint
        assert value in hint


@pytest.mark.slow
@pytest.mark.timeout(1800)  # all of risc0-zkvm, twice, the first time
@pytest.mark.parametrize("version", ["3.0.3", "3.0.6"])
def test_the_guest_crate_builds_with_the_risc0_that_the_guest_pins(version: str, tmp_path: Path) -> None:
    dependency = (
        f'risc0-zkvm = {{ version = "={version}", default-features = false, features = ["std"] }}\nzkhost-guest = "0.1"'
    )
    files = guest("pinned", "guest", dependency=dependency) | {
        "guest/src/main.rs": "fn main() {\n    let n: u32 = zkhost_guest::read();\n    zkhost_guest::commit(&(n + 1));\n}\n"
    }
    root = write(tmp_path, files)
    build(root)
    lock = (root / "guest/Cargo.lock").read_text()
    assert f'name = "risc0-zkvm"\nversion = "{version}"' in lock
    assert str(guest_crates_folder()) not in lock
    assert zkhost(root, "--check").exit_code == 0
