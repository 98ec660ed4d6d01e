"""Windows of convolutions and pools over arrays, for the reference interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml.ops import Pads, Window


def at(x: Any, window: Window, fill: Any) -> Any:
    """Return the elements under the kernel at every place: (N, C, *places, *kernel); `fill` outside x."""
    rank = len(window.kernel)
    widths = [(0, 0), (0, 0), *zip(window.pads[:rank], window.pads[rank:], strict=True)]
    x = np.pad(x, widths, constant_values=fill)
    extent = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilations, strict=True)]
    found = np.lib.stride_tricks.sliding_window_view(x, extent, axis=tuple(range(2, 2 + rank)))
    steps = [slice(None, None, s) for s in (*window.strides, *window.dilations)]
    return found[(slice(None), slice(None), *steps)]


def counts(sizes: tuple[int, ...], window: Window, counted: Pads | None) -> Any:
    """Return how many positions of each window count: those inside x, or inside x and the pads in `counted`."""
    rank = len(sizes)
    pads = counted or (0,) * (2 * rank)
    inside = np.pad(
        np.ones((1, 1, *sizes), np.int64),
        [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)],
        constant_values=1,
    )
    rest = tuple(all_ - some for all_, some in zip(window.pads, pads, strict=True))
    return at(inside, Window(window.kernel, window.strides, rest, window.dilations), 0).sum(axis=tuple(range(-rank, 0)))
