"""The methods module that `zkhost build` writes, and the one that comes with zkhost."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import zkhost.methods
from zkhost.errors import BuildError, GuestNotFoundError
from zkhost.image_id import ImageID, compute_image_id
from zkhost.project.methods_module import constant, module_source, write_methods

ID = "0100000002000000030000000400000005000000060000000700000008000080"


def load(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("made_methods", folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_module_has_program_id_and_path(tmp_path: Path) -> None:
    program = tmp_path / "built.bin"
    program.write_bytes(b"program")
    copies = write_methods(tmp_path / "methods", {"my-guest": program}, {"my-guest": ID})
    module = load(tmp_path / "methods")
    assert module.MY_GUEST_ELF == b"program"
    assert ImageID(ID) == module.MY_GUEST_ID
    assert module.MY_GUEST_PATH == copies["my-guest"] == tmp_path / "methods/my-guest.bin"
    assert (tmp_path / "methods/py.typed").exists()


def test_the_module_is_typed(tmp_path: Path) -> None:
    program = tmp_path / "built.bin"
    program.write_bytes(b"program")
    write_methods(tmp_path / "methods", {"multiply": program}, {"multiply": ID})
    use = tmp_path / "use.py"
    use.write_text(
        "from methods import MULTIPLY_ELF, MULTIPLY_ID, MULTIPLY_PATH\n"
        "reveal_type(MULTIPLY_ELF)\nreveal_type(MULTIPLY_ID)\nreveal_type(MULTIPLY_PATH)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "use.py"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    shown = shown.replace("builtins.", "")
    for revealed in ("bytes", "zkhost.image_id.ImageID", "pathlib.Path"):
        assert f'Revealed type is "{revealed}"' in shown
    assert "Success" in shown


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    program = tmp_path / "built.bin"
    program.write_bytes(b"program")
    files = [tmp_path / "methods/__init__.py", tmp_path / "methods/a.bin"]
    write_methods(tmp_path / "methods", {"a": program}, {"a": ID})
    before = [file.stat().st_mtime_ns for file in files]
    write_methods(tmp_path / "methods", {"a": program}, {"a": ID})
    assert [file.stat().st_mtime_ns for file in files] == before
    program.write_bytes(b"another")
    write_methods(tmp_path / "methods", {"a": program}, {"a": ID})
    assert files[1].read_bytes() == b"another"


def test_a_module_of_another_making_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("MINE = 1\n")
    with pytest.raises(BuildError, match="not made by zkhost"):
        write_methods(tmp_path, {}, {"a": ID})
    assert (tmp_path / "__init__.py").read_text() == "MINE = 1\n"


def test_names_that_would_be_one_in_python_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="both be A_B"):
        write_methods(tmp_path / "methods", {}, {"a-b": ID, "a_b": ID})
    assert not (tmp_path / "methods").exists()


def test_the_text_does_not_depend_on_the_order_of_builds() -> None:
    assert module_source({"a": ID, "b": ID}) == module_source({"b": ID, "a": ID})
    assert constant("sha256") == "SHA256"


def test_bundled_guests_are_those_of_the_sources_and_have_their_ids() -> None:
    sources = Path(__file__).parents[3] / "guest-methods/guests/src/bin"
    names = {f"{constant(source.stem)}_{what}" for source in sources.iterdir() for what in ("ELF", "ID", "PATH")}
    assert names == set(zkhost.methods.__all__)
    for source in sources.glob("*.rs"):
        name = constant(source.stem)
        elf, image_id, path = (getattr(zkhost.methods, f"{name}_{what}") for what in ("ELF", "ID", "PATH"))
        assert compute_image_id(elf) == image_id
        assert path.read_bytes() == elf


def test_without_bundled_guests_the_error_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zkhost.methods, "_DATA", tmp_path)
    for name in ("FACTORS_ELF", "FACTORS_ID", "FACTORS_PATH"):
        monkeypatch.delitem(vars(zkhost.methods), name, raising=False)
        with pytest.raises(GuestNotFoundError, match="no guest toolchain"):
            getattr(zkhost.methods, name)
    with pytest.raises(AttributeError, match="NOPE_ELF"):
        zkhost.methods.NOPE_ELF  # noqa: B018
