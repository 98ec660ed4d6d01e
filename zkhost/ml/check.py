"""Is what would be proved what onnxruntime computes? Compared on samples, and where not, the first layer that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from zkhost.errors import ConfigError
from zkhost.ml import ops
from zkhost.ml.reference import run
from zkhost.ml.tensors import batch_of, graph_inputs, named

if TYPE_CHECKING:
    from zkhost.ml.graph import Array
    from zkhost.ml.lower.lowering import Lowered

FLOATS = (ops.MatMulF, ops.ConvF, ops.SumF, ops.AveragePool)
"""Operations whose last bits onnxruntime does not promise."""


@dataclass(frozen=True)
class Difference:
    """The first tensor, in the model's order, whose values differ on a sample, and its first element that does."""

    sample: int
    node: str
    tensor: str
    index: tuple[int, ...]
    ours: float
    onnxruntime: float

    def __str__(self) -> str:
        where = ", ".join(map(str, self.index))
        return (
            f"sample {self.sample}, {self.node}: {self.tensor}[{where}] is {self.ours:.9g}, "
            f"{self.onnxruntime:.9g} in onnxruntime"
        )


@dataclass(frozen=True)
class CheckReport:
    """How many output values of how many samples differ from onnxruntime's, by how much at most, and where first.

    `float_layers` are the nodes computed in f32 sums, of which onnxruntime promises no last bits.
    """

    samples: int
    values: int
    differing: int
    largest: float
    first: Difference | None
    float_layers: tuple[str, ...]
    version: str

    @property
    def equal(self) -> bool:
        """Whether every value has the same bits."""
        return self.differing == 0

    def __str__(self) -> str:
        head = f"{self.differing:,} of {self.values:,} values of {self.samples:,} samples differ from onnxruntime {self.version}"
        lines = [head]
        if self.first is not None:
            lines += [f"largest difference: {self.largest:g}", f"first: {self.first}"]
        if self.float_layers:
            lines.append(f"computed in f32, in a declared order: {', '.join(self.float_layers)}")
        return "\n".join(lines)


def check(model: Lowered, source: Any, samples: Any) -> CheckReport:
    """Compare the reference interpreter with onnxruntime (CPU provider, one thread, all optimisations), which runs
    `source`: the file, bytes or ModelProto that the model was lowered from.

    Raises ConfigError where onnxruntime is not installed, and ModelInputError for a sample that is no input.
    """
    runtime = _Runtime(source)
    values = differing = count = 0
    largest, first = 0.0, None
    for place, sample in enumerate(batch_of(model.inputs, samples)):
        arrays = named(model.inputs, sample)
        ours = run(model.graph, graph_inputs(model.graph, arrays), every=True)
        theirs = runtime.run(arrays, [name for _, name in model.results])
        count += 1
        for (tensor, name), port in zip(model.results, model.outputs, strict=True):
            mine = ours[tensor].reshape(theirs[name].shape).astype(port.dtype)
            wrong = _differs(mine, theirs[name])
            values += wrong.size
            if wrong.any():
                differing += int(wrong.sum())
                gap = np.abs(mine.astype(np.float64) - theirs[name].astype(np.float64))
                largest = max(largest, float(gap[wrong].max()))
                first = first or _first(model, source, place, ours, arrays)
    floats = tuple(dict.fromkeys(op.node for op in model.graph if isinstance(op, FLOATS)))
    return CheckReport(count, values, differing, largest, first, floats, runtime.version)


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


class _Runtime:
    """onnxruntime on the model as it is, or with more tensors shown."""

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

    def run(self, arrays: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        """The named tensors."""
        if self._session is None:
            missing = [name for name in names if name not in {output.name for output in self._proto.graph.output}]
            self._proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
            options = self._onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = 1, 3
            self._session = self._onnxruntime.InferenceSession(
                self._proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        found = self._session.run(list(names), dict(arrays))
        return dict(zip(names, found, strict=True))


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


def _proto(source: Any) -> onnx.ModelProto:
    if isinstance(source, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(source)
        return copy
    if isinstance(source, bytes):
        return onnx.load_model_from_string(source)
    return onnx.load(source)
