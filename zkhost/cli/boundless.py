"""`zkhost boundless`: inputs and requests for the Boundless market, and what its provers deliver."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._guest_io import guest_and_env, guest_options
from zkhost.cli._help import Group, notes

if TYPE_CHECKING:
    from zkhost.boundless.execution import Preflight
    from zkhost.boundless.predicate import Predicate

_FILE = click.Path(path_type=Path, dir_okay=False)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


_UNITS = {"wei": 1, "gwei": 10**9, "eth": 10**18, "zkc": 10**18}


def _amount(text: str, *units: str) -> int:
    """Return a number of the smallest unit, given so or with the name of a unit, as in `0.0002ETH`."""
    found = re.fullmatch(r"([0-9.]+) *([A-Za-z]*)", text)
    try:
        amount = Decimal(found[1]) if found else Decimal("nan")
    except InvalidOperation:
        amount = Decimal("nan")
    unit = found[2].lower() if found else ""
    if not amount.is_finite() or (unit and unit not in units):
        raise click.BadParameter(f"{text!r} is no amount; one is {' or '.join(f'0.5{unit}' for unit in units)}")
    scaled = amount * (_UNITS[unit] if unit else 1)
    if scaled != scaled.to_integral_value():
        raise click.BadParameter(f"{text!r} is not a whole number of the smallest unit")
    return int(scaled)


def _price(text: str) -> int:
    return _amount(text, "eth", "gwei", "wei")


def _collateral(text: str) -> int:
    return _amount(text, "zkc")


@click.group(
    cls=Group,
    epilog=notes(
        """
        zkhost boundless input . --value '{"a": 17, "b": 23}' -o input.bin
        zkhost boundless request . --value '{"a": 17, "b": 23}' --program-url https://example.com/program.bin \\
            --max-price 0.0002ETH --collateral 20ZKC -o request.json
        boundless requestor submit request.json && boundless requestor get-proof 0x... > proof.txt
        zkhost boundless verify request.json proof.txt --journal journal.bin
        """,
        {0: "done; for verify: the proof fulfils the request", 1: "an error, or it does not"},
    ),
)
def boundless() -> None:
    """Have proofs made by the Boundless market: write its input files and requests, verify what comes back.

    Nothing is signed or sent: that is for the market's own command line, or for your wallet.
    """


def _preflight(program: Path, guest_name: str | None, contract_file: Path | None, **given: Any) -> Preflight:
    from zkhost.boundless.execution import preflight
    from zkhost.guest.guest import Guest

    binary, _, env = guest_and_env(program, guest_name, contract_file, **given)
    guest: Guest[Any, Any] = Guest(binary)
    return preflight(guest, env)


@boundless.command(
    name="input",
    epilog=notes(
        """
        zkhost boundless input . --input stdin.bin -o input.bin
        """,
        {0: "the guest ended with Halted(0), and the file is written", 1: "an error"},
    ),
)
@guest_options
@click.option("-o", "--output", required=True, type=_FILE, help="The file to write.")
@_JSON
def write_input(*, output: Path, as_json: bool, **given: Any) -> None:
    """Execute a guest and write its input as the market carries it: a file to publish where provers can download it."""
    run = _preflight(**given)
    output.write_bytes(run.input.encode())
    facts = {**_facts(run), "input_digest": run.input.digest.hex(), "output": str(output)}
    _show(facts, as_json)


@boundless.command(
    epilog=notes(
        """
        zkhost boundless show request.json
        zkhost boundless show input.bin --stdin stdin.bin
        """,
        {0: "done", 1: "it is neither a request nor an input file"},
    )
)
@click.argument("file", metavar="REQUEST|INPUT", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--stdin", "stdin_file", type=_FILE, help="Write the guest's standard input here.")
@_JSON
def show(*, file: Path, stdin_file: Path | None, as_json: bool) -> None:
    """Show what a request or an input file holds; both are checked whole."""
    from zkhost.boundless.guest_env import GuestEnv
    from zkhost.boundless.request import ProofRequest

    data = file.read_bytes()
    facts: dict[str, Any] = {}
    if data.lstrip()[:1] == b"{":
        request = ProofRequest.load(file)
        guest_input: Any = request.input
        facts = {
            "id": hex(int(request.id)) if request.id else None,
            "image_url": request.image_url,
            "predicate": request.requirements.predicate.kind,
            "predicate_data": request.requirements.predicate.data.hex(),
            "selector": request.requirements.selector.hex(),
            **vars(request.offer),
        }
    else:
        guest_input = GuestEnv.decode(data)
    if isinstance(guest_input, GuestEnv):
        facts |= {"stdin_bytes": len(guest_input.stdin), "input_digest": guest_input.digest.hex()}
        if stdin_file:
            stdin_file.write_bytes(guest_input.stdin)
    else:
        facts["input_url"] = guest_input.url
        if stdin_file:
            raise click.UsageError("the request's input is at a URL: there is no standard input to write")
    _show(facts, as_json)


@boundless.command(
    epilog=notes(
        """
        zkhost boundless request . --input stdin.bin --program-url https://example.com/program.bin \\
            --max-price 0.0002ETH --collateral 20ZKC -o request.json
        """,
        {0: "the request is written", 1: "an error: the market would refuse it, or the guest failed"},
    )
)
@guest_options
@click.option("--program-url", required=True, metavar="URL", help="Where provers download the program binary.")
@click.option(
    "--input-url", metavar="URL", help="Where they download the input file; without it, it is in the request."
)
@click.option(
    "--max-price",
    required=True,
    type=_price,
    metavar="AMOUNT",
    help="The most that is paid, gas included: 0.0002ETH, 5gwei, or wei.",
)
@click.option(
    "--min-price", default="0", type=_price, metavar="AMOUNT", help="What the auction begins with (default: 0)."
)
@click.option(
    "--collateral",
    required=True,
    type=_collateral,
    metavar="AMOUNT",
    help="What the prover loses if it does not deliver: 20ZKC.",
)
@click.option("--start", type=int, metavar="UNIX_TIME", help="When the price begins to rise.")
@click.option("--ramp-up-period", type=int, metavar="SECONDS", help="How long it rises.")
@click.option(
    "--lock-timeout", type=int, metavar="SECONDS", help="When the prover must have delivered, from the start."
)
@click.option("--timeout", type=int, metavar="SECONDS", help="When the request ends, from the start.")
@click.option(
    "--require",
    type=click.Choice(["journal", "prefix", "claim"]),
    default="journal",
    help="This very journal (default), one with --journal-prefix, or the claim alone, where only a seal comes back.",
)
@click.option("--journal-prefix", metavar="HEX", help="What the journal begins with; none: any journal.")
@click.option(
    "--proof",
    type=click.Choice(["any", "groth16", "inclusion"]),
    default="any",
    help="The kind of seal; any is the cheapest.",
)
@click.option("--callback", metavar="ADDRESS", help="A contract that the market calls with the proof.")
@click.option("--callback-gas", type=int, default=100_000, metavar="GAS", help="What the call may use (100000).")
@click.option("-o", "--output", required=True, type=_FILE, help="The file to write: JSON, for requestor submit.")
@_JSON
def request(
    *,
    program_url: str,
    input_url: str | None,
    max_price: int,
    min_price: int,
    collateral: int,
    start: int | None,
    ramp_up_period: int | None,
    lock_timeout: int | None,
    timeout: int | None,
    require: str,
    journal_prefix: str | None,
    proof: str,
    callback: str | None,
    callback_gas: int,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Execute a guest and write a request for its proof. Times that are not given follow from the cycles."""
    from zkhost.boundless._evm_values import address_bytes
    from zkhost.boundless.offer import MCYCLE, Offer
    from zkhost.boundless.request import ProofRequest
    from zkhost.boundless.request_input import InputURL
    from zkhost.boundless.requirements import (
        ANY_PROOF,
        GROTH16_V3_0,
        NO_CALLBACK,
        SET_INCLUSION_V0_9,
        Callback,
        Requirements,
    )

    if journal_prefix is not None and require != "prefix":
        raise click.UsageError("--journal-prefix is for --require prefix")
    run = _preflight(**given)
    selectors = {"any": ANY_PROOF, "groth16": GROTH16_V3_0, "inclusion": SET_INCLUSION_V0_9}
    called = NO_CALLBACK if callback is None else Callback(address_bytes(callback, "--callback"), callback_gas)
    made = ProofRequest(
        image_url=program_url,
        input=run.input if input_url is None else InputURL(input_url),
        requirements=Requirements(_predicate(run, require, journal_prefix or ""), selectors[proof], called),
        offer=Offer.for_cycles(
            run.cycles,
            max_price=max_price,
            min_price=min_price,
            lock_collateral=collateral,
            ramp_up_start=start,
            ramp_up_period=ramp_up_period,
            lock_timeout=lock_timeout,
            timeout=timeout,
        ),
    )
    made.dump(output)
    facts = {
        **_facts(run),
        "max_price_per_mcycle_wei": max_price * MCYCLE // max(run.cycles, 1),
        "required_khz": round(made.offer.required_khz(run.cycles), 3),
        "output": str(output),
    }
    _show(facts, as_json)


def _predicate(run: Preflight, require: str, prefix: str) -> Predicate:
    from zkhost.boundless._evm_values import hex_bytes

    if require == "prefix":
        return run.prefix_match(hex_bytes(prefix, "--journal-prefix"))
    return run.claim_match if require == "claim" else run.digest_match


@boundless.command(
    epilog=notes(
        """
        boundless requestor get-proof 0x... > proof.txt
        zkhost boundless verify request.json proof.txt --journal journal.bin
        """,
        {0: "the proof fulfils the request", 1: "it does not, or an error"},
    )
)
@click.argument("request_file", metavar="REQUEST", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("proof_file", metavar="PROOF", type=click.File(encoding="utf-8"))
@click.option("--journal", "journal_file", type=_FILE, help="Write the proved journal here.")
@click.option("--image-id", metavar="HEX", help="The program, where the seal was delivered alone.")
@click.option("--known-journal", type=click.File("rb"), help="The journal's file, where the seal was delivered alone.")
@click.option(
    "--root",
    "root_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The set builder's receipt, for a path whose root's proof the seal does not hold.",
)
@click.option("--allow-fake", is_flag=True, help="Accept a dev-mode proof, of a market under test.")
@_JSON
def verify(
    *,
    request_file: Path,
    proof_file: Any,
    journal_file: Path | None,
    image_id: str | None,
    known_journal: Any,
    root_file: Path | None,
    allow_fake: bool,
    as_json: bool,
) -> None:
    """Verify that PROOF, what `boundless requestor get-proof` printed, is a proof of what REQUEST requires.

    REQUEST is the file as you submitted it. The journal is written only after the seal has been verified.
    """
    from zkhost.boundless.fulfillment import Fulfillment
    from zkhost.boundless.request import ProofRequest
    from zkhost.image_id import ImageID
    from zkhost.receipt.receipt import Receipt

    wanted = ProofRequest.load(request_file)
    delivered = Fulfillment.from_cli(proof_file.read())
    receipt = delivered.verify(
        wanted.requirements,
        image_id=None if image_id is None else ImageID(image_id),
        journal=None if known_journal is None else known_journal.read(),
        root=None if root_file is None else Receipt.load(root_file),
        allow_fake=allow_fake,
    )
    if journal_file:
        journal_file.write_bytes(receipt.journal.bytes)
    facts = {
        "fulfils": True,
        "selector": delivered.selector.hex(),
        "journal": receipt.journal.bytes.hex(),
        "journal_digest": receipt.journal.digest.hex(),
    }
    _show(facts, as_json)


def _facts(run: Preflight) -> dict[str, Any]:
    return {
        "image_id": str(run.image_id),
        "cycles": run.cycles,
        "journal_bytes": len(run.journal),
        "journal_digest": run.journal.digest.hex(),
        "claim_digest": run.claim_match.claim_digest.hex(),
        "input_bytes": len(run.input.encode()),
    }


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        click.echo(
            f"{name.replace('_', ' ')}: {f'{value:,}' if isinstance(value, int) and value is not True else value}"
        )
