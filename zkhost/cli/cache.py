"""`zkhost cache`: look at and tidy a cache of receipts."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path

import click

_FOLDER = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))


@click.group()
def cache() -> None:
    """Look at and tidy a cache of receipts: the folder given to `prove --cache`."""


@cache.command()
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def ls(folder: Path, as_json: bool) -> None:
    """List the receipts, the last used first."""
    from zkhost.cache import ReceiptCache

    entries = ReceiptCache(folder).entries()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        click.echo(
            f"{entry.key[:16]}  image {entry.image_id[:16]}  {entry.kind:<9}  {entry.size:>12,} bytes  "
            f"used {used}, {entry.hits} times"
        )
    click.echo(f"{len(entries)} receipts, {sum(entry.size for entry in entries):,} bytes")


@cache.command()
@_FOLDER
@click.argument("keys", nargs=-1, metavar="KEY...")
@click.option("--all", "everything", is_flag=True, help="Remove every receipt.")
def rm(folder: Path, keys: tuple[str, ...], everything: bool) -> None:
    """Remove receipts by their keys, or the first digits of them, as `ls` shows."""
    from zkhost.cache import ReceiptCache

    if bool(keys) == everything:
        raise click.UsageError("name keys, or --all")
    store = ReceiptCache(folder)
    found: list[str] = []
    for prefix in keys or ("",):
        matches = store.find(prefix)
        if keys and len(matches) != 1:
            raise click.ClickException(f"{prefix!r} names {len(matches)} receipts")
        found += matches
    removed = sum(store.remove(key) for key in found) + store.sweep()
    click.echo(f"{removed} removed")


@cache.command()
@_FOLDER
@click.option("--remove", is_flag=True, help="Remove what is not right.")
def verify(folder: Path, remove: bool) -> None:
    """Verify every receipt. Exit status: 0 where all of them are right, else 1."""
    from zkhost.cache import ReceiptCache

    store, wrong, count = ReceiptCache(folder), 0, 0
    for entry, fault in store.check():
        count += 1
        if fault is not None:
            wrong += 1
            click.echo(f"{entry.key[:16]}  {fault}{', removed' if remove else ''}")
            if remove:
                store.remove(entry.key)
    click.echo(f"{count} receipts, {wrong} wrong")
    sys.exit(1 if wrong else 0)
