"""What a run was: journals decoded and typed, exit codes told apart."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from zkhost.codec import U8, U32, codec
from zkhost.errors import DecodeError
from zkhost.session import ExitCode, ExitKind, Journal


@dataclass(frozen=True)
class Point:
    x: U8
    name: bytes


@pytest.mark.parametrize("format", ["standard", "packed"])
def test_a_journal_is_decoded_in_its_format(format: str) -> None:
    journal = Journal(codec(Point, format).encode(Point(1, b"abc")))
    assert journal.decode(Point, format) == Point(1, b"abc")
    with pytest.raises(DecodeError, match="end of the input, found 1 more word") as caught:
        Journal(journal.bytes + bytes(4)).decode(Point, format)
    assert caught.value.offset == len(journal.bytes) // 4
    assert Journal(journal.bytes + bytes(4)).decode(Point, format, strict=False) == Point(1, b"abc")


def test_its_standard_format_is_the_default() -> None:
    assert Journal(b"\x07\0\0\0").decode(U32) == 7


def test_an_exit_code_is_of_a_known_kind() -> None:
    assert ExitCode("Halted", 0) == ExitCode.halted()  # type: ignore[arg-type]
    assert (ExitCode.halted().ok, ExitCode.halted(1).ok, ExitCode(ExitKind.PAUSED, 0).ok) == (True, False, False)
    assert str(ExitCode(ExitKind.SESSION_LIMIT, 0)) == "SessionLimit(0)"
    with pytest.raises(ValueError, match="Exploded"):
        ExitCode("Exploded", 0)  # type: ignore[arg-type]


TYPED = """
from dataclasses import dataclass
import zkhost
from zkhost.codec import U64

@dataclass
class Output:
    product: U64

def check(receipt: zkhost.Receipt, policy: zkhost.VerifyPolicy, session: zkhost.SessionInfo) -> None:
    reveal_type(receipt.journal.decode(Output))
    reveal_type(receipt.verify("00" * 32))
    reveal_type(policy.verify(receipt))
    reveal_type(session.image_id)
    reveal_type(zkhost.compute_image_id(b"").words)
    zkhost.no_such_name
"""


def test_what_comes_back_is_typed(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "use.py"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    revealed = [
        line.partition('type is "')[2].rstrip('"').replace("builtins.", "")
        for line in shown.splitlines()
        if "Revealed" in line
    ]
    assert revealed == [
        "use.Output",
        "zkhost.receipt.receipt.Receipt",
        "zkhost.receipt.receipt.Receipt",
        "zkhost.image_id.ImageID | None",
        "tuple[int, ...]",
    ], shown
    assert '"no_such_name"' in shown, "an unknown name of the facade is an error"
