"""`zkhost ml`: prove what a model computes."""

from __future__ import annotations

import dataclasses
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._guest_io import cycles_line, dev_mode_banner
from zkhost.cli._help import Group, notes
from zkhost.cli._model import BATCH, INPUT, JSON, arrays, hidden, inputs, lines, load_model, model_options, plain
from zkhost.cli._proof_options import CACHE, CHECKPOINT, KIND, RECEIPT, SEGMENT_LIMIT
from zkhost.cli.ml_accuracy import prove_accuracy, verify_accuracy
from zkhost.cli.ml_lora import lora
from zkhost.cli.ml_parts import prove_parts, verify_parts

if TYPE_CHECKING:
    from zkhost.ml.check import CheckReport
    from zkhost.ml.quantizer import QuantizeReport

_EPILOG = notes(
    """
    zkhost ml show digits.onnx
    zkhost ml check digits.onnx --samples test.npy
    zkhost ml prove digits.onnx --input digit.npy && zkhost ml verify receipt.zkr digits.onnx
    """,
    {0: "done; for check and verify: it holds", 1: "an error; or it does not hold"},
)


@click.group(cls=Group, epilog=_EPILOG)
def ml() -> None:
    """Prove what a model computes: ONNX files in int8, bit for bit as onnxruntime; GGUF files as llama.cpp.

    Options that choose shapes, outputs and what the journal shows are part of the image ID: pass the same ones to
    verify.
    """
    from zkhost.errors import ConfigError

    missing = [package for package in ("numpy", "onnx") if find_spec(package) is None]
    if missing:
        raise ConfigError(f"zkhost ml needs the package {missing[0]}", hint="pip install 'zkhost[ml]'")


def _report_json(report: CheckReport | QuantizeReport) -> str:
    return json.dumps(dataclasses.asdict(report), indent=2, default=str)


@ml.command(
    epilog=notes(
        """
    zkhost ml show digits.onnx
    zkhost ml show digits.onnx --html digits.html --dim batch=4
    """,
        {0: "the layers were shown", 1: "an error"},
    )
)
@model_options
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with the graph to this file instead."
)
@JSON
def show(html: Path | None, as_json: bool, **given: Any) -> None:
    """Show the layers: shapes, multiply-adds, cycles, shares; and the image ID."""
    model = load_model(**given)
    if html is not None:
        from zkhost.ml.page import render_page

        html.write_text(render_page(model), "utf-8")
        click.echo(f"page: {html}")
    elif as_json:
        layers = [dataclasses.asdict(layer) for layer in model.show()]
        click.echo(json.dumps({"model": model.name, "image_id": str(model.image_id), "layers": layers}, indent=2))
    else:
        click.echo(str(model))


@ml.command(
    name="image-id",
    epilog=notes(
        """
    zkhost ml image-id digits.onnx
    zkhost ml image-id digits.onnx --show-input private --show-output argmax
    """,
        {0: "the image ID was printed", 1: "an error"},
    ),
)
@model_options
@JSON
def image_id(as_json: bool, **given: Any) -> None:
    """Print the image ID that commits to this model with these options."""
    found = str(load_model(**given).image_id)
    click.echo(json.dumps({"image_id": found}) if as_json else found)


@ml.command(
    epilog=notes(
        """
    zkhost ml check digits.onnx --samples test.npy
    """,
        {0: "no value differs", 1: "one does, or an error"},
    )
)
@model_options
@click.option(
    "--samples", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True, metavar="X.npy",
    help="Samples on the first axis: .npy, or .npz with an array for each input.",
)  # fmt: skip
@JSON
def check(samples: Path, as_json: bool, **given: Any) -> None:
    """Compare with onnxruntime on samples: how many values differ, and where first."""
    report = load_model(**given).check(arrays(samples))
    click.echo(_report_json(report) if as_json else str(report))
    if not report.equal:
        raise SystemExit(1)


@ml.command(
    epilog=notes(
        """
    zkhost ml quantize digits.f32.onnx --samples train.npy --out digits.onnx
    zkhost ml quantize digits.f32.onnx --samples train.npy --labels classes.npy --form dynamic --out digits.onnx
    """,
        {0: "the model was written", 1: "an error"},
    )
)
@click.argument("file", metavar="MODEL", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--samples",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    metavar="X.npy",
    help="Float samples for calibration, on the first axis.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True),
    metavar="Y.npy",
    help="Classes of the samples, to report accuracy.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File for the int8 model.")
@click.option(
    "--form",
    type=click.Choice(["qdq", "qoperator", "dynamic"]),
    default="qdq",
    show_default=True,
    help="Form of the int8 model.",
)
@click.option("--per-tensor", is_flag=True, help="Use one weight scale per layer instead of one per channel.")
@click.option(
    "--calibrate",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Number of samples that determine the ranges.",
)
@JSON
def quantize(
    *,
    file: Path,
    samples: Path,
    labels: Path | None,
    out: Path,
    form: Any,
    per_tensor: bool,
    calibrate: int,
    as_json: bool,
) -> None:
    """Quantise a float model to int8 with onnxruntime's quantiser; show both accuracies."""
    from zkhost.ml.quantizer import quantize as run

    truth = None if labels is None else arrays(labels)
    report = run(file, arrays(samples), out, labels=truth, form=form, per_channel=not per_tensor, calibrate=calibrate)
    click.echo(_report_json(report) if as_json else str(report))


@ml.command(
    epilog=notes(
        """
    zkhost ml estimate digits.onnx --input digit.npy
    """,
        {0: "the estimate was printed", 1: "an error"},
    )
)
@model_options
@INPUT
@BATCH
@JSON
def estimate(input_file: Path, batch: bool, as_json: bool, **given: Any) -> None:
    """Estimate what a proof costs here: segments, memory, time. Nothing is proved."""
    from zkhost.cli._estimate import show_estimate

    model = load_model(**given)
    show_estimate(model.env(inputs(input_file, batch)), model.program, as_json=as_json)


@ml.command(
    epilog=notes(
        """
    zkhost ml execute digits.onnx --input digit.npy --show-output argmax
    """,
        {0: "it ran", 1: "an error"},
    )
)
@model_options
@INPUT
@BATCH
@JSON
def execute(input_file: Path, batch: bool, as_json: bool, **given: Any) -> None:
    """Run the model in the zkVM without a proof. Its outputs are unverified."""
    run = load_model(**given).execute(inputs(input_file, batch))
    if as_json:
        result = {"verified": False, "outputs": plain(run.outputs), "user_cycles": run.user_cycles}
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(lines(run.outputs))
    click.echo(cycles_line(len(run.session.segments), run.session.user_cycles, run.session.total_cycles))
    click.echo("UNVERIFIED: nothing was proved")


@ml.command(
    epilog=notes(
        """
    zkhost ml prove digits.onnx --input digit.npy
    zkhost ml prove digits.onnx --input digit.npy --show-input hashed --show-output topk -k 3 --receipt proof.zkr
    """,
        {0: "a verified receipt was written", 1: "an error"},
    )
)
@model_options
@INPUT
@BATCH
@RECEIPT
@KIND
@SEGMENT_LIMIT
@CHECKPOINT
@CACHE
@JSON
def prove(
    *, input_file: Path, batch: bool, receipt_file: Path, kind: str, segment_limit_po2: int | None, checkpoint: Path | None,
    cache: Path | None, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Prove the model's outputs on an input, verify the receipt, and write it to a file."""
    from zkhost.cli._progress import progress_bar
    from zkhost.provers.options import ProverOpts
    from zkhost.receipt.claim import ReceiptKind

    dev_mode_banner()
    model, given_input = load_model(**given), inputs(input_file, batch)
    with progress_bar() as on_progress:
        proof = model.prove(
            given_input, ProverOpts(ReceiptKind(kind)), segment_limit_po2=segment_limit_po2, on_progress=on_progress,
            checkpoint=checkpoint, cache=cache,
        )  # fmt: skip
    proof.receipt.dump(receipt_file)
    salts = {name: salt.hex() for name, salt in proof.salts.items()}
    if as_json:
        result = {
            "receipt": str(receipt_file), "verified": proof.verified, "image_id": str(model.image_id), **hidden(model),
            "outputs": plain(proof.outputs), "salts": salts, "user_cycles": proof.stats.user_cycles,
            "segments": proof.stats.segments, "elapsed_s": proof.elapsed_s,
        }  # fmt: skip
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(lines(proof.outputs))
    click.echo(f"proved in {proof.elapsed_s:.1f} s by {proof.prover.name} ({proof.prover.reason})")
    click.echo(cycles_line(proof.stats.segments, proof.stats.user_cycles, proof.stats.total_cycles))
    click.echo(f"image ID: {model.image_id}")
    if model.model_digest is not None and model.salt is not None:
        click.echo(f"digest of the model: {model.model_digest.hex()}, its salt: {model.salt.hex()} (keep it)")
    for name, salt in salts.items():
        click.echo(f"salt of {name}: {salt} (keep it: it opens the digest, and is not in the receipt)")
    click.echo(f"receipt: {receipt_file} ({proof.receipt.kind}){'' if proof.verified else ' UNVERIFIED'}")


@ml.command(
    epilog=notes(
        """
    zkhost ml verify receipt.zkr digits.onnx
    zkhost ml verify proof.zkr digits.onnx --show-input hashed --show-output topk -k 3
    """,
        {0: "it verifies", 1: "it does not, or an error"},
    )
)
@click.argument("receipt_file", metavar="RECEIPT", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@model_options
@click.option("--allow-fake", is_flag=True, help="Accept a dev-mode receipt, which proves nothing.")
@JSON
def verify(receipt_file: Path, allow_fake: bool, as_json: bool, **given: Any) -> None:
    """Verify that a receipt proves this model's outputs, and show them.

    The image ID is recomputed from the file. With only the ID, use `zkhost verify --image-id`.
    """
    from zkhost.receipt.receipt import Receipt

    dev_mode_banner()
    model, receipt = load_model(**given), Receipt.load(receipt_file)
    found = model.verify(receipt, allow_fake=True if allow_fake else None)
    digests = {name: digest.hex() for name, digest in found.digests.items()}
    if as_json:
        result = {
            "verified": receipt.kind != "fake", "image_id": str(model.image_id), **hidden(model), "outputs": plain(found.outputs),
            "inputs": plain(found.inputs), "digests": digests, "modes": dict(found.modes), "count": found.count,
        }  # fmt: skip
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"verified: a {receipt.kind} receipt of {model.name}, image ID {model.image_id}")
    click.echo(lines(found.outputs))
    for name in (*found.inputs, *found.digests, *(name for name, mode in found.modes.items() if mode == "private")):
        shown = {"public": "public, in the receipt", "private": "private"}
        click.echo(f"{name}: {shown.get(found.modes[name]) or f'SHA-256 with its salt {digests[name]}'}")


for _command in (lora, prove_accuracy, verify_accuracy, prove_parts, verify_parts):
    ml.add_command(_command)
