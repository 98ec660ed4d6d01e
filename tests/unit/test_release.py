"""What `make release` makes and checks: licences, zkhost-verify's sources, and faults of distributions."""

from __future__ import annotations

import io
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tools.release import check, third_party, verify_only
from tools.release.spdx import LicenceError, elect
from tools.release.third_party import Crate, linked, report

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("Apache-2.0", ("Apache-2.0",)),
        ("MIT/Apache-2.0", ("Apache-2.0",)),
        ("Unlicense OR MIT", ("MIT",)),
        ("GPL-3.0-only OR Zlib", ("Zlib",)),
        ("(Apache-2.0 OR MIT) AND BSD-3-Clause", ("Apache-2.0", "BSD-3-Clause")),
        ("Apache-2.0 AND MIT OR ISC", ("Apache-2.0", "MIT")),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", ("Apache-2.0",)),
        ("Apache-2.0 WITH LLVM-exception", ("Apache-2.0 WITH LLVM-exception",)),
    ],
)
def test_of_a_choice_of_licences_one_is_taken(expression: str, chosen: tuple[str, ...]) -> None:
    assert elect(expression) == chosen


@pytest.mark.parametrize("expression", ["AGPL-3.0-only", "MIT AND GPL-2.0-only", "(GPL-2.0-only OR SSPL-1.0)"])
def test_a_licence_that_zkhost_cannot_be_linked_under_is_an_error(expression: str) -> None:
    with pytest.raises(LicenceError, match="is no licence zkhost is linked under"):
        elect(expression)


@pytest.mark.parametrize("expression", ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "OR MIT", "MIT WITH"])
def test_what_is_no_expression_is_an_error(expression: str) -> None:
    with pytest.raises(LicenceError, match="is no licence expression"):
        elect(expression)


def crate(folder: Path, name: str, *licences: str, **files: str) -> Crate:
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file.replace("_", "-")).write_text(text)
    return Crate(name, "1.0.0", licences, "An Author", f"https://example.org/{name}", folder / name)


def test_each_crate_is_named_and_each_text_given_once(tmp_path: Path) -> None:
    notice = "Copyright (c) An Author. Permission is hereby granted"
    crates = [
        crate(tmp_path, "two", "MIT", LICENSE_MIT=f"{notice}\n"),
        crate(tmp_path, "one", "MIT", LICENSE=notice.replace(" ", "\n"), LICENSE_APACHE="not taken"),
        crate(tmp_path, "third", "Apache-2.0", NOTICE="made by Third", LICENSE_MIT="nor this"),
        crate(tmp_path, "bare", "LGPL-3.0-only"),
    ]
    text = report("zkhost", "1.2.3", crates)
    assert text.startswith("Third-party software in zkhost 1.2.3\n")
    assert text.index("\nbare 1.0.0\n    LGPL-3.0-only\n    https://example.org/bare\n    by An Author\n") < text.index(
        "\none "
    )
    assert " ".join(text.split()).count(notice) == 1
    assert "for one 1.0.0, two 1.0.0" in text
    assert "made by Third" in text
    assert "not taken" not in text
    assert "nor this" not in text
    for title in ("Apache-2.0, for third 1.0.0", "LGPL-3.0-only, for bare 1.0.0", "GPL-3.0-only, for bare 1.0.0"):
        assert title in text
    assert text.count("GNU LESSER GENERAL PUBLIC LICENSE\n") == text.count("GNU GENERAL PUBLIC LICENSE\n") == 1


def test_what_is_linked_is_what_cargo_resolves() -> None:
    """The prover's crates only with it; no procedural macros; none of this workspace; all of a known licence."""
    prover, verifier = (
        {each.name for each in linked(ROOT / "Cargo.toml", "zkhost-shim", options, third_party.TARGETS[:1])}
        for options in ((), ("--no-default-features",))
    )
    assert {"risc0-zkvm", "risc0-circuit-rv32im", "serde"} <= verifier < prover
    assert {"rayon", "risc0-circuit-rv32im-sys", "malachite"} <= prover - verifier
    assert not prover & {"serde_derive", "zkhost-nn", "zkhost-shim"}


def test_zkhost_verify_is_zkhost_without_the_feature_prove() -> None:
    ours = (ROOT / "pyproject.toml").read_text("utf-8")
    made, wanted = tomllib.loads(verify_only.pyproject(ours)), tomllib.loads(ours)
    wanted["project"] |= {"name": "zkhost-verify", "description": verify_only.DESCRIPTION}
    wanted["tool"]["maturin"] |= {"no-default-features": True, "profile": "verify"}
    assert made == wanted
    profile = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["profile"]["verify"]
    assert (profile["inherits"], profile["lto"]) == ("release", "fat")


def sdist(folder: Path, *, without: str = "", **more: str) -> Path:
    """An sdist of zkhost 1.0 with all that it should hold, of empty files, and what `more` says."""
    files = dict.fromkeys(check.of_sdist() - {without}, "") | more
    files |= {"PKG-INFO": "Name: zkhost\nVersion: 1.0\nSummary: of zkhost\nLicense-Expression: Apache-2.0\n"}
    files |= {"pyproject.toml": (ROOT / "pyproject.toml").read_text("utf-8"), "THIRD-PARTY.txt": "licences"}
    path = folder / "zkhost-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            if name != without:
                member = tarfile.TarInfo(f"zkhost-1.0/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
    return path


def test_its_sdist_is_made_of_zkhosts_and_unpacked_without_touching_what_is_equal(tmp_path: Path) -> None:
    made = verify_only.make(sdist(tmp_path), "its licences")
    assert made == tmp_path / "zkhost_verify-1.0.tar.gz"
    assert check.faults(made, "1.0", {"zkhost-verify": "its licences"}) == []
    folder = tmp_path / "sources"
    verify_only.unpack(made, folder)
    before = (folder / "Cargo.lock").stat().st_mtime_ns
    (folder / "rust-shim/src/lib.rs").write_text("changed")
    (folder / "rust-shim/src/left.rs").write_text("")
    verify_only.unpack(made, folder)
    assert (folder / "rust-shim/src/lib.rs").read_text() == ""
    assert not (folder / "rust-shim/src/left.rs").exists()
    assert (folder / "Cargo.lock").stat().st_mtime_ns == before


def test_an_sdist_that_lacks_what_is_replaced_makes_none(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"has no THIRD-PARTY\.txt"):
        verify_only.make(sdist(tmp_path, without="THIRD-PARTY.txt"), "licences")
    assert [path.name for path in tmp_path.iterdir()] == ["zkhost-1.0.tar.gz"]


def test_faults_of_an_sdist_are_named(tmp_path: Path) -> None:
    path = sdist(tmp_path, without="rust-shim/build.rs", **{"rust-shim/target/left.o": ""})
    assert check.faults(path, "1.1", {"zkhost": "other licences"}) == [
        "lacks rust-shim/build.rs",
        "holds rust-shim/target/left.o, which is not shipped",
        "Version is '1.0', not '1.1'",
        "its THIRD-PARTY.txt is not of the crates that are linked: make it anew",
    ]


def wheel(folder: Path, tag: str, library: bytes = b"") -> Path:
    """A wheel of zkhost-verify 1.0 with all that it should hold, of empty files but the library."""
    path = folder / f"zkhost_verify-1.0-{tag}.whl"
    info = "zkhost_verify-1.0.dist-info"
    metadata = "Name: zkhost-verify\nVersion: 1.0\nLicense-Expression: Apache-2.0\n"
    files = dict.fromkeys(check.of_wheel(), b"") | {"zkhost/_native/lib_native.so": library}
    files |= {f"{info}/METADATA": metadata.encode(), f"{info}/licenses/LICENSE": b""}
    files |= {f"{info}/licenses/THIRD-PARTY.txt": b"licences"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_faults_of_a_wheel_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_library_faults", lambda path: iter(()))
    assert check.faults(wheel(tmp_path, "py3-none-any"), "1.0", {"zkhost-verify": "licences"}) == []
    big = wheel(tmp_path, "cp311-cp311-any", bytes(15_000_001))
    assert check.faults(big, "1.0", {"zkhost-verify": "others"}) == [
        "zkhost_verify-1.0.dist-info/licenses/THIRD-PARTY.txt is missing, or not of the crates that are linked: make it anew",
        "its tag is not py3-none: it fits a single CPython",
        "15.0 MB unpacked, more than 15",
    ]
