"""How notebooks show sessions, receipts and proofs: a small table each, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Rows = Iterable[tuple[str, str]]
Segment = tuple[int, int, int]
"""Index, po2 and user cycles of a segment."""

_SHOWN_SEGMENTS = 64


def card(title: str, rows: Rows, segments: Sequence[Segment] = ()) -> str:
    """Return a titled table as HTML, below it a bar for each segment."""
    cells = "".join(
        f'<tr><th style="text-align:left;padding:1px 12px 1px 0;font-weight:normal;opacity:.7">{escape(name)}</th>'
        f'<td style="text-align:left;font-family:monospace;word-break:break-all">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return (
        f'<div style="border:1px solid;border-radius:4px;padding:8px 12px;display:inline-block;max-width:60em">'
        f"<strong>{escape(title)}</strong><table>{cells}</table>{_segment_bars(segments)}</div>"
    )


def counts(**numbers: int | None) -> list[tuple[str, str]]:
    """Return rows for the numbers that are known."""
    return [(name.replace("_", " "), f"{number:,}") for name, number in numbers.items() if number is not None]


def data(content: bytes) -> str:
    """Return the size and the first bytes, in hexadecimal."""
    if not content:
        return "empty"
    shown = content[:32].hex(" ", 4) + (" ..." if len(content) > 32 else "")
    return f"{len(content):,} bytes: {shown}"


def seconds(elapsed_s: float) -> str:
    """Return the time as text, in seconds or milliseconds."""
    return f"{elapsed_s * 1000:.0f} ms" if elapsed_s < 1 else f"{elapsed_s:.1f} s"


def _segment_bars(segments: Sequence[Segment]) -> str:
    """Return one bar per segment, its height the cycles used of the 2**po2 it is proved in."""
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
