"""Trees as the interpreter walks them: a stream of cells in which every step goes forward.

The cells are those of `guest-methods/zkhost-nn/src/trees.rs`. A node's "yes" follows it, so the nodes of a path lie close
together, and a prediction pages in little more than the cells it meets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zkhost.ml.graph import Array, Graph
from zkhost.ml.ops.trees import LEAF, LT, Trees

SPECIAL, MORE, JUMP = 1 << 31, 1 << 30, 1 << 29
MAX_SKIP = (1 << 15) - 1


@dataclass(frozen=True)
class Forest:
    """The arrays of a `Trees` operation."""

    modes: Array
    features: Array
    thresholds: Array
    yes: Array
    no: Array
    missing: Array
    targets: Array
    weights: Array
    roots: Array


def of(graph: Graph, op: Trees) -> Forest:
    """Return the constants that an operation names."""
    names = (op.modes, op.features, op.thresholds, op.yes, op.no, op.missing, op.targets, op.weights, op.roots)
    return Forest(*(graph.constants[name] for name in names))


def keys_of(values: Array) -> Array:
    """Floats as int64 in their order: -0.0 is 0.0, and no two other numbers are the same. NaN has no key."""
    bits = values.view(np.int32 if values.dtype == np.float32 else np.int64).astype(np.int64)
    lowest = -(2**31) if values.dtype == np.float32 else np.iinfo(np.int64).min
    return np.where(bits >= 0, bits, np.int64(lowest) - bits)


def cells(forest: Forest) -> tuple[Array, Array]:
    """Return the stream's words (u32), and the word at which each tree starts (u32)."""
    order = _order(forest)
    far = np.zeros(len(forest.modes), bool)
    while True:
        at, sizes = _places(forest, order, far)
        beyond = _too_far(forest, at, far)
        if not beyond.any():
            break
        far |= beyond
    width = 2 if forest.weights.dtype == np.float32 else 3
    words = np.zeros((int(sizes.sum()), width), np.int64)
    _write_nodes(forest, words, order, at, far)
    _write_leaves(forest, words, order, at)
    return (words.reshape(-1) & 0xFFFFFFFF).astype(np.uint32), (at[forest.roots] * width).astype(np.uint32)


def _order(forest: Forest) -> Array:
    """Nodes tree by tree, each before those that follow it, its "yes" directly after it where nothing else leads there."""
    modes, yes, no = forest.modes.tolist(), forest.yes.tolist(), forest.no.tolist()
    seen, order = bytearray(len(modes)), []
    for root in forest.roots.tolist():
        done: list[int] = []
        stack = [(root, False)]
        while stack:
            node, left = stack.pop()
            if left:
                done.append(node)
            elif not seen[node]:
                seen[node] = 1
                stack.append((node, True))
                if modes[node] != LEAF:
                    stack += [(yes[node], False), (no[node], False)]
        order += done[::-1]
    return np.asarray(order, np.int64)


def _places(forest: Forest, order: Array, far: Array) -> tuple[Array, Array]:
    """Return the cell each node starts at, and how many each has: entries of a leaf, or the node and its jumps."""
    leaf = forest.modes == LEAF
    entries = np.where(leaf, forest.no - forest.yes, 0)
    following = np.full(len(forest.modes), -1, np.int64)
    following[order[:-1]] = order[1:]
    jumps = ~leaf & (following != forest.yes)
    sizes = np.where(leaf, np.maximum(entries, 1), 1 + (jumps | far) + far)[order]
    at = np.full(len(forest.modes), -1, np.int64)
    at[order] = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return at, sizes


def _too_far(forest: Forest, at: Array, far: Array) -> Array:
    inner = (forest.modes != LEAF) & ~far & (at >= 0)
    width = 2 if forest.weights.dtype == np.float32 else 3
    skip = (at[forest.no * inner] - at - 1) * width
    return np.asarray(inner & (skip > MAX_SKIP))


def _write_nodes(forest: Forest, words: Array, order: Array, at: Array, far: Array) -> None:
    width = words.shape[1]
    nodes = order[forest.modes[order] != LEAF]
    keys = keys_of(forest.thresholds)[nodes] - (forest.modes[nodes] == LT)
    place = at[nodes]
    # With both jumps behind a node, "yes" takes the first and "no" skips it to take the second.
    skip = np.where(far[nodes], 1, at[forest.no[nodes]] - place - 1) * width
    feature = forest.features[nodes].astype(np.int64) * (4 * (width - 1))
    _set_key(words, place, keys)
    words[place, 1] = skip << 16 | feature | (forest.missing[nodes] != 0)
    jumping = place + 1 != at[forest.yes[nodes]]
    _write_jumps(words, place[jumping] + 1, at[forest.yes[nodes]][jumping])
    _write_jumps(words, place[far[nodes]] + 2, at[forest.no[nodes]][far[nodes]])


def _write_jumps(words: Array, place: Array, to: Array) -> None:
    words[place, 0] = (to - place - 1) * words.shape[1]
    words[place, 1] = SPECIAL | JUMP


def _write_leaves(forest: Forest, words: Array, order: Array, at: Array) -> None:
    leaves = order[forest.modes[order] == LEAF]
    counts = (forest.no - forest.yes)[leaves]
    words[at[leaves][counts == 0], 1] = SPECIAL  # adds 0.0 to the first target
    numbers = np.concatenate([[0], np.cumsum(counts)[:-1]])
    within = np.arange(int(counts.sum())) - np.repeat(numbers, counts)
    entry = np.repeat(forest.yes[leaves].astype(np.int64), counts) + within
    place = np.repeat(at[leaves], counts) + within
    more = within + 1 < np.repeat(counts, counts)
    kind = np.int32 if forest.weights.dtype == np.float32 else np.int64
    _set_key(words, place, forest.weights.view(kind).astype(np.int64)[entry])
    words[place, 1] = SPECIAL | np.where(more, MORE, 0) | forest.targets[entry]


def _set_key(words: Array, place: Array, keys: Array) -> None:
    if words.shape[1] == 2:
        words[place, 0] = keys
    else:
        words[place, 0], words[place, 2] = keys >> 32, keys & 0xFFFFFFFF
