"""Project layouts, told apart by their manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkhost.errors import BuildError, GuestNotFoundError
from zkhost.project.discover import find_project
from zkhost.project.manifest import Side, read_manifest

GUEST = '[package]\nname = "{name}"\n[dependencies]\nrisc0-zkvm = {{ version = "3", default-features = false }}\n'


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def package(folder: Path, name: str = "multiply", *files: str) -> None:
    write(folder / "Cargo.toml", GUEST.format(name=name))
    for file in files or ("src/main.rs",):
        write(folder / file)


def test_the_layout_of_cargo_risczero(tmp_path: Path) -> None:
    write(tmp_path / "Cargo.toml", '[workspace]\nmembers = ["host", "methods"]\n')
    package(tmp_path / "host", "host")
    write(
        tmp_path / "methods/Cargo.toml", '[package]\nname = "methods"\n[package.metadata.risc0]\nmethods = ["guest"]\n'
    )
    package(tmp_path / "methods/guest")
    for start in (tmp_path, tmp_path / "methods", tmp_path / "methods/guest/src"):
        project = find_project(start)
        assert [p.name for p in project.packages] == ["multiply"], start
        assert project.methods == tmp_path / "methods"
    assert find_project(tmp_path).root == find_project(tmp_path / "methods").root == tmp_path


def test_the_layout_of_zkhost_new(tmp_path: Path) -> None:
    package(tmp_path / "methods/guest", "factors", "src/main.rs", "src/bin/other.rs", "src/bin/third/main.rs")
    project = find_project(tmp_path)
    assert project.root == tmp_path
    assert project.packages[0].bins == ("factors", "other", "third")
    assert find_project(tmp_path / "methods").root == tmp_path
    assert project.lock == tmp_path / "zkhost.lock"


def test_a_guest_folder_alone(tmp_path: Path) -> None:
    package(tmp_path / "guest")
    project = find_project(tmp_path)
    assert (project.root, project.methods) == (tmp_path, tmp_path / "methods")


def test_a_plain_package(tmp_path: Path) -> None:
    package(tmp_path)
    project = find_project(tmp_path)
    assert (project.packages[0].folder, project.methods) == (tmp_path, tmp_path / "methods")


def test_a_workspace_of_guests_is_a_guess_that_leaves_libraries_and_host_crates_out(tmp_path: Path) -> None:
    members = '"guests/*", "lib", "tool", "prover", "client"'
    write(tmp_path / "Cargo.toml", f"[workspace]\nmembers = [{members}]\nexclude = ['guests/c']\n")
    package(tmp_path / "guests/a", "a")
    package(tmp_path / "guests/b", "b")
    package(tmp_path / "guests/c", "excluded")
    package(tmp_path / "prover", "prover")
    with (tmp_path / "prover/Cargo.toml").open("a") as file:
        file.write('[features]\ndefault = ["real"]\nreal = ["risc0-zkvm/prove"]\n')
    write(tmp_path / "client/Cargo.toml", '[package]\nname = "client"\n[dependencies]\nrisc0-zkvm = "3"\n')
    write(tmp_path / "client/src/main.rs")
    package(tmp_path / "lib", "lib", "src/lib.rs")
    write(tmp_path / "tool/Cargo.toml", '[package]\nname = "tool"\n')
    write(tmp_path / "tool/src/main.rs")
    project = find_project(tmp_path)
    assert [p.name for p in project.packages] == ["a", "b"]
    assert project.guessed
    assert [p.name for p in find_project(tmp_path / "guests/a").packages] == ["a"], "the folder named is the project"


def test_declared_bins_and_autobins(tmp_path: Path) -> None:
    text = GUEST.format(name="p") + '[[bin]]\nname = "one"\npath = "src/main.rs"\n[[bin]]\nname = "two"\n'
    write(tmp_path / "Cargo.toml", text)
    for file in ("src/main.rs", "src/bin/two.rs", "src/bin/three.rs"):
        write(tmp_path / file)
    assert find_project(tmp_path).packages[0].bins == ("one", "two", "three")
    write(tmp_path / "Cargo.toml", text.replace('name = "p"\n', 'name = "p"\nautobins = false\n', 1))
    assert find_project(tmp_path).packages[0].bins == ("one", "two")


def test_a_guest_is_named_by_its_bin_or_its_package(tmp_path: Path) -> None:
    package(tmp_path / "methods/guest", "all", "src/bin/a.rs", "src/bin/b.rs")
    project = find_project(tmp_path)
    assert project.owners("a") == project.owners("all") == project.packages
    with pytest.raises(GuestNotFoundError, match="no guest 'c'") as caught:
        project.owners("c")
    assert caught.value.hint == "its guests: a, b"


DEPENDENCIES = {
    "plain": ('risc0-zkvm = { version = "3", default-features = false }', Side.GUEST),
    "std": ('risc0-zkvm = { version = "3", default-features = false, features = ["std", "unstable"] }', Side.GUEST),
    "the guest crate alone": ('zkhost-guest = "0.1"', Side.GUEST),
    "the guest crate and default features": ('zkhost-guest = "0.1"\nrisc0-zkvm = "3"', Side.GUEST),
    "renamed": ('vm = { package = "risc0-zkvm", version = "3", default-features = false }', Side.GUEST),
    "inherited": ("risc0-zkvm = { workspace = true }", Side.GUEST),
    "inherited, renamed": ("vm.workspace = true", Side.GUEST),
    "default features": ('risc0-zkvm = "3"', Side.HOST),
    "prove": ('risc0-zkvm = { version = "3", default-features = false, features = ["prove"] }', Side.HOST),
    "inherited with client": ('risc0-zkvm = { workspace = true, features = ["client"] }', Side.HOST),
    "renamed host": ('vm = { package = "risc0-zkvm", version = "3" }', Side.HOST),
    "for the zkVM": (
        "[target.'cfg(target_os = \"zkvm\")'.dependencies]\n"
        + 'risc0-zkvm = { version = "3", default-features = false }',
        Side.GUEST,
    ),
    "for its triple": (
        "[target.riscv32im-risc0-zkvm-elf.dependencies]\n" + 'risc0-zkvm = { version = "3", default-features = false }',
        Side.GUEST,
    ),
    "for hosts": (
        "[target.'cfg(not(target_os = \"zkvm\"))'.dependencies]\n"
        + 'risc0-zkvm = { version = "3", features = ["prove"] }',
        Side.NEITHER,
    ),
    "both": (
        'risc0-zkvm = { version = "3", default-features = false }\n'
        "[target.'cfg(all(unix, not(target_os = \"zkvm\")))'.dependencies]\n"
        'risc0-zkvm = { version = "3", features = ["prove"] }',
        Side.GUEST,
    ),
    "neither": ('serde = "1"', Side.NEITHER),
}
WORKSPACE = """[workspace.dependencies]
risc0-zkvm = { version = "3", default-features = false }
vm = { package = "risc0-zkvm", version = "3", default-features = false }
"""


@pytest.mark.parametrize("case", DEPENDENCIES)
def test_guests_and_hosts_are_told_apart_by_their_dependencies(case: str, tmp_path: Path) -> None:
    dependencies, side = DEPENDENCIES[case]
    write(tmp_path / "Cargo.toml", WORKSPACE)
    write(tmp_path / "member/Cargo.toml", f'[package]\nname = "m"\n[dependencies]\n{dependencies}\n')
    assert read_manifest(tmp_path / "member").side(read_manifest(tmp_path)) is side


def test_a_host_alone_is_no_project_and_the_error_says_what_makes_a_guest(tmp_path: Path) -> None:
    write(tmp_path / "Cargo.toml", '[package]\nname = "app"\n[dependencies]\nrisc0-zkvm = "3"\n')
    write(tmp_path / "src/main.rs")
    with pytest.raises(GuestNotFoundError) as caught:
        find_project(tmp_path)
    assert "app: risc0-zkvm with default features" in (caught.value.hint or "")


def test_guests_below_a_folder_without_any_are_named(tmp_path: Path) -> None:
    package(tmp_path / "examples/one/methods/guest")
    package(tmp_path / "rust/guest")
    with pytest.raises(GuestNotFoundError) as caught:
        find_project(tmp_path)
    assert "in rust, examples/one: name one" in (caught.value.hint or "")


def test_settings_name_the_packages_or_leave_some_out(tmp_path: Path) -> None:
    write(tmp_path / "Cargo.toml", '[workspace]\nmembers = ["a", "b", "c"]\n')
    for name in "abc":
        package(tmp_path / name, name)
    write(tmp_path / "pyproject.toml", '[tool.zkhost]\nexclude = ["b"]\n')
    assert [p.name for p in find_project(tmp_path).packages] == ["a", "c"]
    write(tmp_path / "pyproject.toml", '[tool.zkhost]\npackages = ["c"]\n')
    project = find_project(tmp_path)
    assert ([p.name for p in project.packages], project.guessed) == (["c"], False)
    write(tmp_path / "pyproject.toml", '[tool.zkhost]\npackages = ["gone"]\n')
    with pytest.raises(GuestNotFoundError, match="'gone'"):
        find_project(tmp_path)


def test_two_packages_with_a_guest_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "Cargo.toml", '[workspace]\nmembers = ["a", "b"]\n')
    package(tmp_path / "a", "a", "src/bin/same.rs")
    package(tmp_path / "b", "b", "src/bin/same.rs")
    with pytest.raises(BuildError, match="have a guest called same: a and b"):
        find_project(tmp_path)


def test_nothing_there_says_what_a_project_is(tmp_path: Path) -> None:
    with pytest.raises(GuestNotFoundError, match="no guest package") as caught:
        find_project(tmp_path)
    assert "zkhost new" in (caught.value.hint or "")
    with pytest.raises(GuestNotFoundError, match="not a folder"):
        find_project(tmp_path / "missing")


def test_a_manifest_that_is_no_toml_is_named(tmp_path: Path) -> None:
    write(tmp_path / "methods/guest/Cargo.toml", "[package")
    with pytest.raises(BuildError, match=r"methods/guest/Cargo\.toml is not TOML"):
        find_project(tmp_path)


def test_a_methods_entry_without_package_is_named(tmp_path: Path) -> None:
    write(tmp_path / "Cargo.toml", '[package]\nname = "methods"\n[package.metadata.risc0]\nmethods = ["gone"]\n')
    with pytest.raises(GuestNotFoundError, match="'gone'"):
        find_project(tmp_path)
