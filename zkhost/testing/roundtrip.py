"""Round trips: random values of a type through this codec and through others, until one of them disagrees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis.errors import FlakyFailure

from zkhost import codec as c
from zkhost.testing.mismatch import MismatchError
from zkhost.testing.oracles import Case, Oracle, RustOracle
from zkhost.testing.strategies import strategy

__all__ = ["check_roundtrip", "check_value"]

FORMATS = ("standard", "packed")


def check_value(
    type: Any, value: Any, *, formats: Iterable[str] = FORMATS, oracles: Sequence[Oracle] | None = None
) -> None:
    """Encode and decode a value in each format, here and by each oracle that supports the format.

    All must return the same words and the same value. The default oracle is `risc0_zkvm::serde`. Raises MismatchError.
    """
    descriptor, plain = c.describe(type), c.to_plain(type, value)
    for format in formats:
        wire = c.WireFormat(format)
        words = c.encode(value, type, format=wire)
        case = Case(type, value, format, words, descriptor, plain)
        again = c.decode(type, words, format=wire)
        if c.to_plain(type, again) != plain:
            case.differs("zkhost", f"a value is not what it was after encoding and decoding: {again!r}")
        for oracle in [RustOracle()] if oracles is None else oracles:
            if format in oracle.formats:
                oracle.compare(case)


def check_roundtrip(
    type: Any,
    *,
    examples: int = 100,
    formats: Iterable[str] = FORMATS,
    oracles: Sequence[Oracle] | None = None,
    seed: int | None = None,
) -> int:
    """Run `check_value` on `examples` random values and return their number.

    Raises MismatchError for the smallest value that was found to fail, with both streams of words aligned. `seed` makes
    a run repeatable.
    """
    formats, count = tuple(formats), 0
    failure: MismatchError | None = None

    @settings(
        max_examples=examples, deadline=None, database=None, print_blob=False, report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(strategy(type))
    def check(value: Any) -> None:
        nonlocal count, failure
        count += 1
        try:
            check_value(type, value, formats=formats, oracles=oracles)
        except MismatchError as error:
            failure = error
            raise

    try:
        (check if seed is None else with_seed(seed)(check))()
    except FlakyFailure:
        if failure is None:
            raise
    except MismatchError as error:
        failure = error
    if failure is not None:
        # A new one: hypothesis has written notes on its own, and its frames, into the one that it re-raised.
        raise failure.with_message(failure.message) from None
    return count
