"""A guest's input as JSON, checked against its contract: --value, and "value" in the lines of --inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zkhost.contract.declare import Contract


def encode_option(contract: Contract[Any, Any] | None, text: str) -> bytes:
    """Return the words of the value of --value: JSON, or @FILE for a file with JSON.

    Raises EncodeError, naming the field, for what the contract does not accept, and click.UsageError.
    """
    try:
        data = parse(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except (ValueError, OSError) as error:
        raise click.BadParameter(str(error), param_hint="--value") from error
    return encode_input(contract, data)


def encode_input(contract: Contract[Any, Any] | None, data: Any) -> bytes:
    """Return the words of an input that JSON describes, as the contract declares it. Raises as `encode_option` does."""
    from zkhost.codec import from_json

    if contract is None:
        raise click.UsageError("a typed input needs the guest's contract: name its project, or give --contract FILE")
    if contract.input is None:
        raise click.UsageError("the contract of this guest has no input")
    return contract.input_codec.encode(from_json(contract.input, data))


def parse(text: str) -> Any:
    """Parse JSON in which no object has two members of one name. Raises ValueError."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has two members named {twice!r}")
    return members
