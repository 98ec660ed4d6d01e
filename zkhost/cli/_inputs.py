"""`zkhost prove --inputs FILE.jsonl`: a guest proved on every line of a file."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._typed_input import encode_input, parse
from zkhost.errors import ZkhostError

if TYPE_CHECKING:
    from zkhost.contract.declare import Contract
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.batch import MapResult
    from zkhost.provers.interface import Prover
    from zkhost.provers.options import ProveInfo, ProverOpts

_FIELDS = {"value", "text", "hex", "base64", "file", "args", "env"}


def read_inputs(path: Path, base: ExecutorEnv, contract: Contract[Any, Any] | None) -> Iterator[ExecutorEnv]:
    """Yield an environment a line: `base` with the line's input, arguments and variables. Blank lines are ignored.

    A line is {"value": ...} for an input as the contract declares it, or {"text": ...}, {"hex": ...}, {"base64": ...} or
    {"file": path beside FILE} for the guest's standard input, with "args" (a list) and "env" (an object) where needed.
    Raises click.ClickException, naming the line.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield _environment(parse(line), base, path.parent, contract)
                except ZkhostError as error:
                    raise click.ClickException(f"{path}, line {number}: {error.message}") from error
                except (ValueError, TypeError, OSError) as error:
                    raise click.ClickException(f"{path}, line {number}: {error}") from error


def _environment(given: Any, base: ExecutorEnv, folder: Path, contract: Contract[Any, Any] | None) -> ExecutorEnv:
    if not isinstance(given, dict):
        raise ValueError('not an object, as {"hex": "00ff"}')
    if unknown := given.keys() - _FIELDS:
        raise ValueError(f"no field {sorted(unknown)[0]!r}; there are {', '.join(sorted(_FIELDS))}")
    data = [_data(name, given[name], folder) for name in ("text", "hex", "base64", "file") if name in given]
    if "value" in given:
        data.append(encode_input(contract, given["value"]))
    if len(data) > 1:
        raise ValueError("give one of value, text, hex, base64 and file")
    args, variables = given.get("args", list(base.args)), {**base.env_vars, **given.get("env", {})}
    if not isinstance(args, list) or not all(isinstance(word, str) for word in [*args, *variables.values()]):
        raise ValueError("args is a list of texts, env an object of texts")
    return dataclasses.replace(base, input=data[0] if data else base.input, args=tuple(args), env_vars=variables)


def _data(kind: str, value: Any, folder: Path) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{kind} is not a text")
    try:
        if kind == "text":
            return value.encode()
        if kind == "file":
            return (folder / value).read_bytes()
        return bytes.fromhex(value) if kind == "hex" else base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not {kind}: {error}") from error


def prove_all(
    prover: Prover,
    program: bytes,
    base: ExecutorEnv,
    opts: ProverOpts,
    *,
    contract: Contract[Any, Any] | None,
    inputs: Path,
    folder: Path,
    concurrency: int,
    cache: Path | None,
) -> None:
    """Prove every line, write receipts into the folder, print a JSON line for each. Exit status 1 if one failed."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    results = prover.map(read_inputs(inputs, base, contract), program, opts, concurrency=concurrency, cache=cache)
    for result in results:
        failed += not result.ok
        click.echo(json.dumps(_line(result, folder)))
    if failed:
        click.secho(f"{failed} failed", fg="red", err=True)
        sys.exit(1)


def _line(result: MapResult[ProveInfo], folder: Path) -> dict[str, Any]:
    if result.value is None:
        error = result.error
        message = getattr(error, "message", None) or str(error)
        return {"index": result.index, "ok": False, "error": type(error).__name__, "message": message}
    path = folder / f"{result.index}.zkr"
    result.value.receipt.dump(path)
    return {
        "index": result.index,
        "ok": True,
        "receipt": str(path),
        "journal": result.value.receipt.journal.bytes.hex(),
        "user_cycles": result.value.stats.user_cycles,
        "elapsed_s": round(result.value.elapsed_s, 3),
        "prover": result.value.prover.name,
    }
