"""The journal of the guest `ml`: what a proof of an inference, or of an accuracy, states.

In words (little-endian): the version 1 in bits 0 to 7, the kind in bits 8 to 15 (0 inference, 1 accuracy) and bit 16 set
where the model was read as input; its digest (8 words), in that case only; the number of samples.

Inference: the number of inputs in bits 0 to 15 and of outputs in bits 16 to 31. For each input, then output, two words: mode
(0 public, 1 hashed, 2 private) in bits 0 to 7, dtype (0 u8, 1 s8, 2 s32, 3 f32, 4 f64) in bits 8 to 15, bit 16 set where it is read
once for all samples; and its bytes where it is public, 0 where not. Then what they show: public inputs that are read once;
for each sample its public inputs, then outputs; the digests (8 words) of hashed inputs, then outputs.

Accuracy: how many samples are classified rightly at least; the number of inputs that are read once, and two words for each, as
above. Then the public ones; the digests of hashed ones; the digest of the dataset.

Tensors are row-major and little-endian, filled up with zeros to whole words. A digest is the SHA-256 of 32 bytes of salt and
the tensor, for all samples one after the other; that of a dataset has each sample's inputs and its label (s32).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from zkhost.errors import DecodeError
from zkhost.ml.graph import DTYPES, MODES, DType, Mode

VERSION = 1
DIGEST_BYTES = 32
_KINDS = ("inference", "accuracy")


@dataclass(frozen=True)
class Shown:
    """What a journal has of one input or output: the bytes of all samples, a digest, or nothing."""

    mode: Mode
    dtype: DType
    shared: bool
    nbytes: int
    data: bytes


@dataclass(frozen=True)
class ModelJournal:
    """A journal taken apart, without a model to name its parts. `model_digest` is None where the image has the model.

    Of an accuracy, `at_least` and `dataset_digest` are set, and `inputs` are the weights that are inputs.
    """

    count: int
    model_digest: bytes | None
    inputs: tuple[Shown, ...]
    outputs: tuple[Shown, ...]
    at_least: int | None = None
    dataset_digest: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises DecodeError for bytes that are no journal of the guest `ml`."""
        reader = _Reader(data)
        head = reader.word("the header")
        kind, given = head >> 8 & 255, head >> 16
        if head & 255 != VERSION or kind >= len(_KINDS) or given > 1:
            raise reader.wrong(0, f"a header of version {VERSION}", f"{head:#010x}")
        digest = reader.take(DIGEST_BYTES, "the model's digest") if given else None
        count = reader.word("the number of samples")
        if count == 0:
            raise reader.wrong(reader.at - 4, "one sample or more", "0")
        at_least = reader.word("the number of samples that are right") if kind else None
        sizes = reader.word("the numbers of inputs and outputs")
        inputs, outputs = (sizes, 0) if kind else (sizes & 0xFFFF, sizes >> 16)
        if inputs > 1024 or outputs > 1024:
            raise reader.wrong(reader.at - 4, "at most 1024 inputs and outputs", str(sizes))
        ports = [reader.port() for _ in range(inputs + outputs)]
        found = reader.shown(ports, inputs, count)
        dataset_digest = reader.take(DIGEST_BYTES, "the dataset's digest") if kind else None
        if reader.at != len(data):
            raise reader.wrong(reader.at, "the end", f"{len(data) - reader.at} more bytes")
        return cls(count, digest, tuple(found[:inputs]), tuple(found[inputs:]), at_least, dataset_digest)


@dataclass
class _Port:
    mode: Mode
    dtype: DType
    shared: bool
    nbytes: int


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def wrong(self, at: int, expected: str, found: str) -> DecodeError:
        return DecodeError(
            f"at byte {at} of the journal: expected {expected} but got {found}",
            path="", offset=at // 4, expected=expected, found=found,
        )  # fmt: skip

    def take(self, size: int, what: str) -> bytes:
        data = self.data[self.at : self.at + size]
        if len(data) != size:
            raise self.wrong(self.at, f"{size} bytes of {what}", f"{len(data)}")
        self.at += size
        return data

    def word(self, what: str) -> int:
        return int.from_bytes(self.take(4, what), "little")

    def port(self) -> _Port:
        kind, nbytes = self.word("an input or output"), self.word("its size")
        mode, dtype = kind & 255, kind >> 8 & 255
        if mode >= len(MODES) or dtype >= len(DTYPES) or kind >> 17 or (mode and nbytes):
            raise self.wrong(self.at - 8, "the kind and size of an input or output", f"{kind:#010x}, {nbytes}")
        return _Port(MODES[mode], DTYPES[dtype], bool(kind >> 16), nbytes)

    def shown(self, ports: Sequence[_Port], inputs: int, count: int) -> list[Shown]:
        data = [bytearray() for _ in ports]
        public = [index for index, port in enumerate(ports) if port.mode == "public"]

        def take(index: int) -> None:
            data[index] += self.take(-(-ports[index].nbytes // 4) * 4, f"input or output {index}")

        for index in public:
            if ports[index].shared:
                take(index)
        each = [index for index in public if not ports[index].shared]
        if sum(max(ports[index].nbytes, 1) for index in each) * count > max(len(self.data), 1) and each:
            raise self.wrong(self.at, f"{count} samples", f"{len(self.data) - self.at} bytes")
        for _ in range(count if each else 0):
            for index in each:
                take(index)
        for index, port in enumerate(ports):
            if port.mode == "hashed":
                data[index] += self.take(DIGEST_BYTES, "a digest")
        return [Shown(p.mode, p.dtype, p.shared, p.nbytes, bytes(part)) for p, part in zip(ports, data, strict=True)]
