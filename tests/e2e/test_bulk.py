"""Many inputs through a real guest: what went wrong stays its own, and a second run takes receipts from the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from zkhost.cli.main import cli
from zkhost.errors import GuestPanicError
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProveInfo, ProverOpts
from zkhost.provers.storage.receipt_cache import ReceiptCache
from zkhost.provers.storage.request_key import request_key
from zkhost.receipt.receipt import Receipt

OPTS = ProverOpts()


def factors(left: int, right: int) -> bytes:
    return left.to_bytes(8, "little") + right.to_bytes(8, "little")


@pytest.mark.prove
def test_map_resumes_from_the_cache(guests: Mapping[str, bytes], proof: ProveInfo, tmp_path: Path) -> None:
    program = guests["factors"]
    inputs = [factors(17, 23), b"too short", factors(3, 5)]
    cache = tmp_path / "cache"
    known = ReceiptCache(cache)
    from zkhost.environment.executor_env import ExecutorEnv

    env = ExecutorEnv.builder().write_slice(inputs[0]).build()
    known.put(request_key(env, program, OPTS), proof.receipt, proof.stats)

    first = list(LocalProver().map(inputs, program, cache=cache))
    assert [result.value.prover.name if result.value else None for result in first] == ["cache", None, "local"]
    assert isinstance(first[1].error, GuestPanicError)
    assert int.from_bytes(first[2].unwrap().receipt.journal.bytes, "little") == 15

    second = list(LocalProver().map(inputs, program, cache=cache))
    assert [result.value.prover.name if result.value else None for result in second] == ["cache", None, "cache"]
    assert second[2].unwrap().receipt == first[2].unwrap().receipt


@pytest.mark.slow
def test_the_command_proves_each_line(
    guests: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "factors.bin").write_bytes(guests["factors"])
    (tmp_path / "two").write_bytes(factors(2, 2))
    lines: list[Any] = [{"hex": factors(17, 23).hex()}, {"text": "short"}, {"file": "two"}]
    (tmp_path / "in.jsonl").write_text("\n\n".join(map(json.dumps, lines)))
    with pytest.warns(UserWarning, match="fake"):
        result = CliRunner().invoke(cli, ["prove", "factors.bin", "--inputs", "in.jsonl", "--concurrency", "2"])
    assert result.exit_code == 1
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["index"], line["ok"]) for line in told] == [(0, True), (1, False), (2, True)]
    assert told[1]["error"] == "GuestPanicError"
    assert int.from_bytes(Receipt.load(tmp_path / told[0]["receipt"]).journal.bytes, "little") == 391


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1]", "not an object"),
        ("{", "Expecting"),
        ('{"hex": "0g"}', "non-hexadecimal"),
        ('{"base64": "?"}', "base64"),
        ('{"hex": "", "text": ""}', "give one"),
        ('{"inputs": ""}', "no field 'inputs'"),
        ('{"file": "nowhere"}', "No such file"),
        ('{"args": [1]}', "list of texts"),
    ],
)
def test_a_bad_line_is_named(line: str, said: str, tmp_path: Path) -> None:
    import click

    from zkhost.cli._inputs import read_inputs
    from zkhost.environment.executor_env import ExecutorEnv

    (tmp_path / "in.jsonl").write_text("{}\n" + line)
    with pytest.raises(click.ClickException, match=r"line 2: .*" + said):
        list(read_inputs(tmp_path / "in.jsonl", ExecutorEnv(), None))
