"""The order in which a session's receipts are joined into one, whatever order they arrive in.

Receipts stand in a row; a join makes one receipt of two neighbours. The row is joined as a fixed binary tree:
node (level, i) joins nodes (level - 1, 2i) and (level - 1, 2i + 1). Its shape depends on positions only: a run that was
interrupted finds the joins it had made, and joins begin long before the length of the row is known.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """A receipt in the tree. `name` identifies what it covers: the piece's digest, or the digest of two names."""

    level: int
    index: int
    name: str


def joined_name(left: str, right: str) -> str:
    """Return the name of the receipt that joins two neighbours."""
    return hashlib.sha256(f"join {left} {right}".encode()).hexdigest()


@dataclass
class JoinTree:
    """Collects finished nodes and reports which joins are possible now."""

    length: int | None = None
    _have: dict[tuple[int, int], Node] = field(default_factory=dict)

    def add(self, node: Node) -> list[tuple[Node, Node, Node]]:
        """Add a node; return the joins it makes possible: (left, right, what they make)."""
        self._have[node.level, node.index] = node
        return self._ready(node)

    def end(self, length: int) -> list[tuple[Node, Node, Node]]:
        """End the row at this many leaves; odd nodes at its end rise. Return the joins that this makes possible."""
        self.length = length
        return [join for node in list(self._have.values()) for join in self._ready(node)]

    def root(self) -> Node | None:
        """Return the one node that is left once everything is joined."""
        if self.length is None or len(self._have) != 1:
            return None
        node = next(iter(self._have.values()))
        return node if self._width(node.level) == 1 else None

    def _width(self, level: int) -> int | None:
        """Return how many nodes a level has; None while the length is unknown."""
        return None if self.length is None else -(-self.length >> level)

    def _ready(self, node: Node) -> list[tuple[Node, Node, Node]]:
        if (node.level, node.index) not in self._have:
            return []
        width = self._width(node.level)
        if width == 1:
            return []
        if width is not None and node.index % 2 == 0 and node.index == width - 1:
            del self._have[node.level, node.index]
            return self.add(Node(node.level + 1, node.index // 2, node.name))
        left, right = (self._have.get((node.level, node.index // 2 * 2 + side)) for side in (0, 1))
        if left is None or right is None:
            return []
        del self._have[left.level, left.index], self._have[right.level, right.index]
        return [(left, right, Node(node.level + 1, node.index // 2, joined_name(left.name, right.name)))]
