"""Builds guests in RISC Zero's own container image, for image IDs that anybody can make again.

The Dockerfile is written whether or not an engine runs here, so that it can be built elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zkhost import _config, _shim
from zkhost.errors import BuildError, ToolchainError
from zkhost.project.discover import GuestPackage, GuestProject

IMAGE = "risczero/risc0-guest-builder"
DEFAULT_TAG = "r0.1.88.0"
_TARGET = "riscv32im-risc0-zkvm-elf"
_FLAGS = (
    *("-C", "passes=lower-atomic", "-C", "link-arg=-Ttext=0x00200800", "-C", "link-arg=--fatal-warnings"),
    *("-C", "panic=abort", "--cfg", 'getrandom_backend="custom"'),
)
_IGNORED = "**/Dockerfile\n**/.git\n**/.venv\n**/node_modules\n**/target\n**/tmp\n"


@dataclass(frozen=True)
class DockerGuest:
    """A guest built in the container: its name, the program binary and the image ID (64 hex digits)."""

    name: str
    path: Path
    image_id: str


def write_dockerfile(project: GuestProject, package: GuestPackage, features: tuple[str, ...] = ()) -> Path:
    """Writes target/zkhost-docker/PACKAGE/Dockerfile in the project; the build context is the project's folder."""
    folder = project.root / "target" / "zkhost-docker" / package.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / ".gitignore").write_text("*\n")
    path = folder / "Dockerfile"
    path.write_text(dockerfile(package.folder.relative_to(project.root), features), encoding="utf-8")
    (folder / "Dockerfile.dockerignore").write_text(_IGNORED, encoding="utf-8")
    return path


def dockerfile(package: Path, features: tuple[str, ...]) -> str:
    """The same container and flags as risc0-build's, so the image IDs are those of `cargo risczero build`."""
    tag = _config.get("RISC0_DOCKER_CONTAINER_TAG") or DEFAULT_TAG
    flags = "\\x1f".join(_FLAGS).replace('"', '\\"')
    with_features = f" --features {','.join(features)}" if features else ""
    common = f"--locked --target {_TARGET} --manifest-path $CARGO_MANIFEST_PATH"
    return f"""# Made by `zkhost build --docker`; the context is the project's folder.
FROM {IMAGE}:{tag} AS build
WORKDIR /src
COPY . .
ENV CARGO_MANIFEST_PATH="{package.as_posix()}/Cargo.toml"
ENV CARGO_TARGET_DIR="target"
ENV RISC0_FEATURE_bigint2=""
ENV CC_riscv32im_risc0_zkvm_elf="/root/.risc0/cpp/bin/riscv32-unknown-elf-gcc"
ENV CFLAGS_riscv32im_risc0_zkvm_elf="-march=rv32im -nostdlib"
RUN cargo +risc0 fetch {common}
RUN CARGO_ENCODED_RUSTFLAGS="$(printf '{flags}')" cargo +risc0 build --release {common}{with_features}

FROM scratch AS export
COPY --from=build /src/target/{_TARGET}/release /
"""


def find_engine() -> str:
    """The container engine that runs here. Raises ToolchainError, saying what was tried."""
    tried = []
    for name in ("docker", "podman"):
        program = shutil.which(name)
        if program is None:
            tried.append(f"{name} is not installed")
            continue
        asked = subprocess.run([program, "info"], capture_output=True, text=True, timeout=30, check=False)
        if asked.returncode == 0:
            return program
        tried.append(f"{name} is installed, but no engine answers it")
    raise ToolchainError(
        f"no container engine runs here: {'; '.join(tried)}", hint="start one, or build without --docker"
    )


def docker_build(
    engine: str, project: GuestProject, package: GuestPackage, path: Path, say: Callable[[str], object]
) -> list[DockerGuest]:
    """Builds the package by its Dockerfile; gives its guests. Raises BuildError where the engine fails."""
    out = path.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [engine, "build", f"--output={out}", "-f", str(path), str(project.root)]
    say(" ".join(command))
    if subprocess.run(command, check=False).returncode != 0:
        raise BuildError(f"{Path(engine).name} could not build {path}", hint="its own output, above, says why")
    guests = []
    for name in package.bins:
        elf = out / name
        if not elf.is_file():
            continue  # a bin whose required features are off
        reply = _shim.call("program_binary", {"elf": elf.read_bytes()})
        program = out / f"{name}.bin"
        program.write_bytes(reply["program"])
        guests.append(DockerGuest(name, program, bytes(reply["image_id"]).hex()))
    return guests
