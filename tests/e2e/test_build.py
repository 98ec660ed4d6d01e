"""Guest builds by the real toolchain: reproducible, shared, known to be up to date, checked, cancelled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zkhost._cancel import CancelToken
from zkhost.cli.main import cli
from zkhost.errors import CancelledError, CargoError, DriftError, GuestNotFoundError, ZkhostError
from zkhost.image_id import ImageID
from zkhost.project.builder import BuildOptions, BuiltGuest, build_project
from zkhost.project.discover import find_project

pytestmark = pytest.mark.slow

FILES = {
    "core/Cargo.toml": '[package]\nname = "shared-core"\nversion = "0.1.0"\nedition = "2021"\n',
    # Lies outside the guest's workspace: cargo hashes the path of such a crate, and its panic names the file.
    "core/src/lib.rs": """#![no_std]
#[inline(never)]
pub fn check(value: u32) -> u32 {
    assert!(value < 1_000_000, "too large: {value}");
    value.rotate_left(3)
}
""",
    "methods/guest/Cargo.toml": """[package]
name = "tiny"
version = "0.1.0"
edition = "2021"
[features]
loud = []
[dependencies]
bytemuck = "1"
risc0-zkvm-platform = { version = "=2.2.3", default-features = false, features = ["entrypoint", "panic-handler", "rust-runtime"] }
shared-core = { path = "../../core" }
[workspace]
[profile.release]
debug = 1
""",
    "methods/guest/src/main.rs": """#![no_std]
#![no_main]
extern crate alloc;
use alloc::vec::Vec;
// Named, so that its allocator and panic handler are linked.
use risc0_zkvm_platform as _;

#[no_mangle]
pub extern "C" fn main() -> i32 {
    let words: Vec<u32> = (0..core::hint::black_box(8)).map(shared_core::check).collect();
    // Panics in the source of a crate from the registry, and names it, where the length does not fit.
    let wide: &[[u32; 4]] = bytemuck::cast_slice(&words);
    core::hint::black_box((wide, option_env!("TINY_COLOUR"), cfg!(feature = "loud")));
    0
}
""",
}


def make(root: Path) -> Path:
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def build(root: Path, options: BuildOptions | None = None) -> tuple[BuiltGuest, str]:
    """The one guest, and what cargo printed."""
    shown = bytearray()
    (built,) = build_project(find_project(root), options or BuildOptions(), output=shown.extend)
    return built, shown.decode()


def zkhost(root: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["build", str(root), *args])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was built once."""
    root = make(tmp_path_factory.mktemp("first"))
    build(root)
    return root


@pytest.fixture
def project(first: Path) -> Path:
    """The same, unchanged and built."""
    make(first)
    for stray in (first / "methods/guest/src").glob("stray*"):
        stray.unlink()
    build(first)
    return first


def test_the_same_source_gives_the_same_image_id_from_any_folder_and_home(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = build(project)
    lock = (project / "zkhost.lock").read_text()
    there = make(tmp_path / "another place/with a longer name")
    shutil.copy(project / "methods/guest/Cargo.lock", there / "methods/guest/Cargo.lock")
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "another home/.cargo"))
    again, shown = build(there)
    assert "Compiling bytemuck" in shown, "another home has its own cache"
    assert again.image_id == here.image_id
    assert (there / "zkhost.lock").read_text() == lock
    assert again.elf.read_bytes() == here.elf.read_bytes(), "down to the debug information"
    for elf in (here.elf.read_bytes(), again.elf.read_bytes()):
        assert b"/cargo/registry/bytemuck-1" in elf
        assert b"/src/shared-core/src/lib.rs" in elf
        for private in (str(project), str(tmp_path), str(Path.home())):
            assert private.encode() not in elf


def test_a_second_project_finds_its_dependencies_built(project: Path, tmp_path: Path) -> None:
    second = make(tmp_path / "second")
    shutil.copy(project / "methods/guest/Cargo.lock", second / "methods/guest/Cargo.lock")
    main = second / "methods/guest/src/main.rs"
    main.write_text(main.read_text().replace("0..", "1.."))
    started = time.perf_counter()
    built, shown = build(second)
    print(f"a second project's first build: {time.perf_counter() - started:.1f} s")
    compiled = [line.split()[1] for line in shown.splitlines() if "Compiling" in line]
    assert sorted(compiled) == ["shared-core", "tiny"], "its own crates alone"
    assert built.image_id != build(project)[0].image_id, "and it is its own program, not the other project's"


def test_what_has_not_changed_does_not_run_cargo(project: Path) -> None:
    started = time.perf_counter()
    command = [sys.executable, "-c", "from zkhost.cli.main import main; main()", "build", str(project), "--json"]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PATH": "/nonexistent"})
    print(f"an unchanged build, Python's start included: {time.perf_counter() - started:.2f} s")
    reply = json.loads(done.stdout)
    assert [guest["fresh"] for guest in reply["guests"]] == [True]
    assert reply["elapsed_s"] < 0.5
    assert done.stderr == b""


@pytest.mark.parametrize(
    "change", ["source", "manifest", "path dependency", "new file", "variable", "program", "force"]
)
def test_what_has_changed_does(project: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = BuildOptions()
    if change == "source":
        with (project / "methods/guest/src/main.rs").open("a") as file:
            file.write("// changed\n")
    elif change == "manifest":
        with (project / "methods/guest/Cargo.toml").open("a") as file:
            file.write("# changed\n")
    elif change == "path dependency":
        with (project / "core/src/lib.rs").open("a") as file:
            file.write("// changed\n")
    elif change == "new file":
        (project / "methods/guest/src/stray.rs").write_text("")
    elif change == "variable":
        monkeypatch.setenv("TINY_COLOUR", "red")
    elif change == "program":
        build(project)[0].elf.write_bytes(b"damaged")
    else:
        options = BuildOptions(force=True)
    before = build_id(project)
    built, shown = build(project, options)
    assert not built.fresh
    assert "Finished" in shown
    same_program = change in {"source", "manifest", "path dependency", "new file", "program", "force"}
    if same_program:
        assert built.image_id == before
    assert build(project)[0].fresh, "and then it is up to date again"


def build_id(project: Path) -> ImageID:
    table = (project / "zkhost.lock").read_text().split("image_id = ")[1]
    return ImageID(json.loads(table.strip()))


def test_check_holds_for_what_is_on_record_and_names_what_drifted(project: Path) -> None:
    lock = project / "zkhost.lock"
    recorded = lock.read_text()
    held = zkhost(project, "--check")
    assert held.exit_code == 0, held.output
    assert "checked against zkhost.lock" in held.output
    lib = project / "core/src/lib.rs"
    lib.write_text(lib.read_text().replace("rotate_left(3)", "rotate_left(5)"))
    drifted = zkhost(project, "--check")
    assert isinstance(drifted.exception, DriftError)
    assert [line.split(" changed")[0] for line in drifted.exception.drifted] == [
        "guest tiny: the sources",
        "guest tiny: the image ID",
    ]
    assert lock.read_text() == recorded, "--check writes no record"


def test_check_refuses_features_that_are_not_on_record(project: Path) -> None:
    with pytest.raises(DriftError, match="the features changed from none to loud"):
        build(project, BuildOptions(check=True, features=("loud",)))


def test_locked_refuses_to_change_cargo_lock(project: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "unlocked")
    with pytest.raises(CargoError) as caught:
        build(other, BuildOptions(locked=True))
    assert "--locked" in caught.value.output
    assert not (other / "methods/guest/Cargo.lock").exists()


def test_a_compile_error_is_shown_and_nothing_is_written(project: Path, tmp_path: Path) -> None:
    broken = make(tmp_path / "broken")
    shutil.copy(project / "methods/guest/Cargo.lock", broken / "methods/guest/Cargo.lock")
    (broken / "methods/guest/src/main.rs").write_text("fn main() { let wrong: u32 = true; }")
    shown = bytearray()
    with pytest.raises(CargoError, match="cargo build failed"):
        build_project(find_project(broken), output=shown.extend)
    assert b"mismatched types" in shown
    assert not (broken / "zkhost.lock").exists()
    assert not (broken / "methods/__init__.py").exists()


def test_a_guest_that_is_not_there_is_named(project: Path) -> None:
    with pytest.raises(GuestNotFoundError, match="no guest 'big'") as caught:
        build(project, BuildOptions(guest="big"))
    assert "tiny" in (caught.value.hint or "")


def test_a_build_is_cancelled_within_a_second_and_leaves_no_cargo(tmp_path: Path) -> None:
    root = make(tmp_path / "cancelled")
    # Runs until it is ended: cargo waits for it.
    (root / "methods/guest/build.rs").write_text(
        'fn main() { std::process::Command::new("sleep").arg("87.65").status().unwrap(); }'
    )
    token = CancelToken()
    shown = bytearray()

    def output(data: bytes) -> None:
        shown.extend(data)

    def cancel() -> None:
        deadline = time.monotonic() + 300
        while not sleeping() and time.monotonic() < deadline:
            time.sleep(0.1)
        cancelled_at.append(time.monotonic())
        token.cancel()

    cancelled_at: list[float] = []
    threading.Thread(target=cancel, daemon=True).start()
    with pytest.raises(CancelledError):
        build_project(find_project(root), output=output, cancel=token)
    assert time.monotonic() - cancelled_at[0] < 1.5
    deadline = time.monotonic() + 5
    while sleeping() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not sleeping()


def sleeping() -> bool:
    """Whether the build script above is running."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == b"sleep\x0087.65\x00":
                return True
        except OSError:
            continue  # it ended meanwhile
    return False


def test_docker_writes_the_dockerfile_and_says_where_no_engine_runs(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/nonexistent")
    result = zkhost(project, "--docker")
    assert "docker is installed, but no engine answers it" in str(result.exception)
    assert (project / "target/zkhost-docker/tiny/Dockerfile").is_file()


def test_docker_builds_with_an_engine_that_runs(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build(project)[0]
    here = (project / "zkhost.lock").read_text()
    calls = engine(tmp_path, monkeypatch, built.elf)
    result = zkhost(project, "--docker", "--json")
    assert result.exit_code == 0, result.output
    assert f'"image_id": "{built.image_id}"' in result.output
    recorded = (project / "zkhost.lock").read_text()
    assert 'toolchain = "risczero/risc0-guest-builder:r0.1.88.0"' in recorded
    assert recorded != here
    assert zkhost(project, "--docker", "--check").exit_code == 0
    assert "--no-cache" not in calls.read_text()
    zkhost(project, "--docker", "--force")
    assert "--no-cache" in calls.read_text()
    with (project / "core/src/lib.rs").open("a") as file:
        file.write("// changed\n")
    drifted = zkhost(project, "--docker", "--check")
    assert isinstance(drifted.exception, DriftError)
    assert "the sources changed" in str(drifted.exception)
    assert (project / "zkhost.lock").read_text() == recorded


def test_docker_wants_a_folder_that_holds_every_crate_and_a_cargo_lock_that_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make(tmp_path / "outer")
    (root / "core").rename(tmp_path / "core")
    manifest = root / "methods/guest/Cargo.toml"
    manifest.write_text(manifest.read_text().replace("../../core", "../../../core"))
    engine(tmp_path, monkeypatch, Path("/bin/true"))
    locked = zkhost(root, "--docker", "--locked")
    assert isinstance(locked.exception, CargoError)
    refused = zkhost(root, "--docker")
    assert f"{tmp_path / 'core'} is outside of {root}" in str(refused.exception)
    assert 'set `root = ".."`' in str(refused.exception)
    (root / "pyproject.toml").write_text('[tool.zkhost.guests.tiny]\nroot = ".."\ndocker-env = { K = "v" }\n')
    assert isinstance(zkhost(root, "--docker").exception, ZkhostError), "the engine built no guest"
    written = (tmp_path / "target/zkhost-docker/tiny/Dockerfile").read_text()
    assert 'ENV CARGO_MANIFEST_PATH="outer/methods/guest/Cargo.toml"' in written
    assert 'ENV K="v"' in written


def engine(folder: Path, monkeypatch: pytest.MonkeyPatch, elf: Path) -> Path:
    """Stands for an engine that exports this program, as the container would have built it; the file of its calls."""
    docker, calls = folder / "docker", folder / "calls"
    docker.write_text(
        f'#!/bin/sh\n[ $1 = info ] && exit 0\necho "$@" >> "{calls}"\n'
        f'for arg; do case "$arg" in --output=*) out="${{arg#--output=}}";; esac; done\nmkdir -p "$out"\ncp "{elf}" "$out/tiny"\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return calls


def test_a_compile_error_in_a_path_crate_shows_where_it_is(project: Path, tmp_path: Path) -> None:
    broken = make(tmp_path / "broken")
    shutil.copy(project / "methods/guest/Cargo.lock", broken / "methods/guest/Cargo.lock")
    (broken / "core/src/lib.rs").write_text("#![no_std]\npub fn check(value: u32) -> u32 { true }\n")
    shown = bytearray()
    with pytest.raises(CargoError) as caught:
        build_project(find_project(broken), output=shown.extend)
    assert f"--> {broken / 'core/src/lib.rs'}:2:".encode() in shown
    assert b"/src/shared-core" not in shown
    assert str(broken / "core/src/lib.rs") in caught.value.output
