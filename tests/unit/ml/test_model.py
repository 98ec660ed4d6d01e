"""A model as its user sees it: arrays in, arrays out, an image ID that commits to file and options."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from zkhost import ml
from zkhost.errors import ConfigError, DecodeError, FakeReceiptError, ModelInputError
from zkhost.ml import _native, guest_input, ops
from zkhost.ml.graph import Graph
from zkhost.ml.page import render_page
from zkhost.ml.reference import run
from zkhost.ml.tensors import graph_inputs, named
from zkhost.receipt.receipt import DevModeWarning

from .build import dq, model, node, q
from .test_digits import INT8, MODELS

CNN = MODELS / "cnn.legacy17.qdq_u8u8.onnx"


@pytest.fixture(scope="module")
def rows() -> Any:
    return np.load(MODELS / "inputs.npz")["x"].reshape(-1, 1, 8, 8)


@pytest.fixture(scope="module")
def cnn() -> ml.Model:
    return ml.load(CNN)


# -- running ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("name", INT8)
def test_the_kernels_compute_what_the_reference_does(name: str, accelerate: bool, rows: Any) -> None:
    found = ml.load(MODELS / name, accelerate=accelerate)
    shape = [int(axis) for axis in found.inputs[0].axes]
    for row in rows[:10]:
        arrays = named(found.inputs, row.reshape(shape))
        expected = run(found.graph, graph_inputs(found.graph, arrays))
        for ours, theirs in zip(found.compute(arrays).values(), expected.values(), strict=True):
            assert ours.tobytes() == theirs.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", INT8)
def test_the_guest_computes_what_the_kernels_do(name: str, rows: Any) -> None:
    """In the zkVM's executor, journal and all; the run says that it is unverified."""
    found = ml.load(MODELS / name)
    x = rows[3].reshape([int(axis) for axis in found.inputs[0].axes])
    ran = found.execute(x)
    assert {name: array.tobytes() for name, array in ran.outputs.items()} == {
        name: array.tobytes() for name, array in found.compute(x).items()
    }
    assert ran.journal.inputs[found.inputs[0].name].tobytes() == x.tobytes()
    assert not ran.verified
    assert "UNVERIFIED" in repr(ran)


@pytest.mark.slow
def test_what_the_journal_shows_is_chosen_at_load(rows: Any) -> None:
    logits = ml.load(CNN).compute(rows[0])["output"]
    largest = ml.load(CNN, output="argmax", input="private").execute(rows[0])
    assert largest.outputs["output"].tolist() == logits.argmax(axis=-1).tolist()
    assert largest.journal.inputs == {}
    assert largest.journal.digests == {}
    top = ml.load(CNN, output="topk", k=3).execute(rows[0]).outputs
    assert top["output.indices"].tolist() == [np.argsort(-logits[0])[:3].tolist()]
    assert top["output"].tolist() == [np.sort(logits[0])[::-1][:3].tolist()]
    reached = ml.load(CNN, output="threshold", threshold=-3.0).execute(rows[0]).outputs["output"]
    assert reached.dtype == bool
    assert reached.tolist() == (logits >= -3).tolist()


@pytest.mark.slow
def test_a_hashed_input_opens_with_its_salt(rows: Any) -> None:
    salt = bytes(range(32))
    found = ml.load(CNN, input="hashed", salts={"input": salt})
    digest = found.execute(rows[0]).journal.digests["input"]
    assert digest == found.digest("input", rows[0], salt) == ml.tensor_digest(rows[0], salt)
    assert digest == hashlib.sha256(salt + rows[0].tobytes()).digest()
    assert digest != found.digest("input", rows[1], salt)
    assert digest != found.digest("input", rows[0], bytes(32))
    assert ml.load(CNN, input="hashed").execute(rows[0]).journal.digests["input"] != digest  # a salt of its own


# -- what the image ID commits to -------------------------------------------------------------------------------------


def _changed(change: Any) -> bytes:
    proto = onnx.load(str(CNN))
    change(proto)
    data: bytes = proto.SerializeToString()
    return data


def _weight(proto: onnx.ModelProto) -> None:
    tensor = next(t for t in proto.graph.initializer if t.name.endswith("weight_quantized") and len(t.dims) == 4)
    array = numpy_helper.to_array(tensor).copy()
    array.flat[5] += 1
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _scale(proto: onnx.ModelProto) -> None:
    tensor = next(t for t in proto.graph.initializer if t.name == "output_scale")
    tensor.CopyFrom(numpy_helper.from_array(np.nextafter(numpy_helper.to_array(tensor), np.float32(9)), tensor.name))


def test_the_image_id_commits_to_the_model_and_its_options() -> None:
    """The same file twice is the same ID; a weight, a scale or an option changed is another."""
    first = ml.load(CNN).image_id
    assert ml.load(CNN.read_bytes()).image_id == first
    assert ml.load(onnx.load(str(CNN)), dims={}).image_id == first
    others = [
        ml.load(_changed(_weight)),
        ml.load(_changed(_scale)),
        ml.load(CNN, input="hashed"),
        ml.load(CNN, input="private"),
        ml.load(CNN, output="argmax"),
        ml.load(CNN, output="topk", k=2),
        ml.load(CNN, output="threshold", threshold=0.0),
        ml.load(CNN, output="threshold", threshold=1.0),
        ml.load(CNN, salt=bytes(32)),
        ml.load(CNN, salt=bytes([1] * 32)),
        ml.load(CNN, accelerate=False),
        ml.load(CNN, dims={ml.load(CNN).whole.inputs[0].name + ":0": 2}),
    ]
    identities = [str(other.image_id) for other in others]
    assert len({str(first), *identities}) == 1 + len(others)


def test_plans_are_canonical(tmp_path: Path) -> None:
    """Another process, with its own hash seed, writes the same bytes."""
    script = (
        f"import hashlib; from zkhost import ml; print(hashlib.sha256(ml.load({str(CNN)!r}).compiled.plan).hexdigest())"
    )
    found = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


# -- wrong inputs and options -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((1, 1, 8, 8), np.float64), r"float32\[1, 1, 8, 8\] but got float64"),
        (np.zeros((1, 1, 8, 8), np.uint8), "but got uint8"),
        (np.zeros((1, 8, 8, 1), np.float32), r"but got float32\[1, 8, 8, 1\]"),
        (np.zeros(64, np.float32), r"but got float32\[64\]"),
        (np.full((1, 1, 8, 8), np.nan, np.float32), "NaN"),
        (np.full((1, 1, 8, 8), np.inf, np.float32), "infinity"),
        ({"input": np.zeros((1, 1, 8, 8), np.float32), "extra": np.zeros(1)}, "no input 'extra'"),
        ({}, "nothing for the input 'input'"),
        (None, "but got object"),
    ],
)
def test_inputs_that_do_not_fit(cnn: ml.Model, value: Any, message: str) -> None:
    with pytest.raises(ModelInputError, match=message) as caught:
        cnn.compute(value)
    assert caught.value.hint


def test_the_batch_axis_may_be_left_out(cnn: ml.Model, rows: Any) -> None:
    assert cnn.compute(rows[0])["output"].tobytes() == cnn.compute(rows[:1])["output"].tobytes()


@pytest.mark.parametrize(
    "options",
    [
        {"input": "secret"}, {"output": "some"}, {"output": "topk", "k": 11}, {"output": "topk", "k": 0},
        {"output": "threshold"}, {"output": "threshold", "threshold": float("nan")}, {"salt": b"short"},
        {"input": "hashed", "salts": {"input": b"short"}}, {"salts": {"input": bytes(32)}}, {"input": {"x": "hashed"}},
        {"output": {"x": "all"}}, {"output": {"output": "some"}}, {"input": {"input": "secret"}}, {"hidden": ["nothing*"]},
    ],
)  # fmt: skip
def test_options_that_do_not_fit(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        ml.load(CNN, **options)
    assert caught.value.hint


# -- journals ---------------------------------------------------------------------------------------------------------


def test_journals_of_something_else_are_refused(cnn: ml.Model, rows: Any) -> None:
    from zkhost.ml import _native

    arrays = graph_inputs(cnn.graph, named(cnn.inputs, rows[0]))
    journal = _native.compute(cnn.compiled.plan, guest_input.inference(cnn.graph, {}, {}, [arrays], {})).journal
    assert cnn.decode_journal(journal).outputs["output"].tobytes() == cnn.compute(rows[0])["output"].tobytes()
    damaged = [b"", journal[:3], journal[:-4], journal + bytes(4), b"\x02" + journal[1:], journal[:1] + b"\x01" + journal[2:],
               journal[:2] + b"\x01" + journal[3:], journal[:3] + b"\x01" + journal[4:]]  # fmt: skip
    for data in damaged:
        with pytest.raises(DecodeError):
            cnn.decode_journal(data)


def test_padding_of_outputs_is_zero() -> None:
    """Three bytes of uint8 take a word; the fourth byte carries nothing."""
    constants = {"x_s": np.float32(0.1), "x_z": np.uint8(3), "y_s": np.float32(0.2), "y_z": np.uint8(0)}
    nodes = [dq("x", "f"), node("Relu", ["f"], ["g"], name="relu"), q("g", "y")]
    found = ml.load(model(nodes, {"x": ("uint8", (1, 3))}, {"y": ("uint8", None)}, constants), input="private")
    ports = [2, 0, 0, 3]  # the input: private u8; the output: public u8, three bytes
    header = b"".join(word.to_bytes(4, "little") for word in [1, 1, 1 | 1 << 16, *ports])
    assert found.decode_journal(header + b"\x01\x02\x03\x00").outputs["y"].tolist() == [[1, 2, 3]]
    with pytest.raises(DecodeError, match="padding"):
        found.decode_journal(header + b"\x01\x02\x03\x04")


# -- check, show, quantize --------------------------------------------------------------------------------------------


def test_check_finds_the_first_layer_that_differs(cnn: ml.Model, rows: Any) -> None:
    """A bias of the second convolution is changed in the graph: that layer is named, and not those after it."""
    assert cnn.check(rows[:4]).equal
    graph = cnn.whole.graph
    second = [op for op in graph if isinstance(op, ops.Conv)][1]
    assert second.bias is not None
    constants = {**graph.constants, second.bias: graph.constants[second.bias] + 4000}
    spoiled = ml.load(CNN)
    spoiled.whole = dataclasses.replace(cnn.whole, graph=dataclasses.replace(graph, constants=constants))
    report = spoiled.check(rows[:4])
    assert not report.equal
    assert report.first is not None
    assert "/3/Relu_output_0_QuantizeLinear" in report.first.tensor + report.first.node
    assert report.first.ours != report.first.expected


def test_show_has_a_row_for_each_layer(cnn: ml.Model) -> None:
    shown = str(cnn)
    layers = cnn.show()
    assert all(layer.node in shown for layer in layers)
    assert str(cnn.image_id) in shown
    assert sum(layer.macs for layer in layers) == 80_896
    assert sum(layer.share for layer in layers) == pytest.approx(1)
    assert {name for layer in layers for name in layer.tensors} == {name for op in cnn.graph for name in op.writes()}


def test_the_page_runs_nothing() -> None:
    """Names come from the model's author; the page has no script and lets none in."""
    evil = "<script>alert(1)</script>\"'&"
    proto = onnx.load(str(CNN))
    for each in proto.graph.node:
        each.name = evil + each.name
    page = render_page(ml.load(proto))
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_quantize_makes_a_model_that_is_proved_exactly(tmp_path: Path, rows: Any) -> None:
    truth = np.load(MODELS / "inputs.npz")["labels"]
    for form in ("qdq", "qoperator", "dynamic"):
        out = tmp_path / f"{form}.onnx"
        report = ml.quantize(MODELS / "cnn.legacy13.f32.onnx", rows, out, labels=truth, form=form)
        assert report.float_accuracy is not None
        assert report.int8_accuracy is not None
        assert report.int8_accuracy > report.float_accuracy - 0.03 > 0.9
        assert report.int8_bytes < report.float_bytes
        assert ml.load(out).check(rows[:20]).equal
        assert "accuracy" in str(report)


def test_quantize_wants_samples_that_fit(tmp_path: Path) -> None:
    with pytest.raises(ModelInputError, match="shape"):
        ml.quantize(MODELS / "cnn.legacy13.f32.onnx", np.zeros((3, 65), np.float32), tmp_path / "out.onnx")


# -- the extra --------------------------------------------------------------------------------------------------------


def test_importing_is_light() -> None:
    script = "import sys, zkhost, zkhost.ml; print([n for n in ('numpy', 'onnx', 'onnxruntime') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["numpy", "onnx"])
def test_without_the_extra_it_says_what_to_install(package: str) -> None:
    script = f"import sys; sys.modules[{package!r}] = None; from zkhost import ml; ml.load"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"zkhost.ml needs the package {package}" in done.stderr
    assert "pip install 'zkhost[ml]'" in done.stderr


def test_graphs_that_are_built_by_hand_run() -> None:
    """The graph is an interface of its own."""
    from zkhost.ml.graph import Tensor

    graph = Graph(
        "double", ("x",), ("y",), {"x": Tensor("x", "f32", (2,)), "y": Tensor("y", "f32", (2,))},
        {"two": np.array([2], np.float32)}, (ops.Binary("double (Mul)", "y", "mul", "x", "two"),),
    )  # fmt: skip
    assert run(graph, {"x": np.array([1, 3], np.float32)})["y"].tolist() == [2, 6]


# -- dev mode ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_dev_mode_proves_nothing_and_says_so(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ml.load(CNN, output="argmax")
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    with pytest.warns(DevModeWarning):
        proof = found.prove(rows[0])
    assert not proof.verified
    assert "UNVERIFIED" in repr(proof)
    monkeypatch.delenv("RISC0_DEV_MODE")
    with pytest.raises(FakeReceiptError):
        proof.verify()
    with pytest.raises(FakeReceiptError):
        ml.verify(proof.receipt, CNN, output="argmax")


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_segments_to_prove_are_not_half_padding(cnn: ml.Model, rows: Any, batch: int) -> None:
    """Whatever one segment would take, no limit of half its size proves fewer rows than the one that is chosen."""
    done = cnn._prepared(ml.Batch(rows[:batch]))
    chosen = _native.checked_env(cnn.name, cnn.program, done, None, None).segment_limit_po2

    def proved(limit: int | None) -> int:
        return _native.preflight(cnn.program, done.stdin, segment_limit_po2=limit).total_cycles

    whole = _native.preflight(cnn.program, done.stdin)
    half = max(whole.segments) - 1
    assert proved(chosen) == min(whole.total_cycles, proved(half))
    given = _native.checked_env(cnn.name, cnn.program, done, 20, None)
    assert given.segment_limit_po2 == 20
