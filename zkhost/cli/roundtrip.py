"""`zkhost roundtrip module:Type`: a type's codec against Rust's, on random values."""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._help import notes

if TYPE_CHECKING:
    from zkhost.testing.oracles import Oracle

ORACLES = ("rust", "packed", "guest")
_EPILOG = notes(
    """
    zkhost roundtrip contract:Input
    zkhost roundtrip contract:Input --examples 1000 --oracle rust,guest
    ZKHOST_ORACLES=zkhost/tests/oracle zkhost roundtrip contract:Input --format packed --oracle packed
    """,
    {0: "they agree", 1: "an error, or they disagree"},
)


@click.command(epilog=_EPILOG)
@click.argument("target", metavar="MODULE:TYPE")
@click.option("--examples", "-n", type=click.IntRange(1), default=100, show_default=True, help="Number of values.")
@click.option(
    "--oracle", "oracles", default="rust", show_default=True, metavar="NAMES",
    help="Oracles to compare with, separated by commas: rust (risc0's own serde), packed (l2r0-small-serde, built from "
    "zkhost's source tree), guest (a guest in the zkVM).",
)  # fmt: skip
@click.option(
    "--format",
    "format_",
    type=click.Choice(["standard", "packed", "both"]),
    default="both",
    show_default=True,
    help="Wire formats to compare.",
)
@click.option("--seed", type=int, help="Seed, to repeat a run.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def roundtrip(target: str, examples: int, oracles: str, format_: str, seed: int | None, as_json: bool) -> None:
    """Send random values of a type through zkhost's codec and through Rust's.

    Where they disagree, the smallest such value found is shown with both streams of words aligned. MODULE:TYPE is
    a class, or any name that stands for an annotation, as in contract:Input. Needs the extra `testing`.
    """
    annotation = _load(target)
    judges = [_oracle(name) for name in oracles.split(",")]
    formats = ("standard", "packed") if format_ == "both" else (format_,)
    try:
        from zkhost.testing.mismatch import MismatchError
        from zkhost.testing.roundtrip import check_roundtrip
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}: pip install 'zkhost[testing]'") from None
    begin = time.perf_counter()
    try:
        count = check_roundtrip(annotation, examples=examples, formats=formats, oracles=judges, seed=seed)
    except MismatchError as error:
        if not as_json:
            click.secho("They disagree. The smallest value found:", fg="red", err=True)
            click.echo(error.message)
        else:
            click.echo(json.dumps({"agree": False, "oracle": error.oracle, "format": error.format,
                                   "value": repr(error.value), "ours": _hex(error.ours),
                                   "theirs": _hex(error.theirs)}))  # fmt: skip
        sys.exit(1)
    elapsed = time.perf_counter() - begin
    if as_json:
        click.echo(json.dumps({"agree": True, "examples": count, "elapsed_s": round(elapsed, 3)}))
    else:
        click.echo(f"{target}: {count} values, {' and '.join(formats)}: zkhost and {oracles} agree ({elapsed:.1f} s)")


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    if not name:
        raise click.BadParameter(f"{target!r} is not MODULE:TYPE, as in contract:Input", param_hint="TARGET")
    sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise click.BadParameter(f"cannot load {target}: {error}", param_hint="TARGET") from None
    return found


def _oracle(name: str) -> Oracle:
    match name.strip():
        case "rust":
            from zkhost.testing.oracles import RustOracle

            return RustOracle()
        case "packed":
            from zkhost.testing.packed import PackedOracle

            return PackedOracle()
        case "guest":
            from zkhost.methods import ECHO_ELF
            from zkhost.testing.oracles import EchoGuest

            return EchoGuest(ECHO_ELF)
    raise click.BadParameter(f"no oracle {name!r}; there are {', '.join(ORACLES)}", param_hint="--oracle")


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()
