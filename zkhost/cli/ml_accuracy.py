"""`zkhost ml prove-accuracy` and `verify-accuracy`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zkhost.cli._guest_io import cycles_line, dev_mode_banner
from zkhost.cli._help import notes
from zkhost.cli._model import JSON, arrays, hidden, load_model, model_options
from zkhost.cli._proof_options import CHECKPOINT, RECEIPT

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_SAMPLES = "Samples on the first axis: .npy, or .npz with an array for each input."


def _hex(_: click.Context, parameter: click.Parameter, value: str | None) -> bytes | None:
    try:
        found = None if value is None else bytes.fromhex(value)
    except ValueError:
        raise click.BadParameter("not hexadecimal", param=parameter) from None
    if found is not None and len(found) != 32:
        raise click.BadParameter(f"{len(found)} bytes, not 32", param=parameter)
    return found


_SALT = click.option(
    "--dataset-salt", callback=_hex, metavar="HEX", help="32 bytes that keep a secret dataset from being guessed by its digest."
)  # fmt: skip


@click.command(
    name="prove-accuracy",
    epilog=notes(
        """
    zkhost ml prove-accuracy digits.onnx --samples test.npy --labels classes.npy --at-least 0.95
    zkhost ml prove-accuracy digits.onnx --hidden-model --samples test.npy --labels classes.npy --at-least 0.9
    """,
        {0: "a verified receipt was written", 1: "fewer are right, or an error"},
    ),
)
@model_options
@click.option("--samples", type=_FILE, required=True, metavar="X.npy", help=_SAMPLES)
@click.option("--labels", type=_FILE, required=True, metavar="Y.npy", help="Their classes, integers.")
@click.option("--at-least", type=float, required=True, metavar="SHARE", help="The share to prove, as 0.95.")
@_SALT
@RECEIPT
@CHECKPOINT
@JSON
def prove_accuracy(
    *, samples: Path, labels: Path, at_least: float, dataset_salt: bytes | None, receipt_file: Path,
    checkpoint: Path | None, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Prove that the model classifies a share of samples as their labels say.

    The receipt shows neither samples nor labels, but their digest, their number and the bound.
    """
    from zkhost.cli._progress import progress_bar
    from zkhost.ml.accuracy import prove_accuracy as prove

    dev_mode_banner()
    model = load_model(**given)
    with progress_bar() as on_progress:
        proof = prove(
            model, arrays(samples), arrays(labels), at_least=at_least, dataset_salt=dataset_salt,
            on_progress=on_progress, checkpoint=checkpoint,
        )  # fmt: skip
    proof.receipt.dump(receipt_file)
    found = proof.journal
    if as_json:
        result = {
            "receipt": str(receipt_file), "verified": proof.receipt.kind != "fake", "image_id": str(model.image_id),
            **hidden(model), "count": found.count, "at_least": found.at_least,
            "dataset_digest": found.dataset_digest.hex(), "user_cycles": proof.stats.user_cycles,
            "segments": proof.stats.segments, "elapsed_s": proof.elapsed_s,
        }  # fmt: skip
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"proved in {proof.elapsed_s:.1f} s: at least {found.at_least} of {found.count} samples are right")
    click.echo(cycles_line(proof.stats.segments, proof.stats.user_cycles, proof.stats.total_cycles))
    click.echo(f"image ID: {model.image_id}")
    for name, value in hidden(model).items():
        click.echo(f"{name.replace('_', ' ')}: {value}")
    click.echo(f"digest of the dataset: {found.dataset_digest.hex()}")
    click.echo(f"receipt: {receipt_file} ({proof.receipt.kind})")


@click.command(
    name="verify-accuracy",
    epilog=notes(
        """
    zkhost ml verify-accuracy receipt.zkr digits.onnx --samples test.npy --labels classes.npy --at-least 0.95
    zkhost ml verify-accuracy receipt.zkr digits.onnx --dataset 5e884898da28...
    """,
        {0: "it verifies", 1: "it does not, or an error"},
    ),
)
@click.argument("receipt_file", metavar="RECEIPT", type=_FILE)
@model_options
@click.option("--samples", type=_FILE, metavar="X.npy", help=_SAMPLES)
@click.option("--labels", type=_FILE, metavar="Y.npy", help="Their classes, integers.")
@_SALT
@click.option("--dataset", callback=_hex, metavar="HEX", help="The dataset's digest, in place of samples and labels.")
@click.option("--at-least", type=float, metavar="SHARE", help="Refuse a lower bound.")
@click.option("--allow-fake", is_flag=True, help="Accept a dev-mode receipt, which proves nothing.")
@JSON
def verify_accuracy(
    *, receipt_file: Path, samples: Path | None, labels: Path | None, dataset_salt: bytes | None, dataset: bytes | None,
    at_least: float | None, allow_fake: bool, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Verify that a receipt proves this model's accuracy on these samples, or on a dataset with this digest."""
    from zkhost.ml.accuracy import verify_accuracy as verify
    from zkhost.receipt.receipt import Receipt

    if (samples is None or labels is None) == (dataset is None):
        raise click.UsageError("give --samples and --labels, or --dataset")
    dev_mode_banner()
    model, receipt = load_model(**given), Receipt.load(receipt_file)
    wanted = (arrays(samples), arrays(labels)) if samples is not None and labels is not None else dataset
    assert wanted is not None
    found = verify(
        receipt,
        model,
        dataset=wanted,
        dataset_salt=dataset_salt,
        at_least=at_least,
        allow_fake=True if allow_fake else None,
    )
    if as_json:
        result = {
            "verified": receipt.kind != "fake", "image_id": str(model.image_id), **hidden(model), "count": found.count,
            "at_least": found.at_least, "dataset_digest": found.dataset_digest.hex(),
            "weights": {name: digest.hex() for name, digest in found.weights.items()},
        }  # fmt: skip
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"verified: a {receipt.kind} receipt of the accuracy of {model.name}")
    click.echo(f"at least {found.at_least} of {found.count} samples are right ({found.bound:.2%})")
    click.echo(f"digest of the dataset: {found.dataset_digest.hex()}")
