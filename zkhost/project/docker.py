"""Builds of guests in RISC Zero's own container image, whose image IDs can be reproduced on any machine.

The Dockerfiles are written whether or not an engine runs here, so that they can be built elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost import _config, _shim
from zkhost.errors import BuildError, ToolchainError
from zkhost.project.discover import GuestProject
from zkhost.project.plan import Job
from zkhost.project.shipped import guest_crates_folder

IMAGE = "risczero/risc0-guest-builder"
DEFAULT_TAG = "r0.1.88.0"
_TARGET = "riscv32im-risc0-zkvm-elf"
_FLAGS = (
    *("-C", "passes=lower-atomic", "-C", "link-arg=-Ttext=0x00200800", "-C", "link-arg=--fatal-warnings"),
    *("-C", "panic=abort", "--cfg", 'getrandom_backend="custom"'),
)
_IGNORED = "**/Dockerfile\n**/.git\n**/.venv\n**/node_modules\n**/target\n**/tmp\n"
_CRATES = "zkhost-crates"


@dataclass(frozen=True)
class Recipe:
    """A job for the container: the folder that it sees, its Dockerfile, and the package as the shim describes it."""

    root: Path
    dockerfile: Path
    described: dict[str, Any]


class Container:
    """Builds the jobs of a project in the container.

    `locked` refuses to change Cargo.lock, `force` uses no layer that was built before; `output` receives the reports on
    the way. Everything that a build here would refuse is refused, and every Dockerfile written, before an engine is
    searched for.
    """

    def __init__(
        self,
        project: GuestProject,
        jobs: list[Job],
        *,
        locked: bool,
        force: bool,
        output: Callable[[bytes], object],
    ) -> None:
        self._output, self._force = output, force
        self._recipes = {job: _write_recipe(project, job, locked, output) for job in jobs}
        for recipe in self._recipes.values():
            self._say(f"wrote {recipe.dockerfile}")
        self._engine = find_engine()

    def build(self, job: Job) -> dict[str, Any]:
        """Build a job and return its report, as the shim's: `package`, `guests`, `toolchain`, `flags`, `source`,
        `fresh`.

        Raises BuildError where the engine fails.
        """
        recipe = self._recipes[job]
        described = _describe(job, locked=True, output=self._output) if job.options.verifies else recipe.described
        out = recipe.dockerfile.parent / "out"
        shutil.rmtree(out, ignore_errors=True)
        command = [self._engine, "build", f"--output={out}", "-f", str(recipe.dockerfile)]
        command += [*(["--no-cache"] if self._force else []), str(recipe.root)]
        self._say(" ".join(command))
        if subprocess.run(command, check=False).returncode != 0:
            raise BuildError(
                f"{Path(self._engine).name} could not build {recipe.dockerfile}",
                hint="the reason is in its own output, above",
            )
        return {
            "package": described["package"],
            "guests": [_guest(out, name) for name in described["bins"] if not job.bins or name in job.bins],
            "toolchain": f"{IMAGE}:{_tag()}",
            "flags": [*described["rustc_flags"], *_FLAGS],
            "env": [*job.options.env, *job.options.docker_env],
            "source": described["source"],
            "fresh": False,
        }

    def _say(self, line: str) -> None:
        self._output(f"{line}\n".encode())


def _guest(out: Path, name: str) -> dict[str, Any]:
    elf, program = out / name, out / f"{name}.bin"
    if not elf.is_file():
        raise BuildError(
            f"the container left no program {name} in {out}", hint="the reason is in its own output, above"
        )
    reply = _shim.call("program_binary", {"elf": elf.read_bytes()})
    program.write_bytes(reply["program"])
    image_id = bytes(reply["image_id"]).hex()
    return {"name": name, "elf": elf, "program": program, "bytes": len(reply["program"]), "image_id": image_id}


def _describe(job: Job, *, locked: bool, output: Callable[[bytes], object]) -> dict[str, Any]:
    request = {
        "package": str(job.package.folder),
        "features": list(job.options.features),
        "crates": str(guest_crates_folder()),
        "excluded": [str(path) for path in job.excluded],
        "locked": locked,
    }
    described: dict[str, Any] = _shim.call("describe_guests", request, _shim.Host(writers={2: output}))
    return described


def _write_recipe(project: GuestProject, job: Job, locked: bool, output: Callable[[bytes], object]) -> Recipe:
    """Write target/zkhost-docker/NAME/Dockerfile into the folder that the container sees.

    Raises BuildError for a crate of the project that lies outside that folder.
    """
    described = _describe(job, locked=locked, output=output)
    root = (project.root / (job.options.root or ".")).resolve()
    for folder in (described["workspace"], *described["local"]):
        path = Path(folder).resolve()
        if not path.is_relative_to(root) and not path.is_relative_to(guest_crates_folder()):
            raise BuildError(
                f"{path} is outside of {root}, the folder that the container sees",
                hint=f'set `root = "{os.path.relpath(_common([root, path]), project.root)}"`, a folder with both, in '
                f"[tool.zkhost.guests.{job.package.name}] of pyproject.toml",
            )
    name = "-".join((job.package.name, *job.bins))
    folder = root / "target/zkhost-docker" / name
    crates = {crate: folder / _CRATES / crate for crate, _ in described["patches"]}
    shutil.rmtree(folder / _CRATES, ignore_errors=True)
    for crate, source in described["patches"]:
        shutil.copytree(source, crates[crate])
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / ".gitignore").write_text("*\n")
    path = folder / "Dockerfile"
    text = dockerfile(job, described["rustc_flags"], root, {c: p.relative_to(root) for c, p in crates.items()})
    path.write_text(text, encoding="utf-8")
    allowed = f"!target/zkhost-docker/{name}/{_CRATES}\n" if crates else ""
    (folder / "Dockerfile.dockerignore").write_text(_IGNORED + allowed, encoding="utf-8")
    return Recipe(root, path, described)


def _common(paths: Iterable[Path]) -> str:
    return os.path.commonpath([str(path) for path in paths])


def _tag() -> str:
    return _config.get("RISC0_DOCKER_CONTAINER_TAG") or DEFAULT_TAG


def dockerfile(job: Job, rustc_flags: Iterable[str], root: Path, crates: dict[str, Path]) -> str:
    """Return a Dockerfile with risc0-build's container and flags, so the image IDs are those of `cargo risczero build`.

    `crates`: by name, those that replace crates.io's, by their place in the context, which is `root`.
    """
    flags = "\\x1f".join((*rustc_flags, *_FLAGS)).replace('"', '\\"')
    manifest = (job.package.folder.relative_to(root) / "Cargo.toml").as_posix()
    variables = {
        "CARGO_MANIFEST_PATH": manifest,
        "CARGO_TARGET_DIR": "target",
        "RISC0_FEATURE_bigint2": "",
        "CC_riscv32im_risc0_zkvm_elf": "/root/.risc0/cpp/bin/riscv32-unknown-elf-gcc",
        "CFLAGS_riscv32im_risc0_zkvm_elf": "-march=rv32im -nostdlib",
        **dict(job.options.env),
        **dict(job.options.docker_env),
    }
    env = "".join(f"ENV {name}={_quoted(value)}\n" for name, value in variables.items())
    patches = "".join(
        f" --config 'patch.crates-io.{name}.path=\"/src/{path.as_posix()}\"'" for name, path in crates.items()
    )
    common = f"--locked --target {_TARGET} --manifest-path $CARGO_MANIFEST_PATH{patches}"
    chosen = f" --features {','.join(job.options.features)}" if job.options.features else ""
    chosen += "".join(f" --bin {name}" for name in job.bins)
    return f"""# Made by `zkhost build --docker`; the context is the folder {root.name}.
FROM {IMAGE}:{_tag()} AS build
WORKDIR /src
COPY . .
{env}RUN cargo +risc0 fetch {common}
RUN CARGO_ENCODED_RUSTFLAGS="$(printf '{flags}')" cargo +risc0 build --release {common}{chosen}

FROM scratch AS export
COPY --from=build /src/target/{_TARGET}/release /
"""


def _quoted(value: str) -> str:
    """Return a value quoted for Dockerfiles."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'


def find_engine() -> str:
    """Return the container engine that runs here. Raises ToolchainError, naming what was tried."""
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
