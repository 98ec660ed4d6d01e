"""Room for deep recursion while a type is translated and compiled (never while values are handled).

Types nested hundreds deep are rare but legal, and the walks over them are recursive. CPython 3.11 keeps the frames of
Python functions on the heap, so a higher limit for that moment is safe.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["deep_recursion"]

LIMIT = 20_000
_lock = threading.RLock()


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Raise the interpreter's recursion limit inside the block, one thread at a time."""
    with _lock:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, LIMIT))
        try:
            yield
        finally:
            sys.setrecursionlimit(before)
