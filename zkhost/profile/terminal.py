"""A profile for the terminal: the run's figures, the most expensive functions and call path, the segments."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from zkhost.profile.compare import compare_profiles
from zkhost.profile.cost_tree import FunctionCost, Profile, SegmentCost

_USER, _PAGING, _RESERVED = "cyan", "yellow", "bright_black"
_BAR = 20


def render_profile(profile: Profile, base: Profile | None = None, *, top: int = 20) -> RenderableType:
    """Return what `zkhost profile` prints: `top` functions; with a `base`, what changed since then."""
    parts: list[RenderableType] = [_figures(profile, base), Text()]
    if base:
        parts += [_changes(profile, base, top)]
    else:
        parts += [_functions(profile, top), Text(), _path(profile)]
    if profile.run.segments:
        parts += [Text(), _segments(profile.run.segments)]
    return Group(*parts)


def _figures(profile: Profile, base: Profile | None) -> RenderableType:
    run = profile.run
    was = base.run if base else None
    # Without segments the base's padding is unknown.
    padded = was if was and was.segments else None
    title = Text(run.program, style="bold")
    if run.image_id:
        title.append(f"  image ID {run.image_id}", style="dim")
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    table.add_column(justify="right")
    rows = (
        ("user", run.user, was.user if was else None, _USER),
        ("paging", run.paging, was.paging if was else None, _PAGING),
        ("reserved and padding", run.reserved, padded.reserved if padded else None, _RESERVED),
        ("proved", run.total, padded.total if padded else None, "bold"),
    )
    for label, value, before, style in rows if run.segments else rows[:2]:
        change = _change(value - before, before) if before is not None else ""
        table.add_row(Text(label, style=style), f"{value:,}", _percent(value, run.total), change)
    return Group(title, table, _share_bar(run.user, run.paging, run.reserved))


def _share_bar(user: int, paging: int, reserved: int, width: int = 72) -> Text:
    whole = (user + paging + reserved) or 1
    first, second = round(width * user / whole), round(width * (user + paging) / whole)
    bar = Text("█" * first, style=_USER)
    bar.append("█" * (second - first), style=_PAGING)
    bar.append("░" * (width - second), style=_RESERVED)
    return bar


def _functions(profile: Profile, top: int) -> RenderableType:
    rows = profile.functions()
    whole = profile.root.total.user or 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("self", justify="right", no_wrap=True)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.add_column("paging", justify="right", style=_PAGING, no_wrap=True)
    table.add_column("function", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("where", style="dim", no_wrap=True)
    for row in rows[:top]:
        paging = f"{row.own.paging:,}" if row.own.paging else ""
        share = _percent(row.own.user, whole)
        table.add_row(f"{row.own.user:,}", share, f"{row.total.user:,}", paging, Text(row.name), _where(row))
    if len(rows) > top:
        table.caption = f"{len(rows) - top} more functions"
    return table


def _where(row: FunctionCost) -> str:
    if not row.source.file:
        return row.crate
    return f"{row.crate} {row.source.file.rsplit('/', 1)[-1]}:{row.source.line}"


def _path(profile: Profile) -> RenderableType:
    """Return the most expensive call at every step, from the guest's main on."""
    nodes = list(profile.folded().root.walk())
    totals: dict[int, int] = {id(node): node.own.user for _, node in nodes}
    for _, node in reversed(nodes):
        totals[id(node)] += sum(totals[id(child)] for child in node.children.values())
    at = nodes[0][1]
    whole = totals[id(at)] or 1
    steps: list[tuple[str, int]] = []
    while at.children:
        at = max(at.children.values(), key=lambda child: totals[id(child)])
        if totals[id(at)] < whole / 20:
            break
        if at.name.rsplit("::", 1)[-1] == "main":
            steps.clear()
        steps.append((at.name, totals[id(at)]))
    lines = [Text("dearest path", style="bold")]
    for name, cycles in steps[:16]:
        line = Text(f"{_percent(cycles, whole):>7} ", style="dim", no_wrap=True, overflow="ellipsis")
        line.append(f"{'█' * max(1, round(_BAR * cycles / whole)):<{_BAR}} ", style=_USER).append(name, style="default")
        lines.append(line)
    return Group(*lines)


def _changes(profile: Profile, base: Profile, top: int) -> RenderableType:
    deltas = compare_profiles(base, profile)
    if not deltas:
        return Text("No function's cost changed.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    for name in ("self in base", "self", "change", "change of total"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("function", ratio=1, no_wrap=True, overflow="ellipsis")
    for delta in deltas[:top]:
        before = f"{delta.before.own.all:,}" if delta.before else "-"
        after = f"{delta.after.own.all:,}" if delta.after else "-"
        table.add_row(before, after, _change(delta.own.all), _change(delta.total.all), Text(delta.name))
    if len(deltas) > top:
        table.caption = f"{len(deltas) - top} more functions changed"
    return table


def _segments(segments: tuple[SegmentCost, ...]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("segment", "proved at", "user", "paging", "reserved"):
        table.add_column(name, justify="right")
    table.add_column("")
    shown = segments if len(segments) <= 12 else (*segments[:8], *segments[-2:])
    for segment in shown:
        table.add_row(
            str(segment.index),
            f"2^{segment.po2}",
            f"{segment.user:,}",
            f"{segment.paging:,}",
            f"{segment.reserved:,}",
            _share_bar(segment.user, segment.paging, segment.reserved, 24),
        )
    if len(shown) < len(segments):
        table.caption = f"{len(segments) - len(shown)} segments between left out"
    return table


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _change(change: int, before: int = 0) -> Text:
    if not change:
        return Text("unchanged" if before else "0", style="dim")
    share = f" ({100 * change / before:+.1f} %)" if before else ""
    return Text(f"{change:+,}{share}", style="red" if change > 0 else "green")
