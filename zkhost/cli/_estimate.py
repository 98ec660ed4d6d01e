"""`zkhost prove --estimate`: what a proof will cost, printed."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.planning.estimate import Estimate, Option


def show_estimate(env: ExecutorEnv, binary: bytes, *, as_json: bool) -> None:
    """Execute, and print the estimate as JSON or in words."""
    from zkhost.provers.planning.estimate import estimate

    found = estimate(env, binary)
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(found), "fits": found.fits}, indent=2))
        return
    click.echo("\n".join(_lines(found)))


def duration(seconds: float) -> str:
    """Return seconds in readable units.

    >>> [duration(s) for s in (15, 300, 8000, 300000)]
    ['15 s', '5 min', '2.2 h', '3.5 days']
    """
    for unit, size, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 48 * 3600)):
        if seconds < most:
            return f"{seconds / size:.{int(unit == 'h')}f} {unit}"
    return f"{seconds / 86400:.1f} days"


def _lines(found: Estimate) -> list[str]:
    best = found.best
    memory, there = best.memory_bytes / 1e9, found.memory_available_bytes / 1e9
    lines = [
        f"{found.user_cycles:,} user cycles; {'best ' if found.options[1:] else ''}with --segment-limit-po2 {best.segment_limit_po2}:",
        f"segments: {best.segments:,} of up to 2^{best.largest_po2} rows, {best.rows:,} rows in all",
        f"memory:   {memory:.1f} GB of {there:.1f} GB{'' if found.fits else ': NOT ENOUGH'}",
        f"time:     about {duration(best.time_s)} with the {found.prover} prover ({_source(found)})",
    ]
    if len(found.options) > 1:
        lines += ["", "po2  segments           rows    memory      time"]
        lines += [_row(option, chosen=option is best) for option in found.options]
    return lines


def _source(found: Estimate) -> str:
    if not found.calibrated:
        return "not measured here: as on a two-core machine; the first proof measures it"
    return "as measured here" if found.best.measured else "from proofs made here with segments of another size"


def _row(option: Option, *, chosen: bool) -> str:
    memory = f"{option.memory_bytes / 1e9:.1f} GB"
    figures = f"{option.segment_limit_po2:<3} {option.segments:>9,} {option.rows:>14,} {memory:>9}"
    return f"{figures} {duration(option.time_s):>9}{'  <- best' if chosen else ''}"
