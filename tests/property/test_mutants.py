"""Breaks one rule of the wire formats at a time and checks that the vectors and refusals notice.

Each mutant is one edit to a copy of an engine, on which those tests are run: it is killed when one of them fails. The
native engine's Rust is compiled again, as a library of its own (see `native_alone.rs`). An edit that no longer applies,
or that does not compile, is an error and kills nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CRATE = ROOT / "rust-shim/native-codec/src"
TESTS = ["tests/unit/codec/test_native.py", "tests/unit/codec/test_vectors.py", "tests/unit/codec/test_errors.py"]
PASSED, FAILED = 0, 1
"""Exit statuses of pytest; others are errors."""

NATIVE: list[tuple[str, str, str, str]] = [
    ("u8 does not pack", "plan.rs", "(8, false) if thin =>", "(8, false) if false =>"),
    ("i8 packs", "plan.rs", "(8, false) if thin =>", "(8, _) if thin =>"),
    ("bool does not pack", "plan.rs", "Node::Bool { byte: thin }", "Node::Bool { byte: false }"),
    ("nested levels end at a word", "plan.rs", "self.packed && !nested)", "self.packed)"),
    ("no level ends at a word", "encode.rs", "        if close {\n            self.out.align()", "        if false {\n            self.out.align()"),
    ("no flush before a word", "encode.rs", "self.out.align()?;\n        self.out.raw(&word", "self.out.raw(&word"),
    ("no flush before two words", "encode.rs", "self.out.align()?;\n        self.out.raw(&dword", "self.out.raw(&dword"),
    ("no flush before a run", "encode.rs", "self.out.align_unless(run.width == 1 || count == 0)?;", ""),
    ("an empty run flushes", "encode.rs", "align_unless(run.width == 1 || count == 0)", "align_unless(run.width == 1)"),
    ("no flush before a buffer", "encode.rs", "self.out.align_unless(run.width == 1 || view.count() == 0)?;", ""),
    ("no flush before a digest", "encode.rs", "self.out.align()?;\n                    self.out.raw(data)", "self.out.raw(data)"),
    ("a flush on a unit", "encode.rs", "known().none => Ok(()),", "known().none => self.out.align(),"),
    ("a flush when a tuple opens", "encode.rs", "self.stack.check()?;\n                    if !is_a", "self.out.align()?;\n                    if !is_a"),
    ("an option's tag does not flush", "encode.rs", "self.word((!none).into())?", "self.out.raw(&u32::from(!none).to_le_bytes())?"),
    ("a variant's index does not flush", "encode.rs", "self.word(index as u32)?;", "self.out.raw(&(index as u32).to_le_bytes())?;"),
    ("text is not padded", "encode.rs", "self.out.raw(data)?;\n        self.out.align()", "self.out.raw(data)"),
    ("an array has a length", "encode.rs", "Some(_) => Ok(()),", "Some(length) => self.length(length),"),
    ("maps are not sorted", "encode.rs", "            if ordered {", "            if false {"),
    ("hash maps are sorted", "encode.rs", "            if ordered {", "            if true {"),
    ("sets are not sorted", "encode.rs", "let items = self.in_order(item, items, Owned::raw)?;", ""),
    ("the upper half of a u128 first", "encode.rs", "self.dword(low)?;\n                    self.dword(high)", "self.dword(high)?;\n                    self.dword(low)"),
    ("i16 in buffers is not sign-extended", "encode.rs", "i32::from(i16::from_le_bytes(half))", "i32::from(u16::from_le_bytes(half))"),
    ("i8 in buffers is not sign-extended", "encode.rs", "i32::from(byte as i8)", "i32::from(byte)"),
    ("i8 in lists is not sign-extended", "encode.rs", "_ => signed(value, bits)? as u32,", "_ => signed(value, bits)? as u32 & (u32::MAX >> (32 - bits)),"),
    ("a list of f32 has f64", "encode.rs", "b'f' => single(value)?.to_bits(),", "b'f' => return self.out.raw(&double(value)?.to_le_bytes()),"),
    ("a list may grow while it is written", "encode.rs", "if self.count() == count {", "if true {"),
    ("values nest without end", "encode.rs", "if self.nesting > NESTING_LIMIT {", "if false {"),
    ("skipped bytes are not checked", "decode.rs", "self.raw(4 - over)?.iter().any(|&byte| byte != 0)", "self.raw(4 - over)?.is_empty()"),
    ("padding is not checked", "decode.rs", "        if self.strict {\n            return self.align();", "        if false {\n            return self.align();"),
    ("padding is checked though not strict", "decode.rs", "        if self.strict {\n            return self.align();", "        if true {\n            return self.align();"),
    ("the last word is not finished", "decode.rs", "self.skip()?;\n        Ok(value)", "Ok(value)"),
    ("a packed byte takes a word", "decode.rs", "self.raw(1)?[0].into())),", "self.word()?.into())),"),
    ("words may be left over", "decode.rs", "if self.at == self.data.len() || !self.strict {", "if true {"),
    ("words may never be left over", "decode.rs", "if self.at == self.data.len() || !self.strict {", "if self.at == self.data.len() {"),
    ("a bool may be 2", "decode.rs", "1 => Owned::share(known().r#true),\n                    _ => Err(Stop),\n                },\n                Node::Float32", "_ => Owned::share(known().r#true),\n                },\n                Node::Float32"),
    ("a bool of a short run may be 2", "decode.rs", "1 => Owned::share(known().r#true),\n                    _ => Err(Stop),\n                }\n            }", "_ => Owned::share(known().r#true),\n                }\n            }"),
    ("a bool of a packed run may be 2", "decode.rs", "if run.code == b'?' && data.iter().any(|&byte| byte > 1)", "if run.code == b'?' && data.iter().any(|&byte| byte > 128)"),
    ("a bool of a run may be 2", "decode.rs", "                    if bytes.iter().any(|&byte| byte > 1)", "                    if bytes.iter().any(|&byte| byte > 128)"),
    ("an option's tag may be 2", "decode.rs", "                    1 => node = some,\n                    _ => return Err(Stop),", "                    _ => node = some,"),
    ("u8 and u16 are not range-checked", "decode.rs", "if word >> bits != 0 {", "if false {"),
    ("i8 and i16 are not range-checked", "decode.rs", "if word << over >> over != word {", "if false {"),
    ("numbers of a run are not range-checked", "decode.rs", "    if same == word {", "    if true {"),
    ("bytes are not range-checked", "decode.rs", "if all > 0xff {", "if false {"),
    ("surrogates are chars", "decode.rs", "char::from_u32(self.word()?).ok_or(Stop)?", "char::from_u32(self.word()?).unwrap_or('?')"),
    ("the upper half of a u128 is read first", "decode.rs", "let (low, high) = (self.dword()?, self.dword()?);", "let (high, low) = (self.dword()?, self.dword()?);"),
    ("an i128 is not signed", "decode.rs", "let high = if signed {", "let high = if false {"),
    ("keys may descend", "decode.rs", "if self.any && self.next <= self.last {", "if self.any && self.next == self.last {"),
    ("a key may come twice", "decode.rs", "if self.strict && PyDict_Size(dict.raw()) as usize == index {", "if false {"),
    ("an element may come twice", "decode.rs", "if self.strict && PySet_Size(set.raw()) as usize == index {", "if false {"),
    ("order counts though not strict", "decode.rs", "(ordered && decoder.strict).then_some", "ordered.then_some"),
    ("elements without words are not counted", "decode.rs", "self.zero_sized_left.checked_sub(count).ok_or(Stop)?", "self.zero_sized_left.saturating_sub(count)"),
    ("streams nest without end", "decode.rs", "if self.nesting > NESTING_LIMIT {", "if false {"),
    ("a nul ends a key", "rank.rs", "rank.extend([0, u8::MAX]);", "rank.push(0);"),
    ("negative keys come last", "rank.rs", "(signed(value, *bits)? ^ i64::MIN)", "signed(value, *bits)?"),
    ("negative i128 keys come last", "rank.rs", "if *signed { 1 << 63 } else { 0 }", "0"),
    ("None comes last", "rank.rs", "                        rank.push(END);\n                    } else {", "                        rank.push(u8::MAX);\n                    } else {"),
    ("a longer key comes first", "rank.rs", "const END: u8 = 0;", "const END: u8 = 2;"),
    ("digests compare as bytes", "rank.rs", "word.iter().rev()", "word.iter()"),
    ("offsets count bytes", "lib.rs", "4 * unsigned(offset, 32)? as usize", "unsigned(offset, 32)? as usize"),
    ("ends count bytes", "lib.rs", "end as u64 / 4", "end as u64"),
]  # fmt: skip

REFERENCE: list[tuple[str, str, str, str]] = [
    ("bytes pack at depth 0", "formats.py", "if self.depth == 0:\n            super().word(value)\n            return\n", ""),
    ("no flush when the outermost closes", "formats.py", "        if self.depth == 0:\n            self.flush()", "        if self.depth < 0:\n            self.flush()"),
    ("words do not flush", "formats.py", '"""One word, after a flush."""\n        self.flush()', '"""One word, after a flush."""'),
    ("a nested close flushes", "formats.py", "        self.depth -= 1\n        if self.depth == 0:", "        self.depth -= 1\n        if self.depth >= 0:"),
    ("a read byte takes its word", "formats.py", "self.held[0], self.held[1:]", 'self.held[0], b""'),
    ("skipped bytes are not checked", "formats.py", "        if any(self.held):\n            refuse_words", "        if any(()):\n            refuse_words"),
    ("padding is not checked", "formats.py", "any(self.data[end:aligned])", "any(())"),
    ("the last padding is not checked", "formats.py", "        if self.strict:\n            self.flush(path)", "        if False:\n            self.flush(path)"),
    ("a run of bytes drops the rest of its word", "formats.py", "self.at, self.held = end, raw[count:]", 'self.at, self.held = end, b""'),
    ("an empty run flushes", "formats.py", "        if raw:\n            self.flush()\n            super().words(raw)", "        self.flush()\n        super().words(raw)"),
    ("runs of i16 are not sign-extended", "runs.py", '"b": "i", "h": "i"', '"b": "i", "h": "I"'),
    ("keys may descend", "containers.py", "if self.last and not self.last[0] < rank:", "if self.last and self.last[0] == rank:"),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and of its tests."""
    data = shutil.ignore_patterns("__pycache__", "data", "templates", "*.so")
    shutil.copytree(ROOT / "zkhost", tmp_path / "zkhost", ignore=data)
    shutil.copytree(ROOT / "tests/unit/codec", tmp_path / "tests/unit/codec")
    shutil.copytree(CRATE, tmp_path / "src")
    return tmp_path


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native engine as it is."""
    return compiled(CRATE, tmp_path_factory.mktemp("native"))


def compiled(source: Path, target: Path) -> Path:
    """The native engine of these sources, as a library."""
    options = ["--edition=2021", "-Copt-level=1", "-Awarnings"]
    crate, library = target / "libnative_codec.rlib", target / "lib_native.so"
    alone = Path(__file__).with_name("native_alone.rs")
    commands: list[list[str | Path]] = [
        ["--crate-type=rlib", "--crate-name=native_codec", source / "lib.rs", "-o", crate],
        ["--crate-type=cdylib", f"--extern=native_codec={crate}", alone, "-o", library],
    ]
    for command in commands:
        run = subprocess.run(["rustc", *options, *command], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    return library


def status(copy: Path, library: Path) -> int:
    """What pytest reports of the tests in the copy."""
    shutil.copy(library, copy / "zkhost/_native/lib_native.so")
    options = ["-q", "-x", "--rootdir", ".", "-p", "no:cacheprovider", "-p", "no:zkhost"]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    command = [sys.executable, "-m", "pytest", *options, *TESTS]
    return subprocess.run(command, cwd=copy, env=env, capture_output=True, check=False).returncode


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, "the edit no longer applies"
    path.write_text(text.replace(old, new), "utf-8")


def test_the_copy_passes(copy: Path, library: Path) -> None:
    assert status(copy, library) == PASSED


@pytest.mark.parametrize(("file", "old", "new"), [m[1:] for m in NATIVE], ids=[m[0] for m in NATIVE])
def test_native_killed(copy: Path, file: str, old: str, new: str) -> None:
    edit(copy / "src" / file, old, new)
    assert status(copy, compiled(copy / "src", copy)) == FAILED


@pytest.mark.parametrize(("file", "old", "new"), [m[1:] for m in REFERENCE], ids=[m[0] for m in REFERENCE])
def test_reference_killed(copy: Path, library: Path, file: str, old: str, new: str) -> None:
    edit(copy / "zkhost/codec/reference" / file, old, new)
    assert status(copy, library) == FAILED
