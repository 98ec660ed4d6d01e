"""Coverage-guided fuzzing of the decoders: python tests/fuzz/run.py -max_total_time=60 tests/fuzz/corpus

Needs atheris (pip install atheris). Inputs that reach something new are kept in the corpus,
which `test_corpus.py` replays.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
with atheris.instrument_imports(include=["zkhost.codec"]):
    from fuzz_decoder import CODECS, run


def main() -> None:
    """Instruments the compiled decoders too, which no import brings in, and fuzzes."""
    for made in CODECS:
        for strict in (True, False):
            name = "_read_strict" if strict else "_read_lax"
            with suppress(ValueError):
                made.decode_from(b"", 0, strict)
            made.__dict__[name] = atheris.instrument_func(made.__dict__[name])
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
