"""The join tree: whatever the order of arrival, everything is joined, in order, in the fewest joins."""

from __future__ import annotations

import random

import pytest

from zkhost.provers.dask.join_tree import JoinTree, Node, joined_name


def play(count: int, seed: int, end_at: int) -> tuple[str, list[tuple[int, int]], dict[str, tuple[int, int]]]:
    """Adds `count` leaves in random order, joins as told in random order; the length is told after `end_at` steps."""
    dice, tree = random.Random(seed), JoinTree()
    spans = {f"leaf {index}": (index, index + 1) for index in range(count)}
    todo: list[Node | tuple[Node, Node, Node]] = [Node(0, index, f"leaf {index}") for index in range(count)]
    joins: list[tuple[int, int]] = []
    step = 0
    while todo or tree.length is None:
        if step == end_at:
            todo += tree.end(count)
        step += 1
        if not todo:
            continue
        item = todo.pop(dice.randrange(len(todo)))
        if isinstance(item, tuple):
            left, right, item = item
            assert spans[left.name][1] == spans[right.name][0], "only neighbours are joined"
            assert item.name == joined_name(left.name, right.name)
            spans[item.name] = spans[left.name][0], spans[right.name][1]
            joins.append(spans[item.name])
        todo += tree.add(item)
    root = tree.root()
    assert root is not None
    return root.name, joins, spans


@pytest.mark.parametrize("count", [*range(1, 20), 31, 32, 33, 100])
def test_every_order_gives_the_same_root(count: int) -> None:
    roots = set()
    for seed in range(12):
        for end_at in (0, count // 2, 3 * count):
            name, joins, spans = play(count, seed, end_at)
            assert spans[name] == (0, count)
            assert len(joins) == count - 1
            roots.add(name)
    assert len(roots) == 1


def test_no_root_before_the_length_is_known() -> None:
    tree = JoinTree()
    assert tree.add(Node(0, 0, "a")) == []
    assert tree.root() is None
    assert tree.end(1) == []
    assert tree.root() == Node(0, 0, "a")
