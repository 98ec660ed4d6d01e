"""Float models to int8, by onnxruntime's own quantiser, with the accuracy before and after."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
import onnx.version_converter

from zkhost.errors import ConfigError, ModelFormatError, ModelInputError
from zkhost.ml.read.onnx_file import parse_onnx

if TYPE_CHECKING:
    from zkhost.ml.graph import Array

Form = Literal["qdq", "qoperator", "dynamic"]


@dataclass(frozen=True)
class QuantizeReport:
    """The int8 model, and how it compares with the float one on the samples.

    `agreement`: the share of samples whose largest output is the same. Accuracies need labels: None without.
    `largest`: the largest difference of an output.
    """

    path: Path
    samples: int
    float_bytes: int
    int8_bytes: int
    agreement: float
    largest: float
    float_accuracy: float | None
    int8_accuracy: float | None

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.int8_bytes:,} bytes (float: {self.float_bytes:,})",
            f"{100 * self.agreement:.2f} % of {self.samples:,} samples have the same largest output; "
            f"outputs differ by at most {self.largest:g}",
        ]
        if self.float_accuracy is not None and self.int8_accuracy is not None:
            lines.append(f"accuracy: float {100 * self.float_accuracy:.2f} %, int8 {100 * self.int8_accuracy:.2f} %")
        return "\n".join(lines)


def quantize(
    model: str | os.PathLike[str],
    samples: Any,
    out: str | os.PathLike[str],
    *,
    labels: Array | None = None,
    form: Form = "qdq",
    per_channel: bool = True,
    calibrate: int = 100,
) -> QuantizeReport:
    """Quantise a float model to int8 and compare the first outputs of the two on samples.

    `samples`: an array with the samples on its first axis, a mapping with such an array for each input, or a sequence of
    mappings with an array for each input. The first `calibrate` set the ranges. `form`: qdq (QuantizeLinear and DequantizeLinear nodes),
    qoperator (QLinearConv and the like), dynamic (ranges measured at each run: no calibration, but f32 arithmetic in the proof).

    Nodes whose inputs or outputs are infinite, as those of attention masks are, have no range: they stay in float.

    Raises ConfigError where onnxruntime is not installed, or its quantiser fails; ModelInputError for samples that are no inputs.
    """
    try:
        import onnxruntime
        from onnxruntime import quantization
    except ImportError as error:
        raise ConfigError(
            "quantize uses onnxruntime's quantiser, which is not installed", hint="pip install onnxruntime"
        ) from error
    source, target = Path(model), Path(out)
    if form not in ("qdq", "qoperator", "dynamic"):
        raise ConfigError(f"form={form!r}", hint="one of qdq, qoperator, dynamic")
    with tempfile.TemporaryDirectory() as folder:
        whole = _whole(source, Path(folder) / "float.onnx")
        float_bytes = whole.stat().st_size
        session = _session(onnxruntime, whole)
        rows = _rows(session.get_inputs(), samples)
        try:
            if form == "dynamic":
                quantization.quantize_dynamic(whole, target, per_channel=per_channel)
            else:
                _static(onnxruntime, quantization, whole, target, rows[:calibrate], form, per_channel)
            quantised = _session(onnxruntime, target)
        except Exception as error:  # onnxruntime's and its quantiser's are of many classes
            raise ConfigError(
                f"onnxruntime's quantiser failed on {source}: {type(error).__name__}: {error}",
                hint="try another form or per_channel=False, or quantise with onnxruntime.quantization and its nodes_to_exclude",
            ) from error
        before, after = (_outputs(each, rows) for each in (session, quantised))
    best = before.argmax(axis=1), after.argmax(axis=1)
    accuracy = [None, None] if labels is None else [float((each == np.asarray(labels)).mean()) for each in best]
    return QuantizeReport(
        target,
        len(rows),
        float_bytes,
        target.stat().st_size,
        float((best[0] == best[1]).mean()),
        float(np.abs(before - after).max()),
        accuracy[0],
        accuracy[1],
    )


def _whole(source: Path, target: Path) -> Path:
    """Write a model as one file, without the external data that exporters put beside it, and return its path."""
    model, name, folder = parse_onnx(source)
    try:
        onnx.load_external_data_for_model(model, str(folder))
    except Exception as error:  # onnx's own errors have no common class
        raise ModelFormatError(
            f"{name} has external data that cannot be read: {error}",
            hint="keep the data file in the model's own folder",
        ) from error
    onnx.save(model, target)
    return target


DTYPES = {f"tensor({name})": np.dtype(name) for name in ("int8", "uint8", "int32", "int64", "bool")} | {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
}
"""onnxruntime's names of the dtypes of inputs."""


def _rows(ports: Sequence[Any], samples: Any) -> list[dict[str, Array]]:
    """Return the inputs of each sample, by name."""
    names = ", ".join(repr(port.name) for port in ports)
    if not isinstance(samples, (Mapping, np.ndarray)) and all(isinstance(each, Mapping) for each in samples):
        found = list(samples)
    else:
        if not isinstance(samples, Mapping):
            if len(ports) != 1:
                raise ModelInputError(
                    f"the model has {len(ports)} inputs", hint=f"give a dict with {names}", expected=names
                )
            samples = {ports[0].name: samples}
        if len({len(array) for array in samples.values()}) > 1:
            raise ModelInputError("the inputs have different numbers of samples", hint="give as many of each")
        count = min((len(array) for array in samples.values()), default=0)
        found = [{name: array[i] for name, array in samples.items()} for i in range(count)]
    if not found:
        raise ModelInputError("there are no samples", hint="give one sample or more")
    for sample in found:
        if set(sample) != {port.name for port in ports}:
            raise ModelInputError(
                f"a sample has {', '.join(map(repr, sample)) or 'no inputs'}",
                hint=f"the model's inputs are {names}",
                expected=names,
            )
    return [{port.name: _fitting(port, sample[port.name]) for port in ports} for sample in found]


def _fitting(port: Any, sample: Any) -> Array:
    """Return a sample in an input's dtype and shape: the batch is 1, other dynamic axes are as they come."""
    array = np.asarray(sample)
    dtype = DTYPES.get(port.type)
    if dtype is None or (dtype.kind in "iub" and array.dtype.kind not in "iub"):
        raise ModelInputError(
            f"input {port.name!r} is a {port.type}; the samples are {array.dtype}",
            hint="give samples of its dtype",
            expected=port.type,
        )
    shape = [size if isinstance(size, int) else 1 if place == 0 else None for place, size in enumerate(port.shape)]
    if len(shape) == array.ndim + 1 and shape[:1] == [1]:
        array = array[None]
    if None in shape:
        fits = array.ndim == len(shape) and all(
            size in (None, found) for size, found in zip(shape, array.shape, strict=True)
        )
    else:
        fits = array.size == prod(size for size in shape if size is not None)
        array = array.reshape([size for size in shape if size is not None]) if fits else array
    if not fits:
        raise ModelInputError(
            f"input {port.name!r}: a sample has the shape {list(array.shape)}; the input has {port.shape}",
            hint="reshape the samples", expected=str(port.shape),
        )  # fmt: skip
    return np.ascontiguousarray(array, dtype)


def _static(
    onnxruntime: Any,
    quantization: Any,
    source: Path,
    target: Path,
    rows: list[dict[str, Array]],
    form: Form,
    per_channel: bool,
) -> None:
    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """The calibration samples."""

        def __init__(self) -> None:
            self.rows = iter(rows)

        def get_next(self) -> dict[str, Array] | None:
            return next(self.rows, None)

    prepared = source.with_name("prepared.onnx")
    quantization.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    float_model = onnx.load(prepared)
    if any(entry.domain in ("", "ai.onnx") and entry.version < PER_AXIS for entry in float_model.opset_import):
        float_model = onnx.version_converter.convert_version(float_model, PER_AXIS)
        onnx.save(float_model, prepared)
    quantization.quantize_static(
        prepared,
        target,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ if form == "qdq" else quantization.QuantFormat.QOperator,
        per_channel=per_channel,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        nodes_to_exclude=_infinite(onnxruntime, float_model, rows[0]),
    )
    onnx.checker.check_model(str(target))


PER_AXIS = 13
"""The first opset whose DequantizeLinear has an axis."""


def _infinite(onnxruntime: Any, model: onnx.ModelProto, row: dict[str, Array]) -> list[str]:
    """Return the nodes that read or write a tensor with infinities: no scale covers it."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    known = {output.name for output in shown.graph.output}
    names = [name for node in shown.graph.node for name in node.output if name and name not in known]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = _session(onnxruntime, shown.SerializeToString())
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in shown.graph.initializer}
    tensors |= dict(zip((output.name for output in session.get_outputs()), session.run(None, row), strict=True))
    wide = {
        name
        for name, value in tensors.items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all()
    }
    return [node.name for node in model.graph.node if wide.intersection((*node.input, *node.output))]


def _session(onnxruntime: Any, model: Path | bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    given = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def _outputs(session: Any, rows: list[dict[str, Array]]) -> Any:
    """Return the first output of every sample, flat."""
    return np.stack([session.run(None, row)[0].reshape(-1) for row in rows])
