"""Checks what `make release` has put into dist/: names, versions, contents, licences, sizes, and what the libraries need.

    python -m tools.release.check dist

Prints a line for each file, then every fault; exits with 1 where there is one. twine checks the metadata, and
auditwheel that a library needs nothing but what the wheel's platform tag promises.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tools.release import third_party

ROOT = third_party.ROOT
MEGABYTE = 1_000_000
LARGEST = {"zkhost": (20 * MEGABYTE, 40 * MEGABYTE), "zkhost-verify": (15 * MEGABYTE, 15 * MEGABYTE)}
"""Bytes of a wheel, as it is and unpacked, by distribution. Of sdists, the first counts."""

UNSHIPPED = ("rust-shim/r0vm/",)
"""What of these folders no sdist has: the members of the workspace that the library does not depend on."""


def tracked(*folders: str) -> set[str]:
    """Return the files of the folders that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return {path for path in listed.stdout.split("\0") if path}


def of_wheel() -> set[str]:
    """Return the files that a wheel holds, less its metadata: the package, its data, and the native library."""
    wanted = tracked("zkhost") | {f"zkhost/_native/{name}" for name in ("__init__.py", "ffi.py", "lib_native.so")}
    wanted |= {f"zkhost/_data/{path}" for path in tracked("templates")}
    crates = (
        path.removeprefix("guest-methods/") for path in tracked("guest-methods/zkhost-*", "guest-methods/Cargo.lock")
    )
    wanted |= {f"zkhost/_data/guest-crates/{path}" for path in crates if PurePosixPath(path).parts[1:2] != ("tests",)}
    sources = PurePosixPath("guest-methods/guests/src/bin")
    # A guest is a file of it, or a folder.
    bins = {PurePosixPath(PurePosixPath(path).relative_to(sources).parts[0]).stem for path in tracked(str(sources))}
    return wanted | {f"zkhost/methods/data/{name}" for name in {"methods.json"} | {f"{each}.bin" for each in bins}}


def of_sdist() -> set[str]:
    """Return the files that an sdist holds."""
    files = tracked("zkhost", "templates", "guest-methods", "rust-shim")
    files = {path for path in files if not path.startswith(UNSHIPPED)}
    files |= {"Cargo.toml", "Cargo.lock", "pyproject.toml", "PKG-INFO"}
    return files | {"README.md", "LICENSE", "THIRD-PARTY.txt"}


def wheel_faults(path: Path, version: str, licences: str) -> Iterator[str]:
    """Yield what is wrong with a wheel. `licences` is what its THIRD-PARTY.txt must be."""
    name, found_version, _, tags = parse_wheel_filename(path.name)
    with zipfile.ZipFile(path) as wheel:
        info = f"{name.replace('-', '_')}-{found_version}.dist-info/"
        inside = {each.filename: each.file_size for each in wheel.infolist() if not each.is_dir()}
        if f"{info}METADATA" not in inside:
            yield f"no {info}METADATA"
            return
        yield from _metadata_faults(Parser().parsestr(wheel.read(f"{info}METADATA").decode()), name, version)
        yield from _contents_faults({each for each in inside if not each.startswith(info)}, of_wheel())
        text = f"{info}licenses/THIRD-PARTY.txt"
        if text not in inside or wheel.read(text).decode() != licences:
            yield f"{text} is missing, or not of the crates that are linked: make it anew"
        if f"{info}licenses/LICENSE" not in inside:
            yield f"no {info}licenses/LICENSE"
    if any(tag.interpreter != "py3" or tag.abi != "none" for tag in tags):
        yield "its tag is not py3-none: it fits a single CPython"
    yield from _size_faults(name, path.stat().st_size, sum(inside.values()))
    yield from _library_faults(path)


def sdist_faults(path: Path, version: str, licences: str) -> Iterator[str]:
    """Yield what is wrong with an sdist. `licences` is what its THIRD-PARTY.txt must be."""
    name, _ = parse_sdist_filename(path.name)
    root = path.name.removesuffix(".tar.gz")
    with tarfile.open(path) as sdist:
        inside = {each.name.removeprefix(f"{root}/") for each in sdist if each.isfile()}
        yield from _contents_faults(inside, of_sdist())
        if {"PKG-INFO", "THIRD-PARTY.txt"} <= inside:
            info, text = (_read(sdist, f"{root}/{each}") for each in ("PKG-INFO", "THIRD-PARTY.txt"))
            yield from _metadata_faults(Parser().parsestr(info), name, version)
            if text != licences:
                yield "its THIRD-PARTY.txt is not of the crates that are linked: make it anew"
    yield from _size_faults(name, path.stat().st_size, 0)


def _read(archive: tarfile.TarFile, name: str) -> str:
    file = archive.extractfile(name)
    return "" if file is None else file.read().decode()


def _metadata_faults(metadata: Message, name: str, version: str) -> Iterator[str]:
    wanted = {"Name": name, "Version": version, "License-Expression": "Apache-2.0"}
    yield from (f"{key} is {metadata[key]!r}, not {value!r}" for key, value in wanted.items() if metadata[key] != value)


def _contents_faults(inside: set[str], wanted: set[str]) -> Iterator[str]:
    yield from (f"lacks {each}" for each in sorted(wanted - inside))
    yield from (f"holds {each}, which is not shipped" for each in sorted(inside - wanted))


def _size_faults(name: str, packed: int, unpacked: int) -> Iterator[str]:
    if name not in LARGEST:
        yield f"{name} is none of {', '.join(LARGEST)}"
        return
    for what, size, largest in zip(("packed", "unpacked"), (packed, unpacked), LARGEST[name], strict=True):
        if size > largest:
            yield f"{size / MEGABYTE:.1f} MB {what}, more than {largest / MEGABYTE:.0f}"


def _library_faults(path: Path) -> Iterator[str]:
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", path], capture_output=True, text=True, check=False
    )
    platform = path.stem.rsplit("-", 1)[1].split(".")[0]
    if f'"{platform}"' not in shown.stdout:
        yield f"auditwheel finds it fit for another platform: {' '.join((shown.stdout or shown.stderr).split())}"


def faults(path: Path, version: str, licences: dict[str, str]) -> list[str]:
    """Return what is wrong with a distribution. `licences` has THIRD-PARTY.txt by the name of the distribution."""
    name = path.name.split("-")[0].replace("_", "-")
    check = wheel_faults if path.suffix == ".whl" else sdist_faults
    return list(check(path, version, licences.get(name, "")))


def main() -> None:
    """Parse the command line, check, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=Path)
    paths = sorted(path for path in parser.parse_args().dist.iterdir() if path.is_file())
    version = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["workspace"]["package"]["version"]
    licences = {"zkhost": third_party.make(verify_only=False), "zkhost-verify": third_party.make(verify_only=True)}
    found = {path: faults(path, version, licences) for path in paths}
    for path in paths:
        print(f"{path.name}: {path.stat().st_size / MEGABYTE:.1f} MB", *found[path], sep="\n    ")
    twine = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *paths], check=False)
    kinds = {(path.name.split("-")[0], path.suffix) for path in paths}
    missing = {(name, suffix) for name in ("zkhost", "zkhost_verify") for suffix in (".whl", ".gz")} - kinds
    for name, suffix in sorted(missing):
        print(f"no {suffix} of {name}")
    sys.exit(1 if missing or twine.returncode or any(found.values()) else 0)


if __name__ == "__main__":
    main()
