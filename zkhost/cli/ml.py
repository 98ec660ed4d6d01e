"""`zkhost ml`: prove what a model computes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zkhost.cli._guest_io import cycles_line, dev_mode_banner
from zkhost.cli._help import notes

if TYPE_CHECKING:
    from zkhost.ml.check import CheckReport
    from zkhost.ml.model import Model
    from zkhost.ml.quantizer import QuantizeReport

F = TypeVar("F", bound=Callable[..., Any])

_EPILOG = notes(
    """
    zkhost ml show digits.onnx
    zkhost ml check digits.onnx --samples test.npy
    zkhost ml prove digits.onnx --input digit.npy && zkhost ml verify receipt.zkr digits.onnx
    """,
    {0: "done; for check and verify: it holds", 1: "an error; or it does not hold"},
)


@click.group(epilog=_EPILOG)
def ml() -> None:
    """Prove what a model computes: ONNX files in int8, bit for bit as onnxruntime; GGUF files as llama.cpp.

    Options that choose shapes, outputs and what the journal shows are part of the image ID: pass the same ones to
    verify.
    """
    from zkhost.errors import ConfigError

    missing = [package for package in ("numpy", "onnx") if find_spec(package) is None]
    if missing:
        raise ConfigError(f"zkhost ml needs the package {missing[0]}", hint="pip install 'zkhost[ml]'")


def _dims(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for value in values:
        name, equals, size = value.rpartition("=")
        if not equals or not size.isdigit():
            raise click.BadParameter(f"{value!r} is not NAME=SIZE", param=parameter)
        found[name] = int(size)
    return found


def _salt(_: click.Context, parameter: click.Parameter, value: str | None) -> bytes | None:
    try:
        return None if value is None else bytes.fromhex(value)
    except ValueError:
        raise click.BadParameter("not hexadecimal", param=parameter) from None


_MODEL = [
    click.argument("file", metavar="MODEL.onnx", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--dim", "dims", multiple=True, callback=_dims, metavar="NAME=SIZE", help="Size of a dynamic axis. Repeatable."),
    click.option("--outputs", "tensors", multiple=True, metavar="NAME", help="Compute this tensor in place of the model's outputs. Repeatable."),
    click.option(
        "--show-input", "shown", type=click.Choice(["public", "hashed", "private"]), default="public", show_default=True,
        help="What the journal shows of the input: all, its salted SHA-256, or nothing.",
    ),
    click.option(
        "--show-output", "output", type=click.Choice(["all", "argmax", "topk", "threshold"]), default="all", show_default=True,
        help="What it shows of the outputs, along their last axis.",
    ),
    click.option("-k", type=click.IntRange(1), default=5, show_default=True, help="With topk: the number of outputs."),
    click.option("--threshold", type=float, help="With threshold: the limit to compare outputs with."),
    click.option("--salt", callback=_salt, metavar="HEX", help="32 bytes in the image, so that a guessable model is not recognised by its ID."),
    click.option("--no-accelerate", is_flag=True, help="Use plain RISC-V instructions only."),
]  # fmt: skip

_INPUT = click.option(
    "--input", "input_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True, metavar="X.npy",
    help="The input: an array in .npy, or .npz with an array for each input by name.",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def _model_options(command: F) -> F:
    for option in reversed(_MODEL):
        command = option(command)
    return command


def _load(
    *, file: Path, dims: dict[str, int], tensors: tuple[str, ...], shown: Any, output: Any, k: int,
    threshold: float | None, salt: bytes | None, no_accelerate: bool,
) -> Model:  # fmt: skip
    from zkhost.ml.model import load

    return load(
        file, dims=dims, outputs=tensors or None, input=shown, output=output, k=k, threshold=threshold, salt=salt,
        accelerate=not no_accelerate,
    )  # fmt: skip


def _arrays(path: Path) -> Any:
    """Return the arrays of a .npy or .npz file; never pickled objects."""
    import numpy as np

    from zkhost.errors import ModelInputError

    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelInputError(f"{path} is not a .npy or .npz file: {error}", hint="write it with numpy.save") from error
    return dict(found) if isinstance(found, Mapping) else found


def _plain(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: array.tolist() for name, array in arrays.items()}


def _lines(arrays: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {json.dumps(array.tolist())}" for name, array in arrays.items())


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
@_model_options
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with the graph to this file instead."
)
@_JSON
def show(html: Path | None, as_json: bool, **given: Any) -> None:
    """Show the layers: shapes, multiply-adds, cycles, shares; and the image ID."""
    model = _load(**given)
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
@_model_options
@_JSON
def image_id(as_json: bool, **given: Any) -> None:
    """Print the image ID that commits to this model with these options."""
    found = str(_load(**given).image_id)
    click.echo(json.dumps({"image_id": found}) if as_json else found)


@ml.command(
    epilog=notes(
        """
    zkhost ml check digits.onnx --samples test.npy
    """,
        {0: "no value differs", 1: "one does, or an error"},
    )
)
@_model_options
@click.option(
    "--samples", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True, metavar="X.npy",
    help="Samples on the first axis: .npy, or .npz with an array for each input.",
)  # fmt: skip
@_JSON
def check(samples: Path, as_json: bool, **given: Any) -> None:
    """Compare with onnxruntime on samples: how many values differ, and where first."""
    report = _load(**given).check(_arrays(samples))
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
@click.argument("file", metavar="MODEL.onnx", type=click.Path(path_type=Path, exists=True, dir_okay=False))
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
@_JSON
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

    truth = None if labels is None else _arrays(labels)
    report = run(file, _arrays(samples), out, labels=truth, form=form, per_channel=not per_tensor, calibrate=calibrate)
    click.echo(_report_json(report) if as_json else str(report))


@ml.command(
    epilog=notes(
        """
    zkhost ml estimate digits.onnx --input digit.npy
    """,
        {0: "the estimate was printed", 1: "an error"},
    )
)
@_model_options
@_INPUT
@_JSON
def estimate(input_file: Path, as_json: bool, **given: Any) -> None:
    """Estimate what a proof costs here: segments, memory, time. Nothing is proved."""
    from zkhost.cli._estimate import show_estimate

    model = _load(**given)
    show_estimate(model.env(_arrays(input_file)), model.program, as_json=as_json)


@ml.command(
    epilog=notes(
        """
    zkhost ml execute digits.onnx --input digit.npy --show-output argmax
    """,
        {0: "it ran", 1: "an error"},
    )
)
@_model_options
@_INPUT
@_JSON
def execute(input_file: Path, as_json: bool, **given: Any) -> None:
    """Run the model in the zkVM without a proof. Its outputs are unverified."""
    run = _load(**given).execute(_arrays(input_file))
    if as_json:
        result = {"verified": False, "outputs": _plain(run.outputs), "user_cycles": run.user_cycles}
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(_lines(run.outputs))
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
@_model_options
@_INPUT
@click.option(
    "--receipt", "receipt_file", type=click.Path(path_type=Path, dir_okay=False), default="receipt.zkr", show_default=True,
    help="File for the receipt.",
)  # fmt: skip
@click.option(
    "--kind",
    type=click.Choice(["composite", "succinct", "groth16"]),
    default="composite",
    show_default=True,
    help="The kind of receipt.",
)
@click.option("--segment-limit-po2", type=int, metavar="N", help="Limit segments to 2^N cycles (13 to 22).")
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, file_okay=False), help="Keep proved segments in this folder."
)
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Use and keep receipts in this folder.")
@_JSON
def prove(
    *, input_file: Path, receipt_file: Path, kind: str, segment_limit_po2: int | None, checkpoint: Path | None,
    cache: Path | None, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Prove the model's outputs on an input, verify the receipt, and write it to a file."""
    from zkhost.cli._progress import progress_bar
    from zkhost.provers.options import ProverOpts
    from zkhost.receipt.claim import ReceiptKind

    dev_mode_banner()
    model, arrays = _load(**given), _arrays(input_file)
    with progress_bar() as on_progress:
        proof = model.prove(
            arrays, ProverOpts(ReceiptKind(kind)), segment_limit_po2=segment_limit_po2, on_progress=on_progress,
            checkpoint=checkpoint, cache=cache,
        )  # fmt: skip
    proof.receipt.dump(receipt_file)
    salt = None if proof.input_salt is None else proof.input_salt.hex()
    if as_json:
        result = {
            "receipt": str(receipt_file), "verified": proof.verified, "image_id": str(model.image_id),
            "outputs": _plain(proof.outputs), "input_salt": salt, "user_cycles": proof.stats.user_cycles,
            "segments": proof.stats.segments, "elapsed_s": proof.elapsed_s,
        }  # fmt: skip
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(_lines(proof.outputs))
    click.echo(f"proved in {proof.elapsed_s:.1f} s by {proof.prover.name} ({proof.prover.reason})")
    click.echo(cycles_line(proof.stats.segments, proof.stats.user_cycles, proof.stats.total_cycles))
    click.echo(f"image ID: {model.image_id}")
    if salt is not None:
        click.echo(f"input salt: {salt} (keep it: it opens the input's digest, and is not in the receipt)")
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
@_model_options
@click.option("--allow-fake", is_flag=True, help="Accept a dev-mode receipt, which proves nothing.")
@_JSON
def verify(receipt_file: Path, allow_fake: bool, as_json: bool, **given: Any) -> None:
    """Verify that a receipt proves this model's outputs, and show them.

    The image ID is recomputed from the file. With only the ID, use `zkhost verify --image-id`.
    """
    from zkhost.receipt.receipt import Receipt

    dev_mode_banner()
    model, receipt = _load(**given), Receipt.load(receipt_file)
    found = model.verify(receipt, allow_fake=True if allow_fake else None)
    digest = None if found.input_digest is None else found.input_digest.hex()
    if as_json:
        inputs = None if found.inputs is None else _plain(found.inputs)
        result = {
            "verified": receipt.kind != "fake", "image_id": str(model.image_id), "outputs": _plain(found.outputs),
            "inputs": inputs, "input_digest": digest,
        }  # fmt: skip
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"verified: a {receipt.kind} receipt of {model.name}, image ID {model.image_id}")
    click.echo(_lines(found.outputs))
    shown = {"public": "public, in the receipt", "hashed": f"SHA-256 with its salt {digest}", "private": "private"}
    click.echo(f"input: {shown[found.input_mode]}")
