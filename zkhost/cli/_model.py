"""What the commands of `zkhost ml` share: the options that load a model, arrays from files, results as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from zkhost.ml.model import Model

F = TypeVar("F", bound=Callable[..., Any])


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


def _modes(known: str) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], str | dict[str, str]]:
    """One mode for all, or modes by name."""

    def read(_context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> str | dict[str, str]:
        found: dict[str, str] = {}
        for value in values:
            name, _, mode = value.rpartition("=")
            if mode not in known.split():
                raise click.BadParameter(f"{mode!r} is not one of {', '.join(known.split())}", param=parameter)
            found[name] = mode
        if "" in found and len(found) > 1:
            raise click.BadParameter("one mode for all, or one for each name", param=parameter)
        return found.get("") or found or known.split(maxsplit=1)[0]

    return read


def _salts(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, bytes]:
    found = {}
    for value in values:
        name, equals, digits = value.rpartition("=")
        salt = _salt(context, parameter, digits) if equals else None
        if salt is None:
            raise click.BadParameter(f"{value!r} is not NAME=HEX", param=parameter)
        found[name] = salt
    return found


_MODEL = [
    click.argument("file", metavar="MODEL", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--dim", "dims", multiple=True, callback=_dims, metavar="NAME=SIZE", help="Size of a dynamic axis. Repeatable."),
    click.option("--outputs", "tensors", multiple=True, metavar="NAME", help="Compute this tensor in place of the model's outputs. Repeatable."),
    click.option(
        "--show-input", "shown", multiple=True, callback=_modes("public hashed private"), metavar="[NAME=]MODE",
        help="What the journal shows of inputs (public: all, hashed: a salted SHA-256, private: nothing), or of one of them. "
        "Repeatable. [default: public]",
    ),
    click.option(
        "--show-output", "output", multiple=True, callback=_modes("all argmax topk threshold hashed"), metavar="[NAME=]MODE",
        help="What it shows of outputs along their last axis (all, argmax, topk, threshold), or hashed; or of one of them. "
        "Repeatable. [default: all]",
    ),
    click.option("--hidden", "hidden", multiple=True, metavar="NAME", help="Weights that are not in the image but read by the prover alone; a pattern such as 'lora_*'. Repeatable."),
    click.option("--hidden-model", is_flag=True, help="The whole model is read by the prover alone; the journal has its digest with --salt."),
    click.option("--salt-of", "salts", multiple=True, callback=_salts, metavar="NAME=HEX", help="32 bytes for a hashed input, weight or output; random without. Repeatable."),
    click.option("-k", type=click.IntRange(1), default=5, show_default=True, help="With topk: the number of outputs."),
    click.option("--threshold", type=float, help="With threshold: the limit to compare outputs with."),
    click.option("--salt", callback=_salt, metavar="HEX", help="32 bytes in the image, so that a guessable model is not recognised by its ID; or of a hidden model's digest."),
    click.option("--no-accelerate", is_flag=True, help="Use plain RISC-V instructions only."),
]  # fmt: skip

INPUT = click.option(
    "--input", "input_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True, metavar="X.npy",
    help="The input: an array in .npy, or .npz with an array for each input by name.",
)  # fmt: skip
BATCH = click.option("--batch", is_flag=True, help="The input has many samples on its first axis: all in one proof.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def model_options(command: F) -> F:
    for option in reversed(_MODEL):
        command = option(command)
    return command


def load_model(
    *, file: Path, dims: dict[str, int], tensors: tuple[str, ...], shown: Any, output: Any, k: int,
    threshold: float | None, hidden: tuple[str, ...], hidden_model: bool, salts: dict[str, bytes], salt: bytes | None,
    no_accelerate: bool,
) -> Model:  # fmt: skip
    if hidden and hidden_model:
        raise click.UsageError("--hidden is for weights; with --hidden-model they are hidden already")
    from zkhost.ml.loader import load

    return load(
        file, dims=dims, outputs=tensors or None, input=shown, output=output, k=k, threshold=threshold,
        hidden=hidden_model or hidden, salt=salt, salts=salts, accelerate=not no_accelerate,
    )  # fmt: skip


def arrays(path: Path) -> Any:
    """Return the arrays of a .npy or .npz file; never pickled objects."""
    import numpy as np

    from zkhost.errors import ModelInputError

    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelInputError(f"{path} is not a .npy or .npz file: {error}", hint="write it with numpy.save") from error
    return dict(found) if isinstance(found, Mapping) else found


def inputs(path: Path, batch: bool) -> Any:
    """Return the arrays of a file as one input, or as a batch of them."""
    from zkhost.ml.tensors import Batch

    return Batch(arrays(path)) if batch else arrays(path)


def plain(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: array.tolist() for name, array in arrays.items()}


def lines(arrays: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {json.dumps(array.tolist())}" for name, array in arrays.items())


def hidden(model: Model) -> dict[str, str]:
    """Digest and salt of a hidden model, for JSON; nothing of another."""
    if model.model_digest is None or model.salt is None:
        return {}
    return {"model_digest": model.model_digest.hex(), "model_salt": model.salt.hex()}
