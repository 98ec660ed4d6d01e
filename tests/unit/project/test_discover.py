"""Project layouts, told apart by their manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkhost.errors import BuildError, GuestNotFoundError
from zkhost.project.discover import find_project

GUEST = '[package]\nname = "{name}"\n[dependencies]\nrisc0-zkvm = "3"\n'


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


def test_a_workspace_of_guests_leaves_libraries_and_host_crates_out(tmp_path: Path) -> None:
    write(tmp_path / "Cargo.toml", '[workspace]\nmembers = ["guests/*", "lib", "tool"]\n')
    package(tmp_path / "guests/a", "a")
    package(tmp_path / "guests/b", "b")
    package(tmp_path / "lib", "lib", "src/lib.rs")
    write(tmp_path / "tool/Cargo.toml", '[package]\nname = "tool"\n')
    write(tmp_path / "tool/src/main.rs")
    assert [p.name for p in find_project(tmp_path).packages] == ["a", "b"]


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
