"""`zkhost explain`: what an error means and what to do about it, offline."""

from __future__ import annotations

import difflib
import re
from importlib import resources

import click

from zkhost.cli._help import notes


@click.command(
    epilog=notes(
        """
    zkhost explain GuestPanicError
    zkhost explain guestpanic
    zkhost explain                   every class of error, as a tree
    """,
        {0: "shown", 1: "there is no such error"},
    )
)
@click.argument("error", required=False)
def explain(error: str | None) -> None:
    """Explain an error of zkhost: what it means, and what to do.

    ERROR is the name of its class, which is at the end of every message.
    """
    click.echo(tree() if error is None else section(error))


def section(name: str) -> str:
    """Return the section about a class as plain text; `name` in any case, with or without `Error`.

    Raises click.ClickException, naming similar ones, where there is none.
    """
    sections = _sections()
    by_key = {_key(title): title for title in sections}
    title = by_key.get(_key(name))
    if title is None:
        close = difflib.get_close_matches(_key(name), by_key, n=3, cutoff=0.6)
        meant = f" Did you mean {' or '.join(by_key[key] for key in close)}?" if close else ""
        raise click.ClickException(f"There is no error {name}.{meant} `zkhost explain` lists them all.")
    return f"{title}\n\n{_plain(sections[title])}"


def tree() -> str:
    """Return all classes, drawn as a tree."""
    drawn = re.search(r"^```text\n(.*?)\n```$", _page(), re.MULTILINE | re.DOTALL)
    assert drawn is not None, "errors.md has the tree"
    return drawn[1]


def _page() -> str:
    return resources.files("zkhost").joinpath("errors.md").read_text(encoding="utf-8")


def _sections() -> dict[str, str]:
    _, *parts = re.split(r"^## (\w+)$", _page(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _key(name: str) -> str:
    return name.strip().lower().removesuffix("error")


def _plain(markdown: str) -> str:
    """Return the text without the targets of links, which point to other pages of the documentation."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", markdown).strip()
