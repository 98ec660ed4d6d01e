"""The Dockerfile, and engines that are and are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkhost.errors import ToolchainError
from zkhost.project.discover import find_project
from zkhost.project.docker import dockerfile, find_engine, write_dockerfile


def test_the_dockerfile_builds_as_risc0_build_does() -> None:
    text = dockerfile(Path("methods/guest"), ("a", "b"))
    assert text.splitlines()[1] == "FROM risczero/risc0-guest-builder:r0.1.88.0 AS build"
    assert 'ENV CARGO_MANIFEST_PATH="methods/guest/Cargo.toml"' in text
    build = next(line for line in text.splitlines() if "+risc0 build" in line)
    assert "--release --locked --target riscv32im-risc0-zkvm-elf" in build
    assert build.endswith("--features a,b")
    assert r"-C\x1fpasses=lower-atomic\x1f-C\x1flink-arg=-Ttext=0x00200800" in build
    assert "FROM scratch AS export" in text


def test_the_containers_tag_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISC0_DOCKER_CONTAINER_TAG", "r0.1.91.1")
    assert "risc0-guest-builder:r0.1.91.1" in dockerfile(Path("guest"), ())


def test_it_is_written_where_git_does_not_look(tmp_path: Path) -> None:
    (tmp_path / "guest/src").mkdir(parents=True)
    (tmp_path / "guest/Cargo.toml").write_text('[package]\nname = "g"\n')
    (tmp_path / "guest/src/main.rs").write_text("")
    project = find_project(tmp_path)
    path = write_dockerfile(project, project.packages[0])
    assert path == tmp_path / "target/zkhost-docker/g/Dockerfile"
    assert (tmp_path / "target/zkhost-docker/.gitignore").read_text() == "*\n"
    assert "**/target" in path.with_name("Dockerfile.dockerignore").read_text()


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
