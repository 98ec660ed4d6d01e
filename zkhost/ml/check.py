"""Is what would be proved what onnxruntime computes, or a booster's own library? Compared on samples, and where not, the first
layer that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from zkhost.errors import ConfigError
from zkhost.ml import ops
from zkhost.ml.booster_runtime import BoosterRuntime
from zkhost.ml.read.gguf_file import is_gguf
from zkhost.ml.read.model_file import format_of
from zkhost.ml.reference import run
from zkhost.ml.tensors import batch_of, graph_inputs, named

if TYPE_CHECKING:
    from zkhost.ml.graph import Array
    from zkhost.ml.lower.lowering import Lowered

FLOATS = (ops.MatMulF, ops.ConvF, ops.SumF, ops.AveragePool, ops.Softmax, ops.Function, ops.Power)
"""Operations whose last bits onnxruntime does not promise."""
SHOWN = 8
"""Names of float layers that a report prints."""


@dataclass(frozen=True)
class Difference:
    """The first tensor, in the model's order, whose values differ on a sample, and its first element that does."""

    sample: int
    node: str
    tensor: str
    index: tuple[int, ...]
    ours: float
    expected: float
    runtime: str = "onnxruntime"

    def __str__(self) -> str:
        where = ", ".join(map(str, self.index))
        return (
            f"sample {self.sample}, {self.node}: {self.tensor}[{where}] is {self.ours:.9g}, "
            f"{self.expected:.9g} in {self.runtime}"
        )


@dataclass(frozen=True)
class CheckReport:
    """How many output values of how many samples differ from those of `runtime`, by how much at most, and where first.

    `float_layers` are the nodes with sums or functions in f32, of which onnxruntime promises no last bits.
    """

    samples: int
    values: int
    differing: int
    largest: float
    first: Difference | None
    float_layers: tuple[str, ...]
    version: str
    runtime: str = "onnxruntime"

    @property
    def equal(self) -> bool:
        """Whether every value has the same bits."""
        return self.differing == 0

    def __str__(self) -> str:
        head = f"{self.differing:,} of {self.values:,} values of {self.samples:,} samples differ from {self.runtime} {self.version}"
        lines = [head]
        if self.first is not None:
            lines += [f"largest difference: {self.largest:g}", f"first: {self.first}"]
        if self.float_layers:
            more = len(self.float_layers) - SHOWN
            shown = ", ".join(self.float_layers[:SHOWN]) + (f" and {more} more" if more > 0 else "")
            lines.append(f"computed in f32, whose last bits onnxruntime does not promise: {shown}")
        return "\n".join(lines)


def check(model: Lowered, source: Any, samples: Any) -> CheckReport:
    """Compare the reference interpreter with onnxruntime (CPU provider, one thread, all optimisations), which runs
    `source`: the file, bytes or ModelProto that the model was lowered from. A booster is run by its own library.

    Raises ConfigError where that is not installed, and ModelInputError for a sample that is no input.
    """
    if is_gguf(source):
        raise ConfigError(
            "check compares with onnxruntime, which runs no GGUF files",
            hint="compare the tokens with those of llama.cpp, as the documentation's page on GGUF does",
        )
    own = format_of(source)
    runtime = _Runtime(source) if own is None else BoosterRuntime(own.library, _bytes(source))
    values = differing = count = 0
    largest, first = 0.0, None
    for place, sample in enumerate(batch_of(model.inputs, samples)):
        arrays = named(model.inputs, sample)
        ours = run(model.graph, graph_inputs(model.graph, {**arrays, **model.weights}), every=True)
        theirs = runtime.run(arrays, [name for _, name in model.results])
        count += 1
        for (tensor, name), port in zip(model.results, model.outputs, strict=True):
            if port.labels:  # compared by their index, as the graph has them
                theirs[name] = np.asarray([port.labels.index(str(text)) for text in theirs[name].reshape(-1)])
            mine = ours[tensor].reshape(theirs[name].shape).astype(theirs[name].dtype)
            wrong = _differs(mine, theirs[name])
            values += wrong.size
            if wrong.any():
                differing += int(wrong.sum())
                gap = np.abs(mine.astype(np.float64) - theirs[name].astype(np.float64))
                largest = max(largest, float(gap[wrong].max()))
                if first is None and own is None:
                    first = _first(model, source, place, ours, arrays)
                elif first is None:
                    first = _of_output(model, place, name, mine, theirs[name], runtime.name)
    floats = tuple(dict.fromkeys(op.node for op in model.graph if isinstance(op, FLOATS)))
    return CheckReport(count, values, differing, largest, first, floats, runtime.version, runtime.name)


def _differs(ours: Array, theirs: Array) -> Any:
    return (ours != theirs) & ~(np.isnan(ours) & np.isnan(theirs))


def _first(
    model: Lowered, source: Any, sample: int, ours: Mapping[str, Array], arrays: Mapping[str, Array]
) -> Difference | None:
    """Run again with the tensors between shown, and find where the two part."""
    proto = _proto(source)
    results = {name for _, name in model.results}
    names = [
        n for op in model.graph for t in op.writes() for n in model.places.get(t, ()) if n in _visible(proto) | results
    ]
    theirs = _Runtime(source, names).run(arrays, list(dict.fromkeys([*names, *results])))
    places = {**{tensor: (name,) for tensor, name in model.results}, **model.places}
    for op in model.graph:
        for tensor in op.writes():
            for name in places.get(tensor, ()):
                if name not in theirs or theirs[name].size != ours[tensor].size:
                    continue
                mine = ours[tensor].reshape(theirs[name].shape)
                wrong = np.argwhere(_differs(mine, theirs[name]))
                if len(wrong):
                    index = tuple(int(i) for i in wrong[0])
                    return Difference(sample, op.node, name, index, float(mine[index]), float(theirs[name][index]))
    return None


def _of_output(model: Lowered, sample: int, name: str, ours: Array, theirs: Array, runtime: str) -> Difference:
    index = tuple(int(i) for i in np.argwhere(_differs(ours, theirs))[0])
    return Difference(sample, model.graph.ops[-1].node, name, index, float(ours[index]), float(theirs[index]), runtime)


class _Runtime:
    """onnxruntime on the model as it is, or with more tensors shown."""

    name = "onnxruntime"

    def __init__(self, model: Any, shown: Sequence[str] = ()) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigError(
                "check compares with onnxruntime, which is not installed", hint="pip install onnxruntime"
            ) from error
        self.version: str = onnxruntime.__version__
        proto = _proto(model)
        known = {output.name for output in proto.graph.output}
        proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(shown) if name not in known)
        self._proto, self._onnxruntime = proto, onnxruntime
        self._session: Any = None
        self._named: dict[str, str] = {}

    def run(self, arrays: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        """Return the named tensors."""
        if self._session is None:
            self._before_transforms(names)
            known = {output.name for output in self._proto.graph.output}
            missing = [name for name in (self._named.get(name, name) for name in names) if name not in known]
            self._proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
            options = self._onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = 1, 3
            self._session = self._onnxruntime.InferenceSession(
                self._proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        found = self._session.run([self._named.get(name, name) for name in names], dict(arrays))
        return {name: _array(value) for name, value in zip(names, found, strict=True)}

    def _before_transforms(self, names: Sequence[str]) -> None:
        """Take the post_transform off nodes whose scores before it are asked for, `<output>.raw`.

        Raises ConfigError where those after it are asked for as well.
        """
        for node in self._proto.graph.node:
            raw = f"{node.output[-1]}.raw" if node.output else ""
            transforms = [attribute for attribute in node.attribute if attribute.name == "post_transform"]
            if raw in names and transforms:
                if node.output[-1] in names:
                    raise ConfigError(f"{raw!r} and {node.output[-1]!r} at once", hint="check one, then the other")
                transforms[0].s = b"NONE"
                self._named[raw] = node.output[-1]


def _visible(proto: onnx.ModelProto) -> set[str]:
    """Tensors that can be made outputs without changing what onnxruntime fuses: those that end in integers."""
    ends = (
        "QuantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
        "QGemm",
        "QLinearAdd",
        "QLinearMul",
        "DynamicQuantizeLinear",
    )
    return {node.output[0] for node in proto.graph.node if node.op_type in ends}


def _array(value: Any) -> Array:
    """Return a tensor; of a ZipMap's dictionaries their values."""
    return np.asarray([list(row.values()) for row in value], np.float32) if isinstance(value, list) else value


def _bytes(source: Any) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def _proto(source: Any) -> onnx.ModelProto:
    if isinstance(source, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(source)
        return copy
    if isinstance(source, bytes):
        return onnx.load_model_from_string(source)
    return onnx.load(source)
