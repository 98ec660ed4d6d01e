"""`zkhost ml lora`: merge low-rank adapters into weights, and prove it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zkhost.cli._guest_io import cycles_line, dev_mode_banner
from zkhost.cli._help import Group, notes

if TYPE_CHECKING:
    from zkhost.ml.lora.adapter import Adapter

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")

_ADAPTER = [
    click.argument("adapter", metavar="ADAPTER", type=click.Path(path_type=Path, exists=True)),
    click.option("--alpha", type=float, help="lora_alpha. A folder of PEFT has it."),
    click.option("--rslora", is_flag=True, help="The scaling is alpha / sqrt(r)."),
    click.option(
        "--fan-in-fan-out", "transposed", multiple=True, metavar="MODULE",
        help="Its weight is stored as (inputs, outputs), as that of an Embedding. Repeatable.",
    ),
    click.option(
        "--enable-lora", "enabled", multiple=True, metavar="MODULE=101",
        help="Which groups of outputs of a MergedLinear have an update. Repeatable.",
    ),
]  # fmt: skip

_MERGE = [
    click.option(
        "--base-in", type=click.Choice(["image", "public", "hashed", "private"]), default="image", show_default=True,
        help="Where the base's weights are: in the image, or an input that the journal shows, hashes, or hides.",
    ),
    click.option(
        "--adapter-in", type=click.Choice(["image", "public", "hashed", "private"]), default="hashed", show_default=True,
        help="The same for A and B.",
    ),
    click.option(
        "--merged", type=click.Choice(["public", "hashed"]), default="public", show_default=True,
        help="What the journal shows of the merged weights.",
    ),
    click.option("--module", "modules", multiple=True, metavar="NAME", help="Merge this module alone. Repeatable."),
]  # fmt: skip


def _with(options: list[Callable[[F], F]]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group(
    cls=Group,
    epilog=notes(
        """
    zkhost ml lora show adapter/
    zkhost ml lora merge base.safetensors adapter/ --out merged.safetensors --receipt merge.zkr
    zkhost ml lora verify merge.zkr base.safetensors adapter/ --merged-model merged.safetensors
    """,
        {0: "done; for verify: it holds", 1: "an error; or it does not hold"},
    ),
)
def lora() -> None:
    """Prove that weights are a base's with a low-rank adapter merged in.

    An adapter is a folder of PEFT, or a file that loralib's lora_state_dict went into (.pt or safetensors), which needs
    --alpha. Nothing in a .pt is run.
    """


def _read(
    adapter: Path, alpha: float | None, rslora: bool, transposed: tuple[str, ...], enabled: tuple[str, ...]
) -> Adapter:
    from zkhost.ml.lora.adapter import read

    groups: dict[str, list[bool]] = {}
    for value in enabled:
        name, equals, flags = value.rpartition("=")
        if not equals or not flags or set(flags) - {"0", "1"}:
            raise click.BadParameter(f"{value!r} is not MODULE=101", param_hint="--enable-lora")
        groups[name] = [flag == "1" for flag in flags]
    return read(adapter, alpha=alpha, rslora=rslora, fan_in_fan_out=transposed, enable_lora=groups)


@lora.command(
    epilog=notes(
        """
    zkhost ml lora show adapter/
    zkhost ml lora show adapter.pt --alpha 16
    """,
        {0: "the modules were shown", 1: "an error, such as an adapter that is no plain LoRA"},
    )
)
@_with(_ADAPTER)
@_JSON
def show(as_json: bool, **given: Any) -> None:
    """Show an adapter's modules: rank, scaling, shapes."""
    found = _read(**given)
    rows: list[dict[str, Any]] = [
        {"module": m.name, "kind": m.kind, "rank": m.rank, "scaling": m.scaling(), "a": list(m.a.shape), "b": list(m.b.shape)}
        for m in found.modules
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps({"alpha": found.alpha, "modules": rows}, indent=2))
        return
    for row in rows:
        click.echo("{module} ({kind}): rank {rank}, scaling {scaling:g}, A {a}, B {b}".format(**row))


@lora.command(
    epilog=notes(
        """
    zkhost ml lora merge base.safetensors adapter/ --out merged.safetensors
    zkhost ml lora merge base.safetensors adapter.pt --alpha 8 --module fc1 --out merged.safetensors --receipt fc1.zkr --salts salts.json
    """,
        {0: "the files were written", 1: "an error"},
    )
)
@click.argument("base", metavar="BASE", type=_FILE)
@_with(_ADAPTER)
@_with(_MERGE)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Where the merged model goes, as safetensors.",
)
@click.option(
    "--receipt", "receipt_file", type=click.Path(path_type=Path, dir_okay=False), help="Prove the merge, and write this receipt."
)  # fmt: skip
@click.option(
    "--salts", "salts_file", type=click.Path(path_type=Path, dir_okay=False),
    help="Where the salts of digests go, as JSON. They are not in the receipt.",
)  # fmt: skip
@_JSON
def merge(
    *, base: Path, out: Path, receipt_file: Path | None, salts_file: Path | None, base_in: Any, adapter_in: Any, merged: Any,
    modules: tuple[str, ...], as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Merge an adapter into a base's weights, and prove it with --receipt."""
    from zkhost.cli._progress import progress_bar
    from zkhost.ml.lora.merging import merge as merge_weights

    found = merge_weights(
        base, _read(**given), base_in=base_in, adapter_in=adapter_in, merged=merged, modules=modules or None
    )
    found.save(out)
    result: dict[str, Any] = {
        "merged": str(out), "weights": sorted(u.weight for u in found.updates), "image_id": str(found.image_id),
        "cycles": found.model.compiled.cycles,
    }  # fmt: skip
    if not as_json:
        click.echo(f"merged: {out} ({', '.join(result['weights'])})")
        click.echo(f"image ID: {found.image_id}")
    if receipt_file is not None:
        dev_mode_banner()
        with progress_bar() as on_progress:
            proof = found.prove(on_progress=on_progress)
        proof.receipt.dump(receipt_file)
        salts = {name: salt.hex() for name, salt in proof.salts.items()}
        if salts_file is not None:
            salts_file.write_text(json.dumps(salts, indent=2) + "\n", "utf-8")
        result |= {
            "receipt": str(receipt_file), "verified": proof.verified, "salts": salts, "user_cycles": proof.stats.user_cycles,
            "elapsed_s": proof.elapsed_s, "digests": {name: digest.hex() for name, digest in proof.journal.digests.items()},
        }  # fmt: skip
        if not as_json:
            click.echo(f"proved in {proof.elapsed_s:.1f} s by {proof.prover.name} ({proof.prover.reason})")
            click.echo(cycles_line(proof.stats.segments, proof.stats.user_cycles, proof.stats.total_cycles))
            for name, digest in result["digests"].items():
                click.echo(f"{name}: SHA-256 with its salt {digest}")
            if salts_file is None:
                for name, salt in salts.items():
                    click.echo(f"salt of {name}: {salt} (keep it: it opens the digest, and is not in the receipt)")
            click.echo(f"receipt: {receipt_file} ({proof.receipt.kind}){'' if proof.verified else ' UNVERIFIED'}")
    elif not as_json:
        click.echo(f"a proof takes about {result['cycles']:,} user cycles: --receipt FILE")
    if as_json:
        click.echo(json.dumps(result, indent=2))


@lora.command(
    epilog=notes(
        """
    zkhost ml lora verify merge.zkr base.safetensors adapter/ --merged-model merged.safetensors
    zkhost ml lora verify merge.zkr base.safetensors adapter/ --salts salts.json
    zkhost ml lora verify merge.zkr base.safetensors adapter/ --digest fc1.lora_A=4f1c...
    """,
        {0: "it verifies", 1: "it does not, or an error"},
    )
)
@click.argument("receipt_file", metavar="RECEIPT", type=_FILE)
@click.argument("base", metavar="BASE", type=_FILE)
@_with(_ADAPTER)
@_with(_MERGE)
@click.option("--merged-model", type=_FILE, help="The merged model, whose weights must be those that were proved.")
@click.option("--salts", "salts_file", type=_FILE, help="Salts as `merge` wrote them: digests are checked with them.")
@click.option(
    "--digest", "digests", multiple=True, metavar="NAME=HEX", help="The digest that a tensor must have. Repeatable."
)
@click.option("--allow-fake", is_flag=True, help="Accept a dev-mode receipt, which proves nothing.")
@_JSON
def verify(
    *, receipt_file: Path, base: Path, base_in: Any, adapter_in: Any, merged: Any, modules: tuple[str, ...], merged_model: Path | None,
    salts_file: Path | None, digests: tuple[str, ...], allow_fake: bool, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Verify that a receipt proves the merge of this adapter into this base.

    Pass the options that the prover used. Where the adapter is hashed, its values are checked by --salts; with --digest
    an adapter of the same shapes and alpha does.
    """
    from zkhost.ml.lora.merging import verify_merge
    from zkhost.receipt.receipt import Receipt

    dev_mode_banner()
    salts = {} if salts_file is None else _hex(json.loads(salts_file.read_text("utf-8")).items(), "--salts")
    expected = _hex([value.rpartition("=")[::2] for value in digests], "--digest")
    receipt = Receipt.load(receipt_file)
    found = verify_merge(
        receipt, base, _read(**given), base_in=base_in, adapter_in=adapter_in, merged=merged, modules=modules or None,
        salts=salts, digests=expected, merged_model=merged_model, allow_fake=True if allow_fake else None,
    )  # fmt: skip
    shown = {name: digest.hex() for name, digest in found.digests.items()}
    if as_json:
        click.echo(
            json.dumps({"verified": receipt.kind != "fake", "digests": shown, "modes": dict(found.modes)}, indent=2)
        )
        return
    click.echo(f"verified: a {receipt.kind} receipt that the merged weights are those of this base and such an adapter")
    for name, mode in found.modes.items():
        checked = " (checked)" if name in salts or name in expected else ""
        click.echo(f"{name}: {f'SHA-256 with its salt {shown[name]}{checked}' if mode == 'hashed' else mode}")


def _hex(values: Any, option: str) -> dict[str, bytes]:
    try:
        return {name: bytes.fromhex(value) for name, value in values}
    except (TypeError, ValueError, AttributeError):
        raise click.BadParameter("not names with hexadecimal digits", param_hint=option) from None
