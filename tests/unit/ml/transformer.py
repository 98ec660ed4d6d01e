"""GPT-2's layout as PyTorch exports it: learned positions, LayerNorm first, causal attention, GELU by a hyperbolic tangent."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from .build import model, node


class Writer:
    """Nodes and constants of one model; each method returns the name of what it writes."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Any] = {}

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def weight(self, *shape: int, mean: float = 0, spread: float = 0.3) -> str:
        return self.constant((mean + self.draw.normal(size=shape) * spread).astype(np.float32))

    def number(self, value: float) -> str:
        return self.constant(np.float32(value))

    def op(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"t{len(self.nodes)}.{i}" for i in range(outputs)]
        self.nodes.append(node(op, list(inputs), names, name=f"/{op}_{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        product = self.op("MatMul", x, self.weight(inputs, outputs, spread=inputs**-0.5))
        return str(self.op("Add", product, self.weight(outputs, spread=0.1)))

    def norm(self, x: str, width: int) -> str:
        scale, bias = self.weight(width, mean=1, spread=0.1), self.weight(width, spread=0.1)
        return str(self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5))

    def attention(self, x: str, length: int, width: int, heads: int) -> str:
        size = width // heads
        by_head = self.constant(np.array([1, length, heads, size], np.int64))
        parts = self.op("Split", self.linear(x, width, 3 * width), outputs=3, axis=2)
        q, k, v = (self.op("Reshape", part, by_head) for part in parts)
        q, v = (self.op("Transpose", part, perm=[0, 2, 1, 3]) for part in (q, v))
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 2, 3, 1]))
        scores = self.op("Div", scores, self.number(size**0.5))
        mask = self.constant(np.tril(np.ones((1, 1, length, length), np.bool_)))
        masked = self.op("Where", mask, scores, self.number(float(np.finfo(np.float32).min)))
        mixed = self.op("MatMul", self.op("Softmax", masked, axis=-1), v)
        joined = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), self.constant([1, length, width]))
        return self.linear(joined, width, width)

    def gelu(self, x: str) -> str:
        inner = self.op("Add", x, self.op("Mul", self.op("Pow", x, self.number(3)), self.number(0.044715)))
        tanh = self.op("Tanh", self.op("Mul", inner, self.number(0.7978845608)))
        return str(self.op("Mul", self.op("Mul", x, self.number(0.5)), self.op("Add", tanh, self.number(1))))


def gpt2(length: int, width: int, heads: int, layers: int, words: int, seed: int = 1) -> onnx.ModelProto:
    """A model with random weights: input_ids (1, length) to logits (1, length, words)."""
    write = Writer(seed)
    words_at = write.weight(words, width)
    x = write.op("Add", write.op("Gather", words_at, "input_ids"), write.weight(1, length, width))
    for _ in range(layers):
        x = write.op("Add", x, write.attention(write.norm(x, width), length, width, heads))
        grown = write.gelu(write.linear(write.norm(x, width), width, 4 * width))
        x = write.op("Add", x, write.linear(grown, 4 * width, width))
    turned = write.op("Transpose", words_at, perm=[1, 0])
    write.nodes.append(node("MatMul", [write.norm(x, width), turned], ["logits"], name="/lm_head/MatMul"))
    inputs = {"input_ids": ("int64", (1, length))}
    return model(write.nodes, inputs, {"logits": ("float32", (1, length, words))}, write.constants)
