"""Which built guests a folder means, for `zkhost.load` and for the command line alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import zkhost
from zkhost.cli._guest_io import read_program
from zkhost.errors import GuestNotFoundError

MANIFEST = '[package]\nname = "{name}"\n[dependencies]\nrisc0-zkvm = {{ version = "3", default-features = false }}\n'


def program(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"R0BF" + content.encode())
    return path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def found(folder: Path, name: str | None = None) -> str:
    """What both ways of asking give."""
    loaded, read = zkhost.load(folder, name).program, read_program(folder, name)
    assert loaded == read
    return loaded[4:].decode()


def refused(folder: Path, name: str | None = None) -> str:
    """What both say."""
    with pytest.raises(GuestNotFoundError) as first:
        zkhost.load(folder, name)
    with pytest.raises(GuestNotFoundError) as second:
        read_program(folder, name)
    assert str(first.value) == str(second.value)
    return str(first.value)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """methods/guest with the guests one and two, built."""
    root = tmp_path / "project"
    write(root / "methods/guest/Cargo.toml", MANIFEST.format(name="guest"))
    for name in ("one", "two"):
        write(root / f"methods/guest/src/bin/{name}.rs", "")
        program(root / f"methods/{name}.bin", f"the project's {name}")
    return root


PLACES = ["", "methods", "methods/guest", "methods/guest/src"]


@pytest.mark.parametrize("place", PLACES)
def test_a_project_from_each_of_its_folders(project: Path, place: str) -> None:
    assert found(project / place, "one") == "the project's one"
    assert "more than one guest" in refused(project / place)
    assert "it has one, two" in refused(project / place, "three")


@pytest.mark.parametrize("place", PLACES)
def test_stray_files_do_not_hide_the_project(project: Path, place: str) -> None:
    (project / place / "data.bin").write_bytes(b"anything")
    program(project / place / "stray.bin", "stray")
    assert found(project / place, "two") == "the project's two"
    assert "no guest stray" in refused(project / place, "stray")


def test_the_only_guest_needs_no_name_whatever_lies_beside_it(project: Path) -> None:
    (project / "methods/guest/src/bin/two.rs").unlink()
    assert found(project) == found(project / "methods") == "the project's one", "two.bin is of a guest that is gone"


def test_what_is_not_built_is_not_taken_from_elsewhere(project: Path) -> None:
    (project / "methods/one.bin").unlink()
    assert f"run `zkhost build` in {project}" in refused(project, "one")
    stray = program(project / "one.bin", "stray")
    assert f"or name the file {stray} if that is what you mean" in refused(project, "one")
    assert read_program(stray) == b"R0BFstray"


def test_a_folder_of_programs_inside_a_project_is_itself(project: Path) -> None:
    program(project / "released/one.bin", "released")
    assert found(project / "released", "one") == found(project / "released") == "released"


def test_another_folder_of_a_project_means_the_project(project: Path) -> None:
    (project / "host").mkdir()
    (project / "host/data.bin").write_bytes(b"not a program")
    assert found(project / "host", "one") == "the project's one"


def test_a_folder_of_programs_without_a_project(tmp_path: Path) -> None:
    program(tmp_path / "a.bin", "a")
    (tmp_path / "data.bin").write_bytes(b"not a program")
    (tmp_path / "folder.bin").mkdir()
    assert found(tmp_path) == "a"
    program(tmp_path / "b.bin", "b")
    assert found(tmp_path, "b") == "b"
    assert "it has a, b" in refused(tmp_path)
    assert "no guest package" in refused(tmp_path / "folder.bin")


def test_a_file_is_itself(tmp_path: Path) -> None:
    path = program(tmp_path / "a.bin", "a")
    assert zkhost.load(path).program == read_program(path) == b"R0BFa"
    assert zkhost.load(path).name == "a"


def test_load_is_a_function_whatever_was_imported_before() -> None:
    code = "import zkhost.project.loading, zkhost.provers.planning.estimate, zkhost; assert callable(zkhost.load) and callable(zkhost.estimate)"
    subprocess.run([sys.executable, "-c", code], check=True)
