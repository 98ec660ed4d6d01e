"""What ai.onnx.ml does to features before a model sees them, and to labels after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.integers import join
from zkhost.ml.lower.labels import strings_of
from zkhost.ml.lower.linear import row_constant
from zkhost.ml.lower.moves import pick
from zkhost.ml.lower.trees import f32_rows
from zkhost.ml.lower.values import Const, Labels, Value
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
F32 = np.float32


@handles("ai.onnx.ml.Scaler", attributes="offset scale")
def _scaler(low: Lowering, node: Node, args: Args) -> list[Value]:
    """(x - offset) * scale, each rounded."""
    x = f32_rows(low, node, args)
    offset, scale = (row_constant(node, name, x.shape[1], default) for name, default in (("offset", 0), ("scale", 1)))
    centred = floats.binary(low, node, "sub", x, Const(offset)) if offset.any() else x
    return [floats.binary(low, node, "mul", centred, Const(scale))]


@handles("ai.onnx.ml.Normalizer", attributes="norm")
def _normalizer(low: Lowering, node: Node, args: Args) -> list[Value]:
    """x / s for each row: s the sum of absolute values (L1), or the root of the sum of squares (L2), both in order."""
    x, norm = f32_rows(low, node, args), str(node.attributes.get("norm", "MAX"))
    if norm not in ("L1", "L2"):
        raise node.unsupported(f"the norm {norm}", "L1 or L2", "normalise before the model")
    part = low.tensor(node, "f32", x.shape)
    if norm == "L1":
        low.emit(ops.Unary(node.label, part.name, "abs", x.name))
    else:
        part = floats.binary(low, node, "mul", x, x)
    total = low.tensor(node, "f32", (x.shape[0], 1))
    low.emit(ops.SumF(node.label, total.name, part.name, x.shape[1], False, 1))
    if norm == "L2":
        root = low.tensor(node, "f32", total.shape)
        low.emit(ops.Unary(node.label, root.name, "sqrt", total.name))
        total = root
    # A row of zeros stays one: no other sum is below the least number there is.
    least = Const(np.asarray(np.nextafter(F32(0), F32(1))))
    return [floats.binary(low, node, "div", x, floats.binary(low, node, "max", total, least))]


@handles("ai.onnx.ml.Binarizer", attributes="threshold")
def _binarizer(low: Lowering, node: Node, args: Args) -> list[Value]:
    """1 where x > threshold, otherwise 0."""
    x, threshold = low.copy(node, f32(low, node, args[0])), F32(node.get_float("threshold", 0))
    reached, y = low.tensor(node, "u8", x.shape), low.tensor(node, "f32", x.shape)
    low.emit(ops.Threshold(node.label, reached.name, x.name, float(np.nextafter(threshold, F32(np.inf)))))
    low.emit(ops.Dequantize(node.label, y.name, reached.name, low.constant(np.ones(1, F32)), 0, (0,)))
    return [y]


@handles("ai.onnx.ml.FeatureVectorizer", attributes="inputdimensions")
def _feature_vectorizer(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Features side by side."""
    parts = [f32_rows(low, node, [arg]) for arg in args]
    widths = node.get_ints("inputdimensions", [part.shape[1] for part in parts])
    if widths != tuple(part.shape[1] for part in parts):
        raise node.unsupported(f"inputdimensions {list(widths)}", "those the inputs have", "export again")
    return [join(low, node, list(parts), 1)]


@handles("ai.onnx.ml.ArrayFeatureExtractor")
def _array_feature_extractor(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Columns by constant indices, or the entries of a constant list by computed ones: a label by its index."""
    data, index = args
    if isinstance(data, Tensor) and isinstance(index, Const):
        return [pick(low, node, data, index.array.reshape(-1).astype(np.int64), len(data.shape) - 1)]
    if (
        isinstance(data, Const)
        and isinstance(index, Tensor)
        and index.dtype == "s32"
        and data.array.size == data.shape[-1]
    ):
        flat = low.tensor(node, "s32", (1, index.size))
        low.emit(ops.Reshape(node.label, flat.name, index.name))
        return [_looked_up(low, node, flat, data)]
    raise node.unsupported(
        "data and indices that are both computed, or both constant", "one of the two", "export again"
    )


def _looked_up(low: Lowering, node: Node, index: Tensor, table: Const) -> Value:
    values = table.array.reshape(-1)
    if values.dtype.kind == "U":
        return Labels(index, tuple(str(text) for text in values))
    if values.dtype.kind not in "iu" or np.abs(values.astype(np.float64)).max(initial=0) >= 2**31:
        raise node.unsupported(f"a table of {values.dtype}", "integers of 32 bits, or strings", "export again")
    y = low.tensor(node, "s32", index.shape)
    low.emit(ops.Gather(node.label, y.name, low.constant(values.astype(np.int32).reshape(-1, 1)), index.name))
    return y


@handles(
    "ai.onnx.ml.LabelEncoder",
    attributes="keys_int64s keys_strings values_int64s values_strings default_int64 default_string default_float",
)
def _label_encoder(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Another name for each label, where all labels that the model can give are known."""
    (value,) = args
    values = Const(np.asarray(node.get_ints("values_int64s", []) or strings_of(node, "values_strings")))
    if isinstance(value, Labels):
        keys = strings_of(node, "keys_strings")
        if set(value.texts) <= set(keys) and len(keys) == values.array.size:
            order = [keys.index(text) for text in value.texts]
            return [_looked_up(low, node, value.index, Const(values.array[order]))]
    elif isinstance(value, Tensor) and node.get_ints("keys_int64s", []) == tuple(range(values.array.size)):
        return [_looked_up(low, node, value, values)]
    raise node.unsupported(
        "keys that are not the labels before it", "one key for each label, or the keys 0, 1, 2, ...", "leave labels to the caller"
    )  # fmt: skip
