"""Coverage-guided fuzzing of the decoders with atheris (pip install atheris), for two minutes:

    mkdir new merged
    python tests/fuzz/run.py -max_total_time=120 new tests/fuzz/corpus
    python tests/fuzz/run.py -set_cover_merge=1 merged tests/fuzz/corpus new

Inputs that reach something new land in `new`; `merged` then holds few inputs that reach all that both folders do, and
becomes the corpus, which `test_corpus.py` replays.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["zkhost.codec"]):
    from tests.fuzz.fuzz_decoder import run


def main() -> None:
    """Fuzzes. What guides it is the coverage of the reference engine, with which every other must agree."""
    # To merge, libFuzzer runs its first argument again, as a shell command.
    atheris.Setup([shlex.join([sys.executable, sys.argv[0]]), *sys.argv[1:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
