"""`[tool.zkhost]`: what is read, what is refused, and the order of builds that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkhost.errors import BuildError, DriftError, GuestNotFoundError
from zkhost.project.builder import BuildOptions, options_of_risc0
from zkhost.project.discover import GuestPackage, GuestProject
from zkhost.project.image_ids import write_image_ids
from zkhost.project.plan import plan_build
from zkhost.project.settings import GuestOptions, ModelOptions, read_settings

ID = "0100000002000000030000000400000005000000060000000700000008000080"


def project(tmp_path: Path, settings: str, **packages: tuple[str, ...]) -> GuestProject:
    (tmp_path / "pyproject.toml").write_text(settings)
    found = tuple(GuestPackage(tmp_path / name, name, bins) for name, bins in packages.items())
    return GuestProject(tmp_path, found, tmp_path / "methods")


def test_a_guests_options_are_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.zkhost.guests.a]\nfeatures = ["x"]\nenv = { K = "v" }\nverifies = ["b"]\n'
        'docker-env = { D = "1" }\nroot = ".."\n[tool.zkhost.types]\nAddress = "SerdeBytes"\n'
    )
    assert read_settings(tmp_path).guests == {"a": GuestOptions(("x",), (("K", "v"),), ("b",), (("D", "1"),), "..")}
    assert read_settings(tmp_path / "nowhere").guests == {}


def test_a_models_options_are_those_of_load(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.zkhost.models.a]\nfile = "a.onnx"\nguest = "g"\ndims = { batch = 1 }\noutputs = ["y"]\n'
        'output = { y = "threshold" }\nthreshold = 1\nk = 3\naccelerate = false\nmax-float-cycles = 9\n'
    )
    options = {"dims": {"batch": 1}, "outputs": ["y"], "output": {"y": "threshold"}, "threshold": 1, "k": 3}
    expected = ModelOptions("a.onnx", "g", options | {"accelerate": False, "max_float_cycles": 9})
    assert read_settings(tmp_path).models == {"a": expected}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.zkhost", "is not TOML"),
        ("[tool]\nzkhost = 3\n", "tool.zkhost must be a table, and is 3"),
        ('[tool.zkhost]\npackages = "a"\n', "tool.zkhost.packages must be a list of strings, and is 'a'"),
        ("[tool.zkhost]\npakages = []\n", "there is no setting tool.zkhost.pakages"),
        ("[tool.zkhost.guest.a]\n", "there is no setting tool.zkhost.guest"),
        ("[tool.zkhost.guests.a]\nfeature = []\n", "there is no setting tool.zkhost.guests.a.feature"),
        ("[tool.zkhost.guests.a]\nenv = { K = 1 }\n", "tool.zkhost.guests.a.env must be a table of strings"),
        ("[tool.zkhost.guests.a]\nroot = 1\n", "tool.zkhost.guests.a.root must be a folder"),
        ("[tool.zkhost.guests]\na = 1\n", "tool.zkhost.guests.a must be a table"),
        ("[tool.zkhost.model.a]\n", "there is no setting tool.zkhost.model"),
        ("[tool.zkhost]\nmodels = 1\n", "tool.zkhost.models must be a table"),
        ("[tool.zkhost.models.a]\n", "tool.zkhost.models.a has no file"),
        ('[tool.zkhost.models.a]\nfile = "a"\nhidden = true\n', "there is no setting tool.zkhost.models.a.hidden"),
        ('[tool.zkhost.models.a]\nfile = "a"\ndims = { batch = "1" }\n', "dims must be a table of integers"),
        ('[tool.zkhost.models.a]\nfile = "a"\nk = true\n', "tool.zkhost.models.a.k must be an integer"),
        ('[tool.zkhost.models.a]\nfile = "a"\noutput = { y = 1 }\n', "output must be a string, or a table of strings"),
    ],
)
def test_what_is_not_a_setting_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(BuildError) as caught:
        read_settings(tmp_path)
    assert said in caught.value.message
    assert caught.value.hint


def test_guests_with_the_same_options_are_built_together_and_those_who_verify_come_last(tmp_path: Path) -> None:
    settings = '[tool.zkhost.guests.outer]\nverifies = ["one", "other"]\n[tool.zkhost.guests.two]\nfeatures = ["f"]\n'
    jobs = plan_build(project(tmp_path, settings, p=("outer", "one", "two"), q=("other",)))
    assert {(job.package.name, job.bins, job.options.features) for job in jobs[:-1]} == {
        ("p", ("one",), ()),
        ("p", ("two",), ("f",)),
        ("q", (), ()),
    }
    assert jobs[-1].bins == ("outer",)
    excluded = tmp_path / "p/src/image_ids.rs"
    assert [job.excluded for job in jobs if job.package.name == "p"] == [(excluded,), (excluded,), ()]


def test_one_guest_is_built_with_those_it_verifies(tmp_path: Path) -> None:
    settings = '[tool.zkhost.guests.c]\nverifies = ["b"]\n[tool.zkhost.guests.b]\nverifies = ["a"]\n'
    here = project(tmp_path, settings, a=("a",), b=("b",), c=("c",), d=("d",))
    assert [job.package.name for job in plan_build(here, "c")] == ["a", "b", "c"]
    assert [job.package.name for job in plan_build(here, "a")] == ["a"]


def test_features_of_the_command_line_mean_one_package(tmp_path: Path) -> None:
    here = project(tmp_path, '[tool.zkhost.guests.a]\nfeatures = ["x"]\n', a=("a",), b=("b",))
    assert [job.options.features for job in plan_build(here, "a", ("y",))] == [("x", "y")]
    with pytest.raises(BuildError, match="--features y may mean any of a, b"):
        plan_build(here, None, ("y",))


def test_a_bin_without_its_features_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    package = GuestPackage(tmp_path / "a", "a", ("plain", "extra"), (("extra", ("more",)),))
    here = GuestProject(tmp_path, (package,), tmp_path / "methods")
    assert [job.bins for job in plan_build(here)] == [("plain",)]
    assert [job.bins for job in plan_build(here, None, ("more",))] == [()]
    assert [job.bins for job in plan_build(here, "extra")] == [("extra",)]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        (
            "[tool.zkhost.guests.gone]\n",
            GuestNotFoundError,
            "settings for the guest 'gone', which is not in the project",
        ),
        ('[tool.zkhost.guests.a]\nverifies = ["gone"]\n', GuestNotFoundError, "a verifies 'gone'"),
        (
            '[tool.zkhost.guests.a]\nverifies = ["c"]\n[tool.zkhost.guests.c]\nverifies = ["a"]\n',
            BuildError,
            "in a circle",
        ),
        (
            '[tool.zkhost.guests.a]\nverifies = ["b"]\n[tool.zkhost.guests.b]\nverifies = ["c"]\n',
            BuildError,
            "a verifies b, which verifies guests itself and is in the same package, p",
        ),
    ],
)
def test_settings_that_cannot_be_met_are_refused(
    settings: str, error: type[BuildError], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        plan_build(project(tmp_path, settings, p=("a", "b"), q=("c",)))
    assert said in caught.value.message


def test_image_ids_are_written_once_and_checked(tmp_path: Path) -> None:
    package = GuestPackage(tmp_path, "p", ("outer",))
    with pytest.raises(DriftError, match="has not the image IDs of my-inner"):
        write_image_ids(package, {"my-inner": ID}, check=True)
    path = write_image_ids(package, {"my-inner": ID})
    assert path is not None
    text = path.read_text()
    assert "pub const MY_INNER_ID: [u32; 8] = [\n    0x00000001, 0x00000002," in text
    assert "0x80000008,\n];" in text
    assert write_image_ids(package, {"my-inner": ID}, check=True) is None
    path.write_text("pub const MINE: u32 = 1;\n")
    with pytest.raises(BuildError, match="was not made by zkhost"):
        write_image_ids(package, {"my-inner": ID})


def test_risc0s_own_variables_are_heeded_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    silent = ("RISC0_BUILD_DEBUG", "RISC0_GUEST_LOGFILE", "RISC0_RUST_SRC", "RISC0_SKIP_BUILD")
    for name in ("RISC0_BUILD_LOCKED", "RISC0_USE_DOCKER", *silent):
        monkeypatch.delenv(name, raising=False)
    assert options_of_risc0(BuildOptions(), said.append) == BuildOptions()
    monkeypatch.setenv("RISC0_BUILD_LOCKED", "1")
    monkeypatch.setenv("RISC0_USE_DOCKER", "1")
    assert options_of_risc0(BuildOptions(), said.append) == BuildOptions(locked=True, docker=True)
    assert said == []
    for name in silent:
        monkeypatch.setenv(name, "1")
    options_of_risc0(BuildOptions(), said.append)
    assert [line.split()[0] for line in said] == list(silent)
    assert all(" has no effect: " in line for line in said)
