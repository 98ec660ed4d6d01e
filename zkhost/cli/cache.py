"""`zkhost cache`: list, verify and clean up a cache of receipts."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path

import click

from zkhost.cli._help import Group, notes

_FOLDER = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(
    cls=Group,
    epilog=notes(
        """
        zkhost cache ls proofs/
        zkhost cache verify proofs/ --remove
        """,
        {0: "done", 1: "an error, or a receipt is wrong"},
    ),
)
def cache() -> None:
    """List, verify and clean up a cache of receipts: the folder of `prove --cache`."""


@cache.command(
    epilog=notes(
        """
        zkhost cache ls proofs/
        zkhost cache ls proofs/ --json
        """,
        {0: "done", 1: "not a cache"},
    )
)
@_FOLDER
@_JSON
def ls(folder: Path, as_json: bool) -> None:
    """List the receipts, the last used first: key, image ID, kind, size, last use."""
    from zkhost.provers.storage.receipt_cache import ReceiptCache

    entries = ReceiptCache(folder).entries()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, default=str))
        return
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        click.echo(
            f"{entry.key[:16]}  image {str(entry.image_id)[:16]}  {entry.kind:<9}  {entry.size:>12,} bytes  "
            f"used {used}, {entry.hits} times"
        )
    click.echo(f"{len(entries)} receipts, {sum(entry.size for entry in entries):,} bytes")


@cache.command(
    epilog=notes(
        """
        zkhost cache rm proofs/ 3f1c2a90 77ab
        zkhost cache rm proofs/ --all
        """,
        {0: "removed", 1: "a key names no receipt, or several; nothing was removed"},
    )
)
@_FOLDER
@click.argument("keys", nargs=-1, metavar="KEY...")
@click.option("--all", "everything", is_flag=True, help="Remove every receipt.")
@_JSON
def rm(folder: Path, keys: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Remove receipts by their keys, or the first digits of these, as `ls` shows."""
    from zkhost.provers.storage.receipt_cache import ReceiptCache

    if bool(keys) == everything:
        raise click.UsageError("pass keys, or --all")
    store = ReceiptCache(folder)
    found: list[str] = []
    for prefix in keys or ("",):
        matches = store.find(prefix)
        if keys and len(matches) != 1:
            raise click.ClickException(f"{prefix!r} names {len(matches)} receipts")
        found += matches
    removed = sum(store.remove(key) for key in found) + store.sweep()
    click.echo(json.dumps({"removed": removed}) if as_json else f"{removed} removed")


@cache.command(
    epilog=notes(
        """
        zkhost cache verify proofs/
        zkhost cache verify proofs/ --remove --json
        """,
        {0: "all of them are right", 1: "one is wrong, removed or not"},
    )
)
@_FOLDER
@click.option("--remove", is_flag=True, help="Remove receipts that fail the check.")
@_JSON
def verify(folder: Path, remove: bool, as_json: bool) -> None:
    """Verify every receipt, each for the program it was proved for."""
    from zkhost.provers.storage.receipt_cache import ReceiptCache

    store, wrong, count = ReceiptCache(folder), [], 0
    for entry, fault in store.check():
        count += 1
        if fault is not None:
            wrong.append({"key": entry.key, "fault": fault})
            if not as_json:
                click.echo(f"{entry.key[:16]}  {fault}{', removed' if remove else ''}")
            if remove:
                store.remove(entry.key)
    result = {"receipts": count, "wrong": wrong, "removed": len(wrong) if remove else 0}
    click.echo(json.dumps(result, indent=2) if as_json else f"{count} receipts, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)
