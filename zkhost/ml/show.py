"""A model's layers with what they cost, as text, HTML table and page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from zkhost.image_id import ImageID
    from zkhost.ml.compile import Compiled
    from zkhost.ml.graph import Array, Graph
    from zkhost.ml.read.onnx_file import Port

BAR = 20


class Described(Protocol):
    """What is shown of a model."""

    name: str

    @property
    def graph(self) -> Graph: ...
    @property
    def inputs(self) -> tuple[Port, ...]: ...
    @property
    def outputs(self) -> tuple[Port, ...]: ...
    @property
    def weights(self) -> Mapping[str, Array]: ...
    @property
    def modes(self) -> Mapping[str, str]: ...
    @property
    def output_modes(self) -> Mapping[str, str]: ...
    @property
    def compiled(self) -> Compiled: ...
    @property
    def image_id(self) -> ImageID: ...


@dataclass(frozen=True)
class Layer:
    """One node of the model, with what is fused into it: what it writes, its multiply-adds, the cycles it takes, their share.

    `tensors` are those it writes; dtype and shape are of the last. `hidden` are the weights it reads as inputs, or what
    was made of them alone; `plain` is whether products of it run on the plain kernels.
    """

    node: str
    kinds: tuple[str, ...]
    tensors: tuple[str, ...]
    hidden: tuple[str, ...]
    plain: bool
    dtype: str
    shape: tuple[int, ...]
    macs: int
    cycles: int
    share: float


def layers(model: Described) -> list[Layer]:
    """Return the nodes in order; operations that one node became, or that one kernel does at once, are one layer."""
    graph, costs = model.graph, model.compiled.layers
    total = sum(cost.cycles for cost in costs) or 1
    found: list[Layer] = []
    owner: dict[str, int] = {}
    origin: dict[str, tuple[str, ...]] = {name: (name,) for name in graph.shared}
    for op, cost in zip(graph, costs, strict=True):
        tensor = graph.tensors[op.y]
        place = next((owner[name] for name in op.reads() if name in owner), None)
        if place is not None and (found[place].node == op.node or cost.kind == "fused"):
            into = found[place]
        else:
            place, into = len(found), Layer(op.node, (), (), (), False, "", (), 0, 0, 0)
            found.append(into)
        macs, cycles = into.macs + cost.macs, into.cycles + cost.cycles
        kinds = (*into.kinds, type(op).__name__)
        tensors = (*into.tensors, *op.writes())
        hidden = tuple(weight for name in op.reads() for weight in origin.get(name, ()))
        if hidden and all(name in origin or name in graph.constants for name in op.reads()):
            origin.update(dict.fromkeys(op.writes(), hidden))
        plain = into.plain or (cost.macs > 0 and not cost.accelerated)
        hidden, shape = tuple(dict.fromkeys((*into.hidden, *hidden))), tensor.shape
        found[place] = Layer(
            into.node, kinds, tensors, hidden, plain, tensor.dtype, shape, macs, cycles, cycles / total
        )
        owner.update(dict.fromkeys(op.writes(), place))
    return found


def summary(model: Described) -> list[tuple[str, str]]:
    """Return the model's figures."""
    compiled = model.compiled
    macs = sum(cost.macs for cost in compiled.layers)
    weights = sum(array.nbytes for array in model.graph.constants.values())
    facts = [
        ("inputs", ", ".join(f"{p.name} {p.dtype}{list(p.axes)} ({model.modes[p.name]})" for p in model.inputs)),
        ("outputs", ", ".join(f"{p.name} {p.dtype}{list(p.axes)}{_shown(model, p.name)}" for p in model.outputs)),
    ]
    if model.weights:
        hidden = (f"{name} {a.dtype}{list(a.shape)} ({model.modes[name]})" for name, a in model.weights.items())
        facts.insert(1, ("hidden weights", ", ".join(hidden)))
    return [
        *facts,
        ("multiply-adds", f"{macs:,}"),
        ("constants", f"{weights:,} bytes"),
        ("cycles", f"about {compiled.cycles:,}"),
        ("image ID", str(model.image_id)),
    ]


def _shown(model: Described, output: str) -> str:
    mode = model.output_modes.get(output.removesuffix(".indices"), "all")
    return f" ({mode})"


def text(model: Described) -> str:
    """Render what `print(model)` shows."""
    rows = [("layer", "output", "multiply-adds", "cycles", "share", "")]
    for layer in layers(model):
        bar = "█" * round(BAR * layer.share)
        rows.append(
            (_name(layer), _tensor(layer), f"{layer.macs:,}", f"{layer.cycles:,}", f"{100 * layer.share:.1f} %", bar)
        )
    head = [f"{name + ':':<16}{value}" for name, value in summary(model)]
    return "\n".join([f"{model.name}", *head, "", *_aligned(rows)])


def _name(layer: Layer) -> str:
    hidden = ", ".join(layer.hidden)
    return f"{layer.node}, {'plain: ' if layer.plain else ''}{hidden} hidden" if hidden else layer.node


def _tensor(layer: Layer) -> str:
    return f"{layer.dtype}[{','.join(map(str, layer.shape))}]"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = (False, False, True, True, True, False)
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def html_table(model: Described) -> str:
    """Render the same for a notebook or a page."""
    head = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in summary(model)
    )
    body = "".join(_html_row(layer) for layer in layers(model))
    titles = "".join(f"<th>{title}</th>" for title in ("layer", "output", "multiply-adds", "cycles", "share"))
    return (
        f"<table class=facts><caption>{html.escape(model.name)}</caption>{head}</table>"
        f"<table class=layers><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    )


def _html_row(layer: Layer) -> str:
    share = f"{100 * layer.share:.1f}"
    return (
        f"<tr><td title='{html.escape(' + '.join(layer.kinds), quote=True)}'>{html.escape(_name(layer))}</td>"
        f"<td>{html.escape(_tensor(layer))}</td><td>{layer.macs:,}</td><td>{layer.cycles:,}</td>"
        f"<td><meter min=0 max=100 value={share}></meter> {share} %</td></tr>"
    )
