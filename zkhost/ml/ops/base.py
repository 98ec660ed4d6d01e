"""What every operation has, and the vocabulary of several families of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Zero: TypeAlias = int | str
Pads: TypeAlias = tuple[int, ...]  # begins of every spatial axis, then ends, as in ONNX


@dataclass(frozen=True)
class Op:
    """What every operation has: `node`, the node of the model it came from, as `name (OpType)`; `y`, what it writes."""

    node: str
    y: str

    def reads(self) -> tuple[str, ...]:
        """Return the tensors and constants it reads, in order."""
        raise NotImplementedError

    def writes(self) -> tuple[str, ...]:
        """Return the tensors it writes."""
        return (self.y,)


def named(*names: Zero | None) -> tuple[str, ...]:
    return tuple(name for name in names if isinstance(name, str))


@dataclass(frozen=True)
class Window:
    """Where a kernel lies on its input: spatial sizes, one entry an axis (one to three axes)."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: Pads
    dilations: tuple[int, ...]

    def out(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial sizes of the output. `pads` already has what ceil_mode and auto_pad add."""
        n = len(self.kernel)
        return tuple(
            (size + self.pads[i] + self.pads[n + i] - (self.kernel[i] - 1) * self.dilations[i] - 1) // self.strides[i]
            + 1
            for i, size in enumerate(sizes)
        )
