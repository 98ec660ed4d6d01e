"""A model as one HTML page that needs nothing but itself: the graph with a box for each layer, and the table of costs."""

from __future__ import annotations

import html
from importlib.resources import files
from math import log1p

from zkhost.ml.show import Described, Layer, html_table, layers

WIDTH, STEP, BOX, HEIGHT = 940, 46, 400, 30


def render_page(model: Described) -> str:
    """Render the page. It has no script, and its content policy allows none: names in a model cannot run as code."""
    template = (files("zkhost.ml") / "page.html").read_text("utf-8")
    parts = {
        "title": html.escape(f"{model.name}: where the cycles go"),
        "graph": _graph(model),
        "tables": html_table(model),
    }
    for name, value in parts.items():
        template = template.replace("{{" + name + "}}", value, 1)
    return template


def _graph(model: Described) -> str:
    """Boxes from top to bottom in the order of execution, shaded by cycles; a curve for each tensor that skips a layer."""
    found = layers(model)
    most = max((layer.cycles for layer in found), default=1) or 1
    boxes = "".join(_box(layer, row, most) for row, layer in enumerate(found))
    height = STEP * len(found) + 20
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="the graph of layers">{_edges(model, found)}{boxes}</svg>'


def _box(layer: Layer, row: int, most: int) -> str:
    y = 10 + row * STEP
    shade = log1p(layer.cycles) / log1p(most)
    label = html.escape(layer.node if len(layer.node) <= 48 else layer.node[:47] + "…")
    shape = html.escape(f"{layer.dtype}[{','.join(map(str, layer.shape))}]")
    return (
        f"<g><title>{html.escape(layer.node)}: {layer.cycles:,} cycles, {layer.macs:,} multiply-adds</title>"
        f'<rect x="20" y="{y}" width="{BOX}" height="{HEIGHT}" rx="5" style="--heat:{shade:.3f}"/>'
        f'<text x="32" y="{y + 20}">{label}</text>'
        f'<text class="note" x="{BOX + 70}" y="{y + 20}">{shape}</text>'
        f'<text class="number" x="{WIDTH - 20}" y="{y + 20}">{layer.cycles:,} cycles, {100 * layer.share:.1f} %</text></g>'
    )


def _edges(model: Described, found: list[Layer]) -> str:
    row = {name: place for place, layer in enumerate(found) for name in layer.tensors}
    edges = {(row[name], row[op.y]) for op in model.graph for name in op.reads() if name in row}
    parts = []
    for start, end in sorted(edge for edge in edges if edge[0] < edge[1]):
        top, bottom = 10 + start * STEP + HEIGHT, 10 + end * STEP
        if end == start + 1:
            parts.append(f'<path d="M 220 {top} V {bottom}"/>')
        else:
            bend = BOX + 20 + min(40, 10 * (end - start))
            parts.append(
                f'<path d="M {BOX + 20} {top - 15} C {bend} {top}, {bend} {bottom}, {BOX + 20} {bottom + 15}"/>'
            )
    return "".join(parts)
