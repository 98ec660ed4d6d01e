"""Float models to int8, by onnxruntime's own quantiser, with the accuracy before and after."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx

from zkhost.errors import ConfigError, ModelInputError

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
    samples: Array,
    out: str | os.PathLike[str],
    *,
    labels: Array | None = None,
    form: Form = "qdq",
    per_channel: bool = True,
    calibrate: int = 100,
) -> QuantizeReport:
    """Quantise a float model to int8 and compare the two on samples (an array, samples on the first axis).

    The first `calibrate` samples set the ranges. `form`: qdq (QuantizeLinear and DequantizeLinear nodes), qoperator
    (QLinearConv and the like), dynamic (ranges measured at each run: no calibration, but f32 arithmetic in the proof).

    Raises ConfigError where onnxruntime is not installed, and ModelInputError for samples that are no inputs.
    """
    try:
        import onnxruntime
        from onnxruntime import quantization
    except ImportError as error:
        raise ConfigError(
            "quantize uses onnxruntime's quantiser, which is not installed", hint="pip install onnxruntime"
        ) from error
    source, target = Path(model), Path(out)
    session = _session(onnxruntime, source)
    port = session.get_inputs()[0]
    if len(session.get_inputs()) != 1 or not len(samples):
        raise ModelInputError(
            "quantize takes models with one input, and one sample or more", hint="use onnxruntime.quantization"
        )
    rows = list(_rows(samples, port.shape))
    if form == "dynamic":
        quantization.quantize_dynamic(source, target, per_channel=per_channel)
    elif form in ("qdq", "qoperator"):
        _static(quantization, source, target, rows[:calibrate], port.name, form, per_channel)
    else:
        raise ConfigError(f"form={form!r}", hint="one of qdq, qoperator, dynamic")
    before = _outputs(session, port.name, rows)
    after = _outputs(_session(onnxruntime, target), port.name, rows)
    best = before.argmax(axis=1), after.argmax(axis=1)
    accuracy = [None, None] if labels is None else [float((each == np.asarray(labels)).mean()) for each in best]
    return QuantizeReport(
        target,
        len(rows),
        source.stat().st_size,
        target.stat().st_size,
        float((best[0] == best[1]).mean()),
        float(np.abs(before - after).max()),
        accuracy[0],
        accuracy[1],
    )


def _rows(samples: Array, shape: list[Any]) -> Iterator[Array]:
    """Yield each sample as the model's input, its dynamic axes as they come."""
    fixed = [size if isinstance(size, int) else -1 if place else 1 for place, size in enumerate(shape)]
    for sample in samples:
        try:
            yield np.ascontiguousarray(sample, np.float32).reshape(fixed)
        except ValueError as error:
            raise ModelInputError(
                f"a sample has the shape {list(sample.shape)}; the input has {shape}", hint="reshape the samples"
            ) from error


def _static(
    quantization: Any, source: Path, target: Path, rows: list[Array], name: str, form: Form, per_channel: bool
) -> None:
    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """The calibration samples."""

        def __init__(self) -> None:
            self.rows = iter(rows)

        def get_next(self) -> dict[str, Array] | None:
            row = next(self.rows, None)
            return None if row is None else {name: row}

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quantization.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            target,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ if form == "qdq" else quantization.QuantFormat.QOperator,
            per_channel=per_channel,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    onnx.checker.check_model(str(target))


def _session(onnxruntime: Any, path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _outputs(session: Any, name: str, rows: list[Array]) -> Any:
    """Return the first output of every sample, flat."""
    return np.stack([session.run(None, {name: row})[0].reshape(-1) for row in rows])
