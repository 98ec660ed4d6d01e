"""What notebooks show of sessions, receipts and proofs: one small table each, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zkhost.provers.interface import ProveInfo
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import SessionInfo

Rows = Iterable[tuple[str, str]]

_SHOWN_SEGMENTS = 64


def session(info: SessionInfo, *, title: str = "Session, not proved") -> str:
    """A run: how it ended, its cycles, a bar for each segment."""
    rows = [
        ("exit code", str(info.exit_code)),
        ("journal", _bytes(info.journal.bytes)),
        ("user cycles", f"{info.user_cycles:,}"),
        *_counts(
            paging_cycles=info.paging_cycles, reserved_cycles=info.reserved_cycles, total_cycles=info.total_cycles
        ),
        ("executed in", _seconds(info.elapsed_s)),
    ]
    return _card(title, rows, _segment_bars([(s.index, s.po2, s.cycles) for s in info.segments]))


def receipt(receipt: Receipt) -> str:
    """A receipt: kind, journal, claim. It says in words that it was not verified by being shown."""
    claim = receipt.claim
    rows = [
        ("kind", f"{receipt.kind}" + (" (dev mode: proves nothing)" if receipt.kind == "fake" else "")),
        ("journal", _bytes(receipt.journal.bytes)),
        ("seal", f"{receipt.seal_size:,} bytes"),
        *([("exit code", str(claim.exit_code))] if claim is not None else []),
        *([("claim", receipt.claim_digest.hex())] if receipt.claim_digest is not None else []),
        ("verified", "call verify(image_id)"),
    ]
    return _card("Receipt", rows)


def prove_info(info: ProveInfo, *, title: str = "Proof") -> str:
    """A proof just made: receipt, cycles, which prover made it and why."""
    stats = info.stats
    rows = [
        ("receipt", f"{info.receipt.kind}, {len(info.receipt.to_bytes()):,} bytes"),
        ("journal", _bytes(info.receipt.journal.bytes)),
        ("segments", f"{stats.segments:,}"),
        ("user cycles", f"{stats.user_cycles:,}"),
        *_counts(total_cycles=stats.total_cycles),
        ("proved in", _seconds(info.elapsed_s)),
        ("prover", f"{info.prover.name} ({info.prover.reason}), {info.prover.where}, risc0 {info.prover.version}"),
    ]
    return _card(title, rows)


def _counts(**counts: int | None) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), f"{count:,}") for name, count in counts.items() if count is not None]


def _bytes(data: bytes) -> str:
    if not data:
        return "empty"
    shown = data[:32].hex(" ", 4) + (" ..." if len(data) > 32 else "")
    return f"{len(data):,} bytes: {shown}"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _segment_bars(segments: list[tuple[int, int, int]]) -> str:
    """One bar a segment, its height the cycles used of the 2**po2 it is proved in."""
    if not segments:
        return ""
    bars = "".join(
        f'<span title="segment {index}: {cycles:,} of {1 << po2:,} cycles" style="display:inline-block;width:8px;'
        f"margin-right:1px;vertical-align:bottom;background:currentColor;opacity:.55;"
        f'height:{max(2, round(28 * min(1.0, cycles / (1 << po2))))}px"></span>'
        for index, po2, cycles in segments[:_SHOWN_SEGMENTS]
    )
    more = len(segments) - _SHOWN_SEGMENTS
    rest = f" and {more:,} more" if more > 0 else ""
    return f'<div style="margin-top:6px">{bars} <small>{len(segments):,} segment(s){rest}</small></div>'


def _card(title: str, rows: Rows, below: str = "") -> str:
    cells = "".join(
        f'<tr><th style="text-align:left;padding:1px 12px 1px 0;font-weight:normal;opacity:.7">{escape(name)}</th>'
        f'<td style="text-align:left;font-family:monospace;word-break:break-all">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return (
        f'<div style="border:1px solid;border-radius:4px;padding:8px 12px;display:inline-block;max-width:60em">'
        f"<strong>{escape(title)}</strong><table>{cells}</table>{below}</div>"
    )
