"""What the graphs of GGUF files are put together with."""

from __future__ import annotations

from collections.abc import Mapping

from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml import _blocks as blocks
from zkhost.ml import ops
from zkhost.ml.graph import Array, DType, Tensor
from zkhost.ml.lower.context import Lowering
from zkhost.ml.read.gguf_file import GgufFile, GgufTensor

MAX_POSITIONS = 1 << 16


class Assembly(Lowering):
    """A graph in the making, and the file whose tensors are its constants."""

    def __init__(self, file: GgufFile) -> None:
        super().__init__({})
        self.file = file
        self.used: set[str] = set()

    def raw(self, name: str, *shape: int) -> tuple[str, GgufTensor]:
        """Return the constant with a tensor's bytes, (rows, bytes), and the tensor.

        Raises ModelFormatError for one that is missing, has another shape or a weight that is not finite, and
        UnsupportedModelError for a kind that is not taken.
        """
        tensor = self.file.tensors.get(name)
        if tensor is None:
            raise ModelFormatError(f"{self.file.name} lacks the tensor {name!r}", hint="convert the model again")
        if shape and tensor.shape != shape:
            raise ModelFormatError(
                f"{self.file.name}: the tensor {name!r} has the shape {list(tensor.shape)}; expected {list(shape)}",
                hint="the file's metadata and tensors contradict each other: convert the model again",
            )
        if tensor.data is None:
            raise UnsupportedModelError(
                f"{self.file.name}: the tensor {name!r} is of the kind {tensor.kind}; expected one of {', '.join(blocks.KINDS)}",
                hint="quantise the model to Q8_0, Q4_0 or Q4_K_M with llama-quantize",
                node=name,
                expected=", ".join(blocks.KINDS),
            )
        if not blocks.finite(tensor.kind, tensor.data):
            raise ModelFormatError(
                f"{self.file.name}: the tensor {name!r} holds NaN or infinity", hint="convert it again"
            )
        self.used.add(name)
        return self.named(f"{name}#{tensor.kind}", tensor.data), tensor

    def vector(self, name: str, size: int) -> str:
        """Return the constant of an f32 tensor with one axis."""
        _, tensor = self.raw(name, size)
        assert tensor.data is not None
        if tensor.kind != "F32":
            raise UnsupportedModelError(
                f"{self.file.name}: the tensor {name!r} is of the kind {tensor.kind}; expected F32",
                hint="llama.cpp keeps tensors with one axis in F32: convert the model again",
                node=name,
                expected="F32",
            )
        return self.named(f"{name}#f32", blocks.floats("F32", tensor.data).reshape(-1))

    def table(self, name: str, *shape: int) -> str:
        """Return the constant of a tensor as f32."""
        _, tensor = self.raw(name, *shape)
        assert tensor.data is not None
        return self.named(f"{name}#f32", blocks.dequantise(tensor.kind, tensor.data))

    def named(self, name: str, array: Array) -> str:
        """Return a constant under a name."""
        self.constants[name] = array
        return name

    def write(self, name: str, dtype: DType, *shape: int) -> str:
        """Return a new tensor that the next operation writes."""
        self.tensors[name] = Tensor(name, dtype, shape)
        return name

    def product(self, name: str, x: str, rows: int) -> str:
        """Return a tensor's product with each vector of x."""
        count, width = self.tensors[x].shape
        w, tensor = self.raw(name, rows, width)
        y = self.write(f"{name}#product", "f32", count, rows)
        self.emit(ops.GgmlProduct(f"{name} ({tensor.kind})", y, x, w, tensor.kind))
        return y


def bound(file: GgufFile, dims: Mapping[str, int], name: str, default: int | None, most: int) -> int:
    """Return the size of the only axis that is not in the file. Raises ModelFormatError where it has none, or one out of range."""
    unknown = sorted(set(dims) - {name})
    if unknown:
        raise ModelFormatError(f"{file.name} has no axis {unknown[0]!r}", hint=f"its axis: {name}")
    size = dims.get(name, default)
    if size is None:
        raise UnsupportedModelError(
            f"the number of {name} of {file.name} has no value", hint=f"bind it: dims={{{name!r}: 16}}", expected=f"dims={{{name!r}: ...}}"
        )  # fmt: skip
    if not 1 <= size <= most:
        raise ModelFormatError(f"{file.name} with {size} {name}", hint=f"1 to {most}")
    return size
