"""Writes THIRD-PARTY.txt: every crate that the native library and the bundled guests are linked with, and its licence.

    python -m tools.release.third_party [--verify-only] [--output FILE]

What is linked is what cargo resolves: normal dependencies, with the features built, less procedural macros. A crate
under a licence that zkhost may not be linked under ends it with an error that names the crate.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.release.spdx import LicenceError, elect

ROOT = Path(__file__).parents[2]
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")
GUEST_TARGET = "riscv32im-risc0-zkvm-elf"
_TEXTS = Path(__file__).with_name("licences")
_INCORPORATED = {"LGPL-3.0-only": ("GPL-3.0-only",)}
"""Licences that another one refers to for its terms."""

HEAD = """\
Third-party software in {name} {version}

The native library and the guests that come with it are linked with Rust's standard library (MIT OR Apache-2.0,
https://github.com/rust-lang/rust) and with the crates below. Where a crate offers several licences, it is taken under
the one named here. The source of each is at the address given and, at the very version, on crates.io.

Those under MPL-2.0 and LGPL-3.0-only are not changed. To link with a changed one, build zkhost from its sdist, which
is published with this package, with a [patch.crates-io] section in Cargo.toml.
"""


@dataclass(frozen=True, order=True)
class Crate:
    """A linked crate, as its manifest describes it, and the licences it is taken under."""

    name: str
    version: str
    licences: tuple[str, ...]
    authors: str
    source: str
    folder: Path


def linked(manifest: Path, package: str, options: Sequence[str], targets: Sequence[str]) -> set[Crate]:
    """Return the crates that a package is linked with on any of the targets. Raises LicenceError, naming a crate."""
    where = ("--manifest-path", str(manifest), "--locked")
    platforms = (f"--filter-platform={target}" for target in targets)
    metadata = json.loads(_cargo("metadata", "--format-version=1", *where, *platforms))
    about = {(each["name"], each["version"]): each for each in metadata["packages"]}
    wanted = ("-p", package, "-e", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}", *options)
    keys = set()
    for target in targets:
        lines = _cargo("tree", *where, *wanted, "--target", target).splitlines()
        keys |= {tuple(line.split()[:2]) for line in lines if line}
    found = (about[name, version.removeprefix("v")] for name, version in keys)
    return {_crate(each) for each in found if each["source"] is not None}


def _cargo(*arguments: str) -> str:
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: cargo {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def _crate(about: dict[str, Any]) -> Crate:
    name, version = about["name"], about["version"]
    try:
        licences = elect(about["license"] or "")
    except LicenceError as error:
        raise LicenceError(f"{name} {version}: {error}") from error
    source = about["repository"] or f"https://crates.io/crates/{name}"
    return Crate(name, version, licences, ", ".join(about["authors"]), source, Path(about["manifest_path"]).parent)


def texts(crate: Crate) -> list[str]:
    """Return the notices and licence texts that must come with a crate, beyond those that `report` has once for all."""
    patterns = ["NOTICE*"]
    if crate.licences != ("Apache-2.0",):
        patterns += ["LICEN[CS]E*", "COPYING*", "COPYRIGHT*"]
    files = {path for pattern in patterns for path in crate.folder.glob(pattern) if path.is_file()}
    wanted = (path for path in sorted(files) if "APACHE" not in path.name.upper())
    return [path.read_text("utf-8", errors="replace").strip() for path in wanted]


def report(name: str, version: str, crates: Iterable[Crate]) -> str:
    """Return the text of THIRD-PARTY.txt: the crates, then each text once, with the crates that it is of."""
    ordered = sorted(crates)
    owners: dict[str, tuple[str, list[str]]] = {}
    standard: dict[str, list[str]] = {}
    for crate in ordered:
        own = texts(crate)
        for text in own:
            owners.setdefault(" ".join(text.split()), (text, []))[1].append(f"{crate.name} {crate.version}")
        for licence in crate.licences:
            if licence == "Apache-2.0" or not own:
                for each in (licence, *_INCORPORATED.get(licence, ())):
                    standard.setdefault(each, []).append(f"{crate.name} {crate.version}")
    parts = [HEAD.format(name=name, version=version), *map(_entry, ordered)]
    parts += [
        _section(f"{licence}, for {_list(names)}", _standard_text(licence)) for licence, names in standard.items()
    ]
    parts += [_section(f"for {_list(names)}", text) for text, names in owners.values()]
    return "\n".join(parts)


def _entry(crate: Crate) -> str:
    by = f"\n    by {crate.authors}" if crate.authors else ""
    return f"{crate.name} {crate.version}\n    {' AND '.join(crate.licences)}\n    {crate.source}{by}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _section(title: str, text: str) -> str:
    return f"\n{'=' * 100}\n{textwrap.fill(title, 100)}\n{'=' * 100}\n\n{text.strip()}\n"


def _standard_text(licence: str) -> str:
    path = ROOT / "LICENSE" if licence == "Apache-2.0" else _TEXTS / f"{licence}.txt"
    if not path.is_file():
        sys.exit(f"error: a crate comes without the text of its licence, {licence}: put it at {path}")
    return path.read_text("utf-8")


def make(*, verify_only: bool) -> str:
    """Return the THIRD-PARTY.txt of zkhost, or of zkhost-verify. Raises LicenceError, naming a crate."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["workspace"]["package"]["version"]
    options = ("--no-default-features",) if verify_only else ()
    crates = linked(ROOT / "Cargo.toml", "zkhost-shim", options, TARGETS)
    crates |= linked(ROOT / "guest-methods/Cargo.toml", "zkhost-guests", (), (GUEST_TARGET,))
    return report("zkhost-verify" if verify_only else "zkhost", version, crates)


def main() -> None:
    """Parse the command line, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verify-only", action="store_true", help="of the library without the prover")
    parser.add_argument("--output", type=Path, default=ROOT / "THIRD-PARTY.txt")
    chosen = parser.parse_args()
    try:
        chosen.output.write_text(make(verify_only=chosen.verify_only), "utf-8")
    except LicenceError as error:
        sys.exit(
            f"error: {error}\n  hint: leave the crate out, or add its licence to tools/release/spdx.py and say why"
        )


if __name__ == "__main__":
    main()
