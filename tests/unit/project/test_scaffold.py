"""`zkhost new`: what it makes, and that it writes nothing when it cannot make all of it."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from zkhost.cli.main import cli
from zkhost.errors import ScaffoldError
from zkhost.project.discover import find_project
from zkhost.project.scaffold import NewProject, list_templates, make_project
from zkhost.project.shipped import guest_crates_folder, templates_folder

NAMES = [info.name for info in list_templates()]


def make(dest: Path, name: str = "my-project", **options: Any) -> Path:
    return make_project(NewProject(name, dest, **{"git": False, **options}))


def new(*args: str) -> Any:
    return CliRunner().invoke(cli, ["new", *args])


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template of somebody's own."""
    root = tmp_path / "mine"
    (root / "sub/{{ package }}").mkdir(parents=True)
    (root / "top.txt.j2").write_text("{{ name }} {{ guest }} {{ std }}\n")
    (root / "verbatim.rs").write_text('println!("{{}}");\n')
    (root / "sub/{{ package }}/inner.txt.j2").write_text("inner {{ GUEST }}\n")
    return root


def git(*args: str, cwd: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *args], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def repository(template: Path) -> Path:
    """The same as a git repository, with tag v1 and a branch `next` that differ."""
    git("init", cwd=template)
    git("add", ".", cwd=template)
    git("commit", "-m", "one", cwd=template)
    git("tag", "v1", cwd=template)
    git("checkout", "-b", "next", cwd=template)
    (template / "top.txt.j2").write_text("next {{ name }}\n")
    git("commit", "-am", "two", cwd=template)
    return template


@pytest.mark.parametrize("name", NAMES)
def test_a_guest_may_have_the_name_of_a_variable(name: str, tmp_path: Path) -> None:
    """A function that assigns `guest` could not read the contract under that name."""
    source = (make(tmp_path, template=name, guest="guest") / "host/__main__.py").read_text()
    assert 'zkhost.load("methods", contract.guest)' in source
    assert "from contract import" not in source


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("std", [True, False])
def test_every_template_renders_to_a_project(name: str, std: bool, tmp_path: Path) -> None:
    root = make(tmp_path, template=name, std=std)
    project = find_project(root)
    manifest = tomllib.loads((root / "methods/guest/Cargo.toml").read_text())
    assert ("std" in manifest["dependencies"]["risc0-zkvm"].get("features", [])) is std
    for bin in project.packages[0].bins:
        places = [root / "methods/guest/src/main.rs", root / f"methods/guest/src/bin/{bin}.rs"]
        source = next(place for place in places if place.is_file()).read_text()
        assert ("#![no_std]" in source) is not std
        assert ("risc0_zkvm::guest::entry!(main);" in source) is not std
    assert tomllib.loads((root / "pyproject.toml").read_text())["project"]["name"] == "my-project"
    assert (root / "methods/guest/Cargo.lock").is_file()
    assert len([path for path in root.rglob("*") if path.is_file()]) <= 16
    for path in root.rglob("*"):
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")
        assert path.suffix != ".j2"
        assert path.name != "template.toml"


@pytest.mark.parametrize("name", NAMES)
def test_every_guest_is_formatted_as_rustfmt_does(name: str, tmp_path: Path) -> None:
    for std in (True, False):
        root = make(tmp_path, f"std-{std}".lower(), template=name, std=std, guest="some-guest")
        for source in (root / "methods/guest/src").rglob("*.rs"):
            # Without src/contract.rs, which `zkhost build` writes, rustfmt cannot follow `mod contract`.
            text = source.read_text().replace("mod contract;\n", "")
            done = subprocess.run(
                ["rustfmt", "--edition", "2021", "--check"], input=text, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{source}\n{done.stdout}{done.stderr}"


def test_the_guests_name_can_be_chosen(tmp_path: Path) -> None:
    root = make(tmp_path, guest="factor-it")
    assert find_project(root).packages[0].bins == ("factor-it",)
    assert 'factor_it = Contract(Factors, Product, guest="factor-it")' in (root / "contract.py").read_text()


def test_the_guest_crate_is_a_dependency_on_the_version_that_came_with_zkhost(tmp_path: Path) -> None:
    root = make(tmp_path)
    shipped = tomllib.loads((guest_crates_folder() / "zkhost-guest/Cargo.toml").read_text())["package"]["version"]
    dependency = tomllib.loads((root / "methods/guest/Cargo.toml").read_text())["dependencies"]["zkhost-guest"]
    assert shipped.startswith(f"{dependency}.")
    assert not list(root.rglob("zkhost-guest"))


def test_what_comes_with_zkhost_is_what_the_source_tree_has() -> None:
    """After `make setup`, as the Makefile has it run when one of these changed."""
    source = Path(__file__).parents[3]
    for shipped, folder in (
        (templates_folder(), source / "templates"),
        (guest_crates_folder() / "zkhost-guest/src", source / "guest-methods/zkhost-guest/src"),
    ):
        theirs, ours = (
            {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
            for f in (shipped, folder)
        )
        assert theirs == ours


def test_files_are_rendered_by_their_ending_and_names_always(template: Path, tmp_path: Path) -> None:
    root = make(tmp_path, template=str(template), guest="other")
    assert (root / "top.txt").read_text() == "my-project other True\n"
    assert (root / "sub/my_project/inner.txt").read_text() == "inner OTHER\n"
    assert (root / "verbatim.rs").read_text() == 'println!("{{}}");\n'


def test_a_folder_of_a_template_can_be_named(template: Path, tmp_path: Path) -> None:
    root = make(tmp_path, template=str(template), subdir="sub")
    assert (root / "my_project/inner.txt").is_file()
    assert not (root / "top.txt").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [({}, "next my-project\n"), ({"tag": "v1"}, "my-project guest True\n"), ({"branch": "next"}, "next my-project\n")],
)
@pytest.mark.parametrize("as_url", [True, False])
def test_a_repository_by_url_or_path_at_a_tag_or_branch(
    repository: Path, tmp_path: Path, options: dict[str, str], text: str, as_url: bool
) -> None:
    root = make(tmp_path, template=repository.as_uri() if as_url else str(repository), **options)
    assert (root / "top.txt").read_text() == text
    assert not (root / ".git").exists()


def test_git_is_initialised_unless_told_not_to(tmp_path: Path) -> None:
    assert (make(tmp_path, "with-git", git=True) / ".git").is_dir()
    assert not (make(tmp_path, "without") / ".git").exists()


def test_a_local_risc0_is_patched_in(tmp_path: Path) -> None:
    manifest = tmp_path / "risc0/risc0/zkvm/Cargo.toml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("")
    root = make(tmp_path, risc0_path=tmp_path / "risc0")
    patch = tomllib.loads((root / "methods/guest/Cargo.toml").read_text())["patch"]["crates-io"]
    assert patch["risc0-zkvm"]["path"] == str(manifest.parent)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "My Project"}, "no name for a project: it must be lower-case"),
        ({"name": "../escape"}, "no name for a project"),
        ({"name": "1st"}, "begin with a letter"),
        ({"name": ""}, "no name for a project"),
        ({"name": "core"}, "means something else already"),
        ({"name": "class"}, "means something else already"),
        ({"name": "x" * 65}, "longer than 64"),
        ({"guest": "Bad Guest"}, "no name for a guest"),
        ({"name": "there"}, "exists already"),
        ({"template": "no-such"}, "no template 'no-such'"),
        ({"template": "basic", "tag": "v1"}, "has no tags or branches"),
        ({"template": "basic", "subdir": "nowhere"}, "has no folder nowhere"),
        ({"template": "basic", "subdir": "../.."}, r"has no folder \.\./\.\."),
        ({"template": "file:///no/such/repository"}, "cannot be cloned"),
        ({"tag": "v1", "branch": "main"}, "name two versions"),
        ({"risc0_path": Path("/no/such")}, "not a copy of risc0"),
    ],
)
def test_what_cannot_be_made_is_an_error_and_nothing_is_written(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ScaffoldError, match=said) as caught:
        make(tmp_path, **options)
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]
    assert caught.value.hint


def test_a_destination_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="is not a folder"):
        make(tmp_path / "missing")


@pytest.mark.parametrize("text", ["{{ unknown }}", "{% if %}", "{{ name "])
def test_a_template_that_does_not_render_is_named_and_nothing_is_written(
    template: Path, tmp_path: Path, text: str
) -> None:
    (template / "zz.txt.j2").write_text(text)
    dest = tmp_path / "dest"
    dest.mkdir()
    with pytest.raises(ScaffoldError, match=r"zz\.txt\.j2 cannot be rendered"):
        make(dest, template=str(template))
    assert list(dest.iterdir()) == []


def test_the_command_numbers_its_files_and_says_what_to_type_next(tmp_path: Path) -> None:
    result = new("factor-proof", "--dest", str(tmp_path))
    assert result.exit_code == 0
    lines = result.output.splitlines()
    files = [path for path in (tmp_path / "factor-proof").rglob("*") if path.is_file() and ".git" not in path.parts]
    assert lines[0] == f"[ 1/{len(files)}] Done: .gitignore"
    assert lines[len(files) - 1].startswith(f"[{len(files)}/{len(files)}] Done: ")
    commands = [line.strip() for line in lines[-4:]]
    assert commands == [f"cd {tmp_path / 'factor-proof'}", "zkhost build", "python -m host", "pytest"]


def test_the_list_has_every_template_with_what_it_is_for(tmp_path: Path) -> None:
    assert NAMES == ["basic", "bytes", "composition", "game", "json", "model"]
    assert {path.name for path in templates_folder().iterdir()} == {*NAMES, "_common"}
    listed = new("--list").output.splitlines()
    assert [line.split()[0] for line in listed] == NAMES
    assert all(len(line.split()) > 4 for line in listed)
    assert [row["name"] for row in json.loads(new("--list", "--json").output)] == NAMES
    assert new().exit_code == 2
