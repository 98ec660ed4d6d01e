"""Replays the corpus that fuzzing has left, so that what it once found stays found."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fuzz_decoder import CODECS, run

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


def test_the_corpus_reaches_every_codec() -> None:
    picked = {file.read_bytes()[0] % len(CODECS) for file in CORPUS if file.stat().st_size}
    assert picked == set(range(len(CODECS)))


@pytest.mark.parametrize("file", CORPUS, ids=lambda f: f.name)
def test_replay(file: Path) -> None:
    run(file.read_bytes())
