"""Makes zkhost-verify's sdist from zkhost's: the same sources, with the native library built without the prover.

    python -m tools.release.verify_only dist/zkhost-X.Y.Z.tar.gz THIRD-PARTY.txt FOLDER

writes dist/zkhost_verify-X.Y.Z.tar.gz, and unpacks it into FOLDER for maturin. What is equal there already is left
alone, so that cargo, which goes by times, builds again only what has changed.
"""

from __future__ import annotations

import argparse
import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import tomlkit

NAME = "zkhost-verify"
DESCRIPTION = "Verify receipts of the RISC Zero zkVM: zkhost without the prover in the process"


def pyproject(text: str) -> str:
    """Return zkhost's pyproject.toml as zkhost-verify's: another name, no cargo feature `prove`, the profile `verify`."""
    document = tomlkit.parse(text)
    project, maturin = document["project"], document["tool"]["maturin"]
    project["name"], project["description"] = NAME, DESCRIPTION
    maturin["no-default-features"] = True
    maturin["profile"] = "verify"
    return tomlkit.dumps(document)


def metadata(text: str) -> str:
    """Return zkhost's PKG-INFO as zkhost-verify's."""
    text = re.sub(r"^Name: .*", f"Name: {NAME}", text, count=1, flags=re.MULTILINE)
    return re.sub(r"^Summary: .*", f"Summary: {DESCRIPTION}", text, count=1, flags=re.MULTILINE)


def make(sdist: Path, third_party: str) -> Path:
    """Write zkhost-verify's sdist beside zkhost's, and return its path."""
    stem, version = sdist.name.removesuffix(".tar.gz").rsplit("-", 1)
    made = sdist.with_name(f"{NAME.replace('-', '_')}-{version}.tar.gz")
    replaced: dict[str, Callable[[str], str]] = {
        "pyproject.toml": pyproject,
        "PKG-INFO": metadata,
        "THIRD-PARTY.txt": lambda _: third_party,
    }
    with tarfile.open(sdist) as source, tarfile.open(made, "w:gz") as target:
        for member in source:
            content = source.extractfile(member)
            inside = member.name.removeprefix(f"{stem}-{version}/")
            data = b"" if content is None else content.read()
            if inside in replaced:
                data = replaced.pop(inside)(data.decode()).encode()
            member.name, member.size = f"{made.name.removesuffix('.tar.gz')}/{inside}", len(data)
            target.addfile(member, io.BytesIO(data))
    if replaced:
        made.unlink()
        raise SystemExit(f"error: {sdist} has no {', '.join(replaced)}")
    return made


def unpack(sdist: Path, folder: Path) -> None:
    """Make the folder hold what the sdist holds, and nothing else."""
    wanted: dict[Path, bytes] = {}
    with tarfile.open(sdist) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                wanted[folder.joinpath(*Path(member.name).parts[1:])] = content.read()
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()
    for path, data in wanted.items():
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def main() -> None:
    """Parse the command line, make the sdist, and unpack it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdist", type=Path)
    parser.add_argument("third_party", type=Path)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    unpack(make(chosen.sdist, chosen.third_party.read_text("utf-8")), chosen.folder)


if __name__ == "__main__":
    main()
