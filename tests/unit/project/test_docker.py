"""The Dockerfile, and engines that are and are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zkhost.errors import ToolchainError
from zkhost.project.discover import GuestPackage
from zkhost.project.docker import dockerfile, find_engine
from zkhost.project.plan import Job
from zkhost.project.settings import GuestOptions


def job(folder: Path, bins: tuple[str, ...] = (), **options: Any) -> Job:
    return Job(GuestPackage(folder, "g", ("g",)), bins, GuestOptions(**options))


def test_the_dockerfile_builds_as_risc0_build_does(tmp_path: Path) -> None:
    text = dockerfile(job(tmp_path / "methods/guest", features=("a", "b")), (), tmp_path, {})
    assert text.splitlines()[1] == "FROM risczero/risc0-guest-builder:r0.1.88.0 AS build"
    assert 'ENV CARGO_MANIFEST_PATH="methods/guest/Cargo.toml"' in text
    build = next(line for line in text.splitlines() if "+risc0 build" in line)
    assert "--release --locked --target riscv32im-risc0-zkvm-elf" in build
    assert build.endswith("--features a,b")
    assert r"-C\x1fpasses=lower-atomic\x1f-C\x1flink-arg=-Ttext=0x00200800" in build
    assert "FROM scratch AS export" in text


def test_a_guests_own_options_are_in_it(tmp_path: Path) -> None:
    options: dict[str, Any] = {"env": (("A", 'say "x" $y'),), "docker_env": (("B", "2"),)}
    crates = {"zkhost-guest": Path("target/zkhost-docker/g/zkhost-crates/zkhost-guest")}
    text = dockerfile(job(tmp_path, ("one",), **options), ("--cfg", "mine"), tmp_path, crates)
    assert r'ENV A="say \"x\" \$y"' in text
    assert 'ENV B="2"' in text
    patch = "--config 'patch.crates-io.zkhost-guest.path=\"/src/target/zkhost-docker/g/zkhost-crates/zkhost-guest\"'"
    for line in (line for line in text.splitlines() if line.startswith("RUN")):
        assert patch in line
    assert "printf '--cfg\\x1fmine\\x1f-C" in text
    assert "--bin one" in text


def test_the_containers_tag_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RISC0_DOCKER_CONTAINER_TAG", "r0.1.91.1")
    assert "risc0-guest-builder:r0.1.91.1" in dockerfile(job(tmp_path), (), tmp_path, {})


def test_an_engine_that_runs_is_found_and_one_that_does_not_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="docker is not installed; podman is not installed"):
        find_engine()
    docker, podman = tmp_path / "docker", tmp_path / "podman"
    for engine, status in ((docker, 1), (podman, 0)):
        engine.write_text(f"#!/bin/sh\nexit {status}\n")
        engine.chmod(0o755)
    assert find_engine() == str(podman)
    podman.unlink()
    with pytest.raises(ToolchainError, match="docker is installed, but no engine answers it"):
        find_engine()
