"""A progress bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zkhost import _config

if TYPE_CHECKING:
    from zkhost.session import OnProgress, Progress


def cargo_width() -> int | None:
    """Return the columns for cargo's bar and colours; None where standard error is no terminal, or NO_COLOR is set."""
    return shutil.get_terminal_size().columns if sys.stderr.isatty() and not _config.no_color() else None


@contextmanager
def progress_bar() -> Iterator[OnProgress | None]:
    """Yield a callback that draws segments done of total, cycles, elapsed and remaining time; None if no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("segments, {task.fields[cycles]} cycles,"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("execute", total=None, cycles="0", left="")

        def show(now: Progress) -> None:
            left = "" if now.remaining_s is None else f"about {now.remaining_s:.0f} s left"
            if now.disk_bytes is not None:
                left += f", {now.disk_bytes / 1e6:,.1f} MB of checkpoint"
            bars.update(
                task,
                description=now.phase,
                completed=now.segments_done,
                total=now.segments_total,
                cycles=f"{now.user_cycles:,}",
                left=left,
            )

        yield show
