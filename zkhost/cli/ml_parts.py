"""`zkhost ml prove-parts` and `verify-parts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zkhost.cli._guest_io import dev_mode_banner
from zkhost.cli._help import notes
from zkhost.cli._model import BATCH, INPUT, JSON, inputs, lines, load_model, model_options, plain

_PARTS = click.option("--parts", type=click.IntRange(2), default=2, show_default=True, help="The number of parts.")
_AFTER = click.option(
    "--after", multiple=True, metavar="NAME", help="Cut after the layer that computes this tensor, in place of --parts. Repeatable."
)  # fmt: skip


@click.command(
    name="prove-parts",
    epilog=notes(
        """
    zkhost ml prove-parts large.onnx --input image.npy --parts 4 --receipts proof/
    """,
        {0: "the receipts were verified together and written", 1: "an error"},
    ),
)
@model_options
@INPUT
@BATCH
@_PARTS
@_AFTER
@click.option(
    "--receipts", type=click.Path(path_type=Path, file_okay=False), default=Path("receipts"), show_default=True,
    help="Folder for the receipts: part-1.zkr and so on.",
)  # fmt: skip
@JSON
def prove_parts(
    *, input_file: Path, batch: bool, parts: int, after: tuple[str, ...], receipts: Path, as_json: bool, **given: Any
) -> None:
    """Prove a model in parts, each with a receipt of its own, bound to each other by digests.

    Each receipt is written as soon as it is made.
    """
    from zkhost.cli._progress import progress_bar
    from zkhost.ml.chain import ChainProof, split

    dev_mode_banner()
    chain = split(load_model(**given), parts, after=after)
    receipts.mkdir(parents=True, exist_ok=True)
    proofs = []
    for number, stage in enumerate(chain.stages(inputs(input_file, batch)), start=1):
        with progress_bar() as on_progress:
            proofs.append(stage.prove(on_progress=on_progress))
        proofs[-1].receipt.dump(receipts / f"part-{number}.zkr")
        if not as_json:
            click.echo(
                f"part {number} of {len(chain.parts)}: {proofs[-1].elapsed_s:.1f} s, image ID {stage.model.image_id}"
            )
    proof = ChainProof(chain, tuple(proofs))
    found = proof.verify()
    salts = {name: salt.hex() for name, salt in proof.salts.items() if name in found.digests}
    if as_json:
        images = [str(part.image_id) for part in chain.parts]
        result = {"receipts": str(receipts), "image_ids": images, "outputs": plain(found.outputs), "salts": salts}
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(lines(found.outputs))
    for name, salt in salts.items():
        click.echo(f"salt of {name}: {salt} (keep it: it opens the digest, and is not in the receipts)")


@click.command(
    name="verify-parts",
    epilog=notes(
        """
    zkhost ml verify-parts proof/ large.onnx --parts 4
    """,
        {0: "they verify, and belong together", 1: "they do not, or an error"},
    ),
)
@click.argument("receipts", type=click.Path(path_type=Path, exists=True, file_okay=False))
@model_options
@_PARTS
@_AFTER
@click.option("--allow-fake", is_flag=True, help="Accept dev-mode receipts, which prove nothing.")
@JSON
def verify_parts(
    *, receipts: Path, parts: int, after: tuple[str, ...], allow_fake: bool, as_json: bool, **given: Any
) -> None:
    """Verify that the receipts in a folder, of all parts of a model, prove its outputs together."""
    from zkhost.ml.chain import split

    dev_mode_banner()
    chain = split(load_model(**given), parts, after=after)
    files = [receipts / f"part-{number}.zkr" for number in range(1, len(chain.parts) + 1)]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise click.UsageError(f"{missing[0]} is missing: the model has {len(files)} parts")
    found = chain.verify(files, allow_fake=True if allow_fake else None)
    digests = {name: digest.hex() for name, digest in found.digests.items()}
    if as_json:
        result = {
            "outputs": plain(found.outputs),
            "inputs": plain(found.inputs),
            "digests": digests,
            "count": found.count,
        }
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"verified: {len(files)} receipts of one run of {chain.whole.name}")
    click.echo(lines(found.outputs))
    for name, digest in digests.items():
        click.echo(f"{name}: SHA-256 with its salt {digest}")
