"""A node of an ONNX graph with its attributes decoded, and the errors that name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx

from zkhost.errors import ModelFormatError, UnsupportedModelError

Attribute = int | float | str | list[int] | list[float] | list[str] | onnx.TensorProto


@dataclass(frozen=True)
class Node:
    """One node: `domain` is "" for ONNX's own; an input or output that is left out is ""."""

    proto: onnx.NodeProto
    name: str
    op: str
    domain: str
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def operator(self) -> str:
        return f"{self.domain}.{self.op}" if self.domain else self.op

    @property
    def label(self) -> str:
        """`name (Operator)`, as messages and tables have it."""
        return f"{self.name} ({self.operator})"

    def get_ints(self, name: str, default: list[int]) -> tuple[int, ...]:
        return tuple(int(value) for value in self.attributes.get(name, default))

    def get_int(self, name: str, default: int) -> int:
        return int(self.attributes.get(name, default))

    def get_float(self, name: str, default: float) -> float:
        return float(self.attributes.get(name, default))

    def unsupported(self, found: str, expected: str, hint: str) -> UnsupportedModelError:
        """Return an error with what was found at this node, what is taken, and what to do."""
        domain = self.domain or "ai.onnx"
        return UnsupportedModelError(
            f"node {self.name!r}, operator {self.operator} (opset {self.opset} of {domain}): {found}; expected {expected}",
            hint=hint,
            node=self.name,
            operator=self.operator,
            opset=self.opset,
            expected=expected,
        )

    def invalid(self, found: str, expected: str) -> ModelFormatError:
        """Return an error for a node that contradicts its own operator or its inputs."""
        domain = self.domain or "ai.onnx"
        return ModelFormatError(
            f"node {self.name!r}, operator {self.operator} (opset {self.opset} of {domain}): {found}; expected {expected}",
            hint="the file is damaged or was made by a broken exporter: export it again, and run onnx.checker on it",
            node=self.name,
            operator=self.operator,
            opset=self.opset,
            expected=expected,
        )


ML = "ai.onnx.ml"


def node_of(proto: onnx.NodeProto, place: int, opsets: Mapping[str, int]) -> Node:
    """Decode a node; `place` names it where the file does not. Raises ModelFormatError for attributes of no type.

    A node of ai.onnx.ml with a post_transform has an output more, `<last output>.raw`: the scores before it.
    """
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    name = proto.name or (proto.output[0] if proto.output else f"node {place}")
    attributes: dict[str, Any] = {}
    for attribute in proto.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        attributes[attribute.name] = value
    outputs = tuple(proto.output)
    if domain == ML and attributes.get("post_transform", "NONE") not in ("NONE", 0) and outputs:
        outputs = (*outputs, f"{outputs[-1]}.raw")
    return Node(proto, name, proto.op_type, domain, opsets.get(domain, 0), tuple(proto.input), outputs, attributes)
