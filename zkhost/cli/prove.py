"""`zkhost prove`: run a guest and prove the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zkhost.cli._guest_io import build_env, cycles_line, dev_mode_banner, guest_options, journal_line, read_program

_EPILOG = """\b
Examples:
  zkhost prove . --input input.bin --receipt proof.zkr
  zkhost prove . --input input.bin --checkpoint work/      survives a crash: run it again
  RISC0_PROVER=ipc zkhost prove methods/multiply.bin --input input.bin
"""


@click.command(epilog=_EPILOG)
@guest_options
@click.option("--kind", type=click.Choice(["composite", "succinct", "groth16"]), default="composite", show_default=True)
@click.option(
    "--receipt",
    "receipt_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default="receipt.zkr",
    show_default=True,
    help="Where the receipt goes; the ending says the format: .zkr, .json, .borsh, else bincode.",
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, file_okay=False), help="Keep proved segments in this folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def prove(
    *,
    program: Path,
    guest_name: str | None,
    kind: str,
    receipt_file: Path,
    checkpoint: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Run a guest, prove the run, verify the receipt, and write it to a file.

    Which prover does it is chosen by the environment, as `zkhost doctor` explains. Ctrl-C stops at once.

    Exit status: 0 where a verified receipt was written, else 1 (130 after Ctrl-C).
    """
    from zkhost.cli._progress import progress_bar
    from zkhost.image_id import image_id_hex
    from zkhost.provers.base import ProverOpts, ReceiptKind
    from zkhost.provers.select import default_prover

    dev_mode_banner()
    binary, env = read_program(program, guest_name), build_env(**given)
    prover: Any = default_prover()
    extra = {} if checkpoint is None else {"checkpoint": checkpoint}
    with progress_bar() as on_progress:
        info = prover.prove(env, binary, ProverOpts(ReceiptKind(kind)), on_progress=on_progress, **extra)
    info.receipt.dump(receipt_file)
    stats, claim = info.stats, info.receipt.claim
    image_id = "" if claim is None else image_id_hex(claim.pre)
    if as_json:
        result = {
            "receipt": str(receipt_file),
            "kind": str(info.receipt.kind),
            "image_id": image_id,
            "journal": info.receipt.journal.bytes.hex(),
            "segments": stats.segments,
            "user_cycles": stats.user_cycles,
            "total_cycles": stats.total_cycles,
            "elapsed_s": info.elapsed_s,
            "prover": {
                "name": info.prover.name,
                "where": info.prover.where,
                "version": info.prover.version,
                "reason": info.prover.reason,
            },
        }
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"proved in {info.elapsed_s:.1f} s by {info.prover.name} ({info.prover.reason})")
    click.echo(cycles_line(stats.segments, stats.user_cycles, stats.total_cycles))
    click.echo(journal_line(info.receipt.journal.bytes))
    click.echo(f"image ID: {image_id}")
    click.echo(f"receipt: {receipt_file} ({info.receipt.kind})")
