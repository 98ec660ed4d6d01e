"""`zkhost prove`: run a guest and prove the run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from zkhost.cli._guest_io import cycles_line, dev_mode_banner, guest_and_env, guest_options
from zkhost.cli._help import notes
from zkhost.cli._journal import journal_json, journal_lines
from zkhost.cli._proof_options import CACHE, CHECKPOINT, KIND, RECEIPT

_EPILOG = notes(
    """
    zkhost prove . --value '{"a": 17, "b": 23}' --receipt proof.zkr
    zkhost prove . --input input.bin --estimate              # what that takes here; proves nothing
    zkhost prove . --input input.bin --checkpoint work/      # survives a crash: run it again
    zkhost prove . --inputs inputs.jsonl --cache proofs/     # one proof a line; resumes
    RISC0_PROVER=ipc zkhost prove methods/multiply.bin --input input.bin
    """,
    {
        0: "a verified receipt was written; with --inputs: one for each line; with --estimate: nothing was",
        1: "an error; with --inputs: in one line or more",
    },
)


@click.command(epilog=_EPILOG)
@guest_options
@KIND
@RECEIPT
@CHECKPOINT
@CACHE
@click.option(
    "--inputs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE.jsonl",
    help='Prove for each line, as {"value": ..}, {"hex": "00ff"}, {"text": ..}, {"base64": ..}, {"file": ..}; "args", "env".',
)
@click.option(
    "--receipts",
    "receipts_folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="receipts",
    show_default=True,
    help="With --inputs: folder for the receipts.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="With --inputs: number of proofs made at the same time.",
)
@click.option(
    "--estimate",
    "only_estimate",
    is_flag=True,
    help="Execute without proving, and print segments, memory, time and the best --segment-limit-po2.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def prove(
    *,
    program: Path,
    guest_name: str | None,
    contract_file: Path | None,
    kind: str,
    receipt_file: Path,
    checkpoint: Path | None,
    cache: Path | None,
    inputs: Path | None,
    receipts_folder: Path,
    concurrency: int,
    only_estimate: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Run a guest, prove the run, verify the receipt, and write it to a file.

    The environment chooses the prover, as `zkhost doctor` explains. Ctrl-C stops at once.
    With --inputs a JSON line is printed for each proof, in the order of the lines.
    """
    from zkhost.cli._progress import progress_bar
    from zkhost.provers.options import ProverOpts
    from zkhost.provers.select import default_prover
    from zkhost.receipt.claim import ReceiptKind

    binary, contract, env = guest_and_env(program, guest_name, contract_file, **given)
    if only_estimate:
        from zkhost.cli._estimate import show_estimate

        if inputs is not None:
            raise click.UsageError("--estimate is for one proof: give its input with --value or --input, not --inputs")
        show_estimate(env, binary, as_json=as_json)
        return
    dev_mode_banner()
    prover = default_prover()
    if inputs is not None:
        from zkhost.cli._inputs import prove_all

        if checkpoint is not None:
            raise click.UsageError(
                "--inputs works with --cache, not with --checkpoint: finished receipts are what it keeps"
            )
        opts = ProverOpts(ReceiptKind(kind))
        prove_all(
            prover,
            binary,
            env,
            opts,
            contract=contract,
            inputs=inputs,
            folder=receipts_folder,
            concurrency=concurrency,
            cache=cache,
        )
        return
    with progress_bar() as on_progress:
        opts = ProverOpts(ReceiptKind(kind))
        info = prover.prove(env, binary, opts, on_progress=on_progress, checkpoint=checkpoint, cache=cache)
    info.receipt.dump(receipt_file)
    stats, claim = info.stats, info.receipt.claim
    image_id = "" if claim is None else str(claim.image_id)
    if as_json:
        result = {
            "receipt": str(receipt_file),
            "kind": str(info.receipt.kind),
            "image_id": image_id,
            **journal_json(info.receipt.journal.bytes, contract),
            "segments": stats.segments,
            "user_cycles": stats.user_cycles,
            "total_cycles": stats.total_cycles,
            "elapsed_s": info.elapsed_s,
            "prover": dataclasses.asdict(info.prover),
        }
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"proved in {info.elapsed_s:.1f} s by {info.prover.name} ({info.prover.reason})")
    click.echo(cycles_line(stats.segments, stats.user_cycles, stats.total_cycles))
    click.echo(journal_lines(info.receipt.journal.bytes, contract))
    click.echo(f"image ID: {image_id}")
    click.echo(f"receipt: {receipt_file} ({info.receipt.kind})")
