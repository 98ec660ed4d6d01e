"""Options of commands that make a receipt."""

from __future__ import annotations

from pathlib import Path

import click

RECEIPT = click.option(
    "--receipt",
    "receipt_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default="receipt.zkr",
    show_default=True,
    help="File for the receipt; its suffix selects the format: .zkr, .json, .borsh, otherwise bincode.",
)
KIND = click.option(
    "--kind",
    type=click.Choice(["composite", "succinct", "groth16"]),
    default="composite",
    show_default=True,
    help="composite: a proof for each segment. succinct: one proof. groth16: a few hundred bytes.",
)
SEGMENT_LIMIT = click.option(
    "--segment-limit-po2", type=int, metavar="N", help="Limit segments to 2^N cycles (13 to 22)."
)
CHECKPOINT = click.option(
    "--checkpoint", type=click.Path(path_type=Path, file_okay=False), help="Keep proved segments in this folder."
)
CACHE = click.option(
    "--cache", type=click.Path(path_type=Path, file_okay=False), help="Use and keep receipts in this folder."
)
