"""Breaks one rule of the wire formats at a time and checks that the vectors and refusals notice.

Each mutant is one edit to a copy of the codec, on which those tests are run: it is killed when one of them fails. An edit
that no longer applies, or that keeps the codec from being imported, is an error and kills nothing.
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
TESTS = ["tests/unit/codec/test_vectors.py", "tests/unit/codec/test_errors.py"]
PASSED, FAILED = 0, 1
"""Exit statuses of pytest; others are errors."""

MUTANTS: list[tuple[str, str, str, str]] = [
    ("u8 does not pack", "gen_encode.py", "case s.Int(bits=8, signed=False) if self.packed:", "case s.Int(bits=7):"),
    ("bool does not pack", "gen_encode.py", 'Atom("raw", "B", 1, x) if self.packed else', 'Atom("raw", "B", 1, x) if False else'),
    ("i8 packs", "gen_encode.py", 'self.group.add(Atom("word", "i", 4, x))', 'self.group.add(Atom("raw", "b", 1, x))'),
    ("no flush before a word", "pack.py", 'if kind != "raw" and at % 4:', 'if kind == "align" and at % 4:'),
    ("no flush at the end", "frame_encode.py", "if self.group.phase != ALIGNED:\n", "if False:\n"),
    ("a flush at the end of a nested Vec", "gen_encode.py", 'kind = "text" if serde else "octets" if', 'kind = "text" if'),
    ("a flush on a unit", "gen_encode.py", 'self.check(f"{x} is not None")', 'self.group.add(Atom("align"))'),
    ("a flush when a tuple opens", "gen_encode.py", "        names = [self.src.fresh", '        self.group.add(Atom("align"))\n        names = [self.src.fresh'),
    ("an option's tag does not flush", "gen_encode.py", 'self.group.add(Atom("word", "I", 4, "1"))', 'self.group.add(Atom("raw", "I", 4, "1"))'),
    ("a variant's index does not flush", "gen_encode.py", 'Atom("word", "I", 4, str(v.index))', 'Atom("raw", "I", 4, str(v.index))'),
    ("maps are not sorted", "gen_encode.py", 'order = f"sorted({x})" if key is None', 'order = f"list({x})" if key is None'),
    ("the upper half of a u128 first", "gen_encode.py", '{x} & {(1 << 64) - 1}, {x} >> 64"', '{x} >> 64, {x} & {(1 << 64) - 1}"'),
    ("i16 in lists not sign-extended", "bulk.py", '"i" if code in "bh" else "I", array(code, raw)', '"I", array(code.upper(), raw)'),
    ("skipped bytes are not checked", "unpack.py", "> {self.source.const(ZERO_WORD, 'Z')}: raise Bad\")\n            self", "> b'\\\\xff' * 9: raise Bad\")\n            self"),
    ("padding is not checked", "unpack.py", 'self.source.line(f"if {pad} >', 'self.source.line(f"if 0 and {pad} >'),
    ("the last padding is not checked", "frame_decode.py", "            if self.strict:\n                self.reads.align()", "            if False:\n                self.reads.align()"),
    ("a packed byte takes a word", "gen_decode.py", 'return self.part("B", 1, False)', 'return self.part("I", 4)'),
    ("a bool may be 2", "gen_decode.py", "BOOLS = (False, True)", "BOOLS = (False, True, True)"),
    ("u8 and u16 are not range-checked", "gen_decode.py", '{v} > {node.high}"', '{v} < 0"'),
    ("surrogates are chars", "gen_decode.py", 'self.refuse(f"0xD800 <= {v} < 0xE000")', 'self.refuse(f"{v} < 0")'),
    ("keys may descend", "gen_decode.py", "is not None and not {self.last} < {rank}", "is not None and {self.last} == {rank}"),
    ("words may be left over", "gen_decode.py", "if p == len(b): return {}", "return {}"),
    ("reference: bytes pack at depth 0", "ref_words.py", "if self.depth == 0:\n            super().word(value)\n            return\n", ""),
    ("reference: no flush when the outermost closes", "ref_words.py", "        if self.depth == 0:\n            self.flush()", "        if self.depth < 0:\n            self.flush()"),
    ("reference: words do not flush", "ref_words.py", '"""One word, after a flush."""\n        self.flush()', '"""One word, after a flush."""'),
    ("reference: a nested close flushes", "ref_words.py", "        self.depth -= 1\n        if self.depth == 0:", "        self.depth -= 1\n        if self.depth >= 0:"),
    ("reference: a read byte takes its word", "ref_words.py", "self.held[0], self.held[1:]", 'self.held[0], b""'),
    ("reference: skipped bytes are not checked", "ref_words.py", "        if any(self.held):", "        if any(()):"),
    ("reference: padding is not checked", "ref_words.py", "any(self.data[end:aligned])", "any(())"),
    ("reference: the last padding is not checked", "ref_words.py", "        if self.strict:\n            self.flush(path)", "        if False:\n            self.flush(path)"),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the codec and of its tests."""
    shutil.copytree(ROOT / "zkhost/codec", tmp_path / "zkhost/codec", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("zkhost/__init__.py", "zkhost/errors.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    shutil.copytree(ROOT / "tests/unit/codec", tmp_path / "tests/unit/codec")
    return tmp_path


def status(copy: Path) -> int:
    """What pytest says of the tests in the copy."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "--rootdir",
        ".",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:zkhost",
        *TESTS,
    ]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    return subprocess.run(command, cwd=copy, env=env, capture_output=True, check=False).returncode


def test_the_copy_passes(copy: Path) -> None:
    assert status(copy) == PASSED


@pytest.mark.parametrize(("file", "old", "new"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_killed(copy: Path, file: str, old: str, new: str) -> None:
    path = copy / "zkhost/codec" / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1, "the edit no longer applies"
    path.write_text(text.replace(old, new), "utf-8")
    assert status(copy) == FAILED
