"""Licence expressions as cargo packages declare them, and the choice that zkhost makes where they offer one."""

from __future__ import annotations

import re
from collections.abc import Iterator

PREFERENCE = (
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "BSL-1.0",
    "Unicode-3.0",
    "Apache-2.0 WITH LLVM-exception",
    "MPL-2.0",
    "LGPL-3.0-only",
)
"""The licences that zkhost may be linked under, most wanted first. The last two ask for the library's source, and the
LGPL also for means to link with a changed one: the sdist, published with each wheel, is both."""

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


class LicenceError(Exception):
    """An expression that cannot be read, or that leaves no licence of PREFERENCE."""


def elect(expression: str) -> tuple[str, ...]:
    """Return the licences under which a package is taken: of each OR the most wanted side, of each AND both.

    `expression` is SPDX's (annex D), or cargo's older form, `MIT/Apache-2.0`. Raises LicenceError.
    """
    tokens = _TOKEN.findall(expression.replace("/", " OR "))
    reader = _Reader(iter([*tokens, ""]), expression)
    chosen = reader.alternatives()
    reader.expect("")
    return tuple(sorted(chosen, key=PREFERENCE.index))


class _Reader:
    """Recursive descent over the tokens; an empty one ends them. A side that cannot be taken is None until it must be."""

    def __init__(self, tokens: Iterator[str], expression: str) -> None:
        self._tokens, self._expression = tokens, expression
        self._token = next(tokens)
        self._refused: list[str] = []

    def alternatives(self) -> frozenset[str]:
        sides = [self._all()]
        while self._token == "OR":
            self._advance()
            sides.append(self._all())
        possible = [side for side in sides if side is not None]
        if not possible:
            raise LicenceError(f"{self._expression!r}: {', '.join(self._refused)} is no licence zkhost is linked under")
        return min(possible, key=lambda side: max(map(PREFERENCE.index, side)))

    def _all(self) -> frozenset[str] | None:
        sides = [self._one()]
        while self._token == "AND":
            self._advance()
            sides.append(self._one())
        return None if None in sides else frozenset().union(*(side or () for side in sides))

    def _one(self) -> frozenset[str] | None:
        if self._token == "(":
            self._advance()
            inside = self.alternatives()
            self.expect(")")
            return inside
        name = self._name()
        if self._token == "WITH":
            self._advance()
            name += f" WITH {self._name()}"
        if name in PREFERENCE:
            return frozenset({name})
        self._refused.append(name)
        return None

    def _name(self) -> str:
        name = self._token
        if name in ("", "(", ")", "AND", "OR", "WITH"):
            raise LicenceError(f"{self._expression!r} is no licence expression: {name or 'its end'!r} for a name")
        self._advance()
        return name

    def expect(self, token: str) -> None:
        if self._token != token:
            raise LicenceError(f"{self._expression!r} is no licence expression: {self._token or 'its end'!r}")
        if token:
            self._advance()

    def _advance(self) -> None:
        self._token = next(self._tokens)
