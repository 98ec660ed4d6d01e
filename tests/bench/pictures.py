"""The pictures of docs/ml/pictures: where the cycles of a run go. `python -m tests.bench.pictures` draws them again.

User cycles of a layer are those that `zkhost ml show` estimates; what a run takes in all, and paging, are counted by the
executor. No picture has a script, and each follows the reader's dark or light colours.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench import bench_figures
from zkhost.ml import Batch
from zkhost.ml.show import layers

FOLDER = Path(__file__).parents[2] / "docs" / "ml" / "pictures"
LABEL, BAR, NUMBER, ROW = 270, 320, 130, 22
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.number{text-anchor:end;font-variant-numeric:tabular-nums}"
    ".layer{fill:#3b7dd8}.rest{fill:#8a97a8}.paging{fill:#d98b3a}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)
_BAR = re.compile(r'<g data-cycles="(\d+)"><title>([^<]*)</title>')

Bars = dict[str, int]
START, PAGING = "start, input, journal", "paging"


def cycles_of(name: str, group: Callable[[str], str]) -> Bars:
    """The cycles of a case of `bench_figures`: layers under the names of `group`, then everything else."""
    subject = bench_figures.CASES[name].make()
    run = subject.model.execute(subject.inputs).session
    found: Bars = {}
    samples = len(subject.inputs.samples) if isinstance(subject.inputs, Batch) else 1
    for layer in layers(subject.model):
        if layer.cycles:
            label = group(layer.node)
            found[label] = found.get(label, 0) + layer.cycles * samples
    found[START] = max(run.user_cycles - sum(found.values()), 0)
    found[PAGING] = run.paging_cycles or 0
    return {label: cycles for label, cycles in found.items() if cycles}


def by_kind(node: str) -> str:
    """The kind of a tensor or operation of a llama, for all of its layers."""
    name = re.sub(r"^blk\.\d+\.", "", node)
    kinds = {
        "attn_q": "queries, keys, values", "attn_k": "queries, keys, values", "attn_v": "queries, keys, values",
        "attn_output": "attention's output", "ffn": "feed-forward products", "output.weight": "logits", "token_embd": "logits",
    }  # fmt: skip
    if "(" in name and not re.search(r"\((F32|F16|Q\w+)\)", name):
        return re.sub(r".*\((.*)\)", r"\1", name)
    return next((kind for start, kind in kinds.items() if name.startswith(start)), "norms, sums, rotation")


PICTURES: Mapping[str, tuple[str, Callable[[], Bars]]] = {
    "cnn": (
        "An int8 CNN of 8 x 8 digits, one inference",
        lambda: cycles_of("CNN of 8 x 8 digits, int8, its label", str),
    ),
    "batch": ("The same CNN, ten digits in one proof", lambda: cycles_of("the same, ten in one proof", str)),
    "forest": ("A random forest of 100 trees on iris", lambda: cycles_of("random forest, 100 trees, iris", str)),
    "llama": (
        "The tiny llama in Q8_0, the token behind one",
        lambda: cycles_of("tiny llama, Q8_0, the token behind 1", by_kind),
    ),
    "merge": ("A LoRA merge of 64-64-10 at rank 4", lambda: cycles_of("LoRA merge, 64-64-10, rank 4", str)),
}


def draw(title: str, bars: Bars) -> str:
    """The picture: a bar for each, its cycles and its share."""
    most, total = max(bars.values()), sum(bars.values())
    width, height = LABEL + BAR + NUMBER + 30, ROW * len(bars) + 40
    kinds = {START: "rest", PAGING: "paging"}
    parts = []
    for place, (label, cycles) in enumerate(bars.items()):
        y = 34 + ROW * place
        shown = label if len(label) <= 38 else f"{label[:37]}…"
        parts.append(
            f'<g data-cycles="{cycles}"><title>{html.escape(label)}</title><text x="10" y="{y + 14}">{html.escape(shown)}</text>'
            f'<rect class="{kinds.get(label, "layer")}" x="{LABEL}" y="{y + 3}" width="{max(BAR * cycles / most, 1):.1f}" height="{ROW - 7}" rx="2"/>'
            f'<text class="number" x="{width - 10}" y="{y + 14}">{cycles:,} · {100 * cycles / total:.0f} %</text></g>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img"><style>{STYLE}</style>'
        f'<text x="10" y="20" font-weight="600">{html.escape(title)}: {total:,} cycles</text>\n'
        + "\n".join(parts)
        + "</svg>\n"
    )


def drawn(name: str) -> Bars:
    """What the picture in the docs shows."""
    return {html.unescape(label): int(cycles) for cycles, label in _BAR.findall((FOLDER / f"{name}.svg").read_text())}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, (title, make) in PICTURES.items():
        bars = make()
        (FOLDER / f"{name}.svg").write_text(draw(title, bars), "utf-8")
        print(f"{name}: {bars}", flush=True)


if __name__ == "__main__":
    main()
