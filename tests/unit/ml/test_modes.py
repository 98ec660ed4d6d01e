"""What a proof shows, and what it binds: modes of inputs and outputs, hidden weights, a hidden model, batches."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from zkhost import methods, ml
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import (
    ConfigError,
    DecodeError,
    DigestMismatchError,
    ModelInputError,
    UnsupportedModelError,
)
from zkhost.ml import guest_input

from .build import model, node
from .test_digits import MODELS

CNN = MODELS / "cnn.legacy17.qdq_u8u8.onnx"
WEIGHT = "6.weight_quantized"
SALT, OTHER = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture(scope="module")
def rows() -> Any:
    return np.load(MODELS / "inputs.npz")["x"].reshape(-1, 1, 8, 8)


def journal_of(found: ml.Model, x: Any) -> ml.Inference:
    """What the guest commits, natively computed; the tests in the executor show that it does."""
    return found.decode_journal(found._prepared(x).journal)


def changed(name: str, by: int = 1) -> bytes:
    """The model's file with one weight of an initialiser changed."""
    proto = onnx.load(str(CNN))
    tensor = next(each for each in proto.graph.initializer if each.name == name)
    array = numpy_helper.to_array(tensor).copy()
    array.flat[3] += by
    tensor.CopyFrom(numpy_helper.from_array(array, name))
    data: bytes = proto.SerializeToString()
    return data


# -- hidden weights ---------------------------------------------------------------------------------------------------

HIDDEN = [
    ("mlp.legacy17.qdq_u8u8.onnx", "*weight_quantized"),
    ("mlp.dynamo18.dyn_int8.onnx", "*Transposed_quantized"),
    ("cnn.dynamo18.qdq_s8s8_pc.onnx", ["*weight_quantized", "*bias_quantized"]),
    ("cnn.legacy17.qop_u8s8_rr.onnx", ["2.weight_quantized", "2.bias_quantized", "6.bias_quantized"]),
    ("cnn.legacy13.f32.onnx", ["*.weight", "*.bias"]),
    ("rescnn.legacy17.dyn_int8.onnx", lambda name: name.startswith("onnx::Conv") and name.endswith("_quantized")),
    ("linear.onnx", "*"),
]


@pytest.mark.parametrize(("name", "hidden"), HIDDEN, ids=[name for name, _ in HIDDEN])
def test_a_model_with_hidden_weights_computes_the_same(name: str, hidden: Any, rows: Any) -> None:
    """The plain kernels with weights that are tensors, in all forms: the reference, and the same bytes as with constants."""
    whole, found = ml.load(MODELS / name), ml.load(MODELS / name, hidden=hidden)
    assert found.weights
    port = whole.inputs[0]
    shape = [int(axis) for axis in port.axes]
    samples = [row.reshape(shape) for row in rows[:4]] if np.prod(shape) == 64 else [np.ones(shape, port.dtype)]
    for x in samples:
        ours, theirs = found.compute(x), whole.compute(x)
        assert {n: a.tobytes() for n, a in ours.items()} == {n: a.tobytes() for n, a in theirs.items()}
    if name.startswith(("mlp", "cnn")):
        assert found.check(rows[:4].reshape(-1, *shape[1:])).values > 0


RANDOM = np.random.default_rng(3)
BYTES = RANDOM.integers(-100, 100, (6, 4)).astype(np.int8)
FORMS: dict[str, tuple[list[Any], Any, dict[str, Any]]] = {
    "an embedding": (
        [node("Gather", ["w", "x"], ["y"])],
        np.array([[4, 0, 2]], np.int64), {"w": RANDOM.normal(size=(5, 3)).astype(np.float32)},
    ),
    "a matrix shared by a batch": (
        [node("MatMul", ["x", "w"], ["y"])],
        RANDOM.normal(size=(1, 2, 3, 6)).astype(np.float32), {"w": RANDOM.normal(size=(6, 4)).astype(np.float32)},
    ),
    "a vector": (
        [node("MatMul", ["x", "w"], ["y"])],
        RANDOM.normal(size=(1, 3, 6)).astype(np.float32), {"w": RANDOM.normal(size=6).astype(np.float32)},
    ),
    "a float Gemm": (
        [node("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=0.5, beta=2.0)],
        RANDOM.normal(size=(1, 6)).astype(np.float32),
        {"w": RANDOM.normal(size=(4, 6)).astype(np.float32), "b": RANDOM.normal(size=4).astype(np.float32)},
    ),
    "a float convolution with groups": (
        [node("Conv", ["x", "w", "b"], ["y"], group=2, pads=[1, 1, 1, 1])],
        RANDOM.normal(size=(1, 4, 5, 5)).astype(np.float32),
        {"w": RANDOM.normal(size=(6, 2, 3, 3)).astype(np.float32), "b": RANDOM.normal(size=6).astype(np.float32)},
    ),
    "MatMulInteger": (
        [node("MatMulInteger", ["x", "w", "xz", "wz"], ["i"]), node("Cast", ["i"], ["y"], to=1)],
        RANDOM.integers(0, 256, (1, 6)).astype(np.uint8), {"w": BYTES},
    ),
    "ConvInteger": (
        [node("ConvInteger", ["x", "w"], ["i"]), node("Cast", ["i"], ["y"], to=1)],
        RANDOM.integers(0, 256, (1, 2, 4, 4)).astype(np.uint8), {"w": BYTES.reshape(3, 2, 2, 2)},
    ),
    "an adapter beside a layer": (
        [node("MatMul", ["x", "base"], ["s"]), node("MatMul", ["x", "a"], ["t"]), node("MatMul", ["t", "b"], ["u"]),
         node("Mul", ["u", "scaling"], ["v"]), node("Add", ["s", "v"], ["y"])],
        RANDOM.normal(size=(1, 6)).astype(np.float32),
        {"a": RANDOM.normal(size=(6, 2)).astype(np.float32), "b": RANDOM.normal(size=(2, 4)).astype(np.float32)},
    ),
}  # fmt: skip
OTHERS = {
    "xz": np.uint8(7),
    "wz": np.int8(2),
    "base": RANDOM.normal(size=(6, 4)).astype(np.float32),
    "scaling": np.float32(2),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("accelerate", [True, False])
def test_each_form_of_a_hidden_weight_computes_what_a_constant_does(form: str, accelerate: bool) -> None:
    nodes, x, weights = FORMS[form]
    used = {name for each in nodes for name in each.input}
    constants = weights | {name: value for name, value in OTHERS.items() if name in used}
    proto = model(nodes, {"x": (str(x.dtype), x.shape)}, {"y": ("float32", None)}, constants)
    found = ml.load(proto, hidden=list(weights), accelerate=accelerate)
    assert set(found.weights) == set(weights)
    assert found.check([x]).largest < 1e-6
    assert found.compute(x)["y"].tobytes() == ml.load(proto).compute(x)["y"].tobytes()


def test_hidden_weights_are_in_the_journal_as_a_digest_alone(rows: Any) -> None:
    """The image is the same for all values; the digest opens with the salt, and only for the very weights."""
    found = ml.load(CNN, hidden=[WEIGHT], salts={WEIGHT: SALT})
    other = ml.load(changed(WEIGHT), hidden=[WEIGHT], salts={WEIGHT: SALT})
    assert found.image_id == other.image_id
    assert found.image_id != ml.load(CNN).image_id != ml.load(changed(WEIGHT)).image_id
    journal = journal_of(found, rows[0])
    assert journal.modes[WEIGHT] == "hashed"
    weights = found.weights[WEIGHT]
    assert journal.digests == {WEIGHT: hashlib.sha256(SALT + weights.tobytes()).digest()}
    assert journal.digests[WEIGHT] == found.digest(WEIGHT, weights, SALT) != found.digest(WEIGHT, weights, OTHER)
    assert journal.digests[WEIGHT] != journal_of(other, rows[0]).digests[WEIGHT]
    data = found._prepared(rows[0]).journal
    assert weights.tobytes()[:64] not in data


def test_other_weights_under_the_first_digest_are_refused(rows: Any) -> None:
    """A verifier who knows the salts holds the digests against the file; without them, whoever has the digest does."""
    proved = ml.load(CNN, hidden=[WEIGHT], salts={WEIGHT: SALT})._prepared(rows[0]).journal
    assert ml.load(CNN, hidden=[WEIGHT], salts={WEIGHT: SALT}).decode_journal(proved).count == 1
    for spoiled in (
        ml.load(changed(WEIGHT), hidden=[WEIGHT], salts={WEIGHT: SALT}),
        ml.load(CNN, hidden=[WEIGHT], salts={WEIGHT: OTHER}),
    ):
        with pytest.raises(DigestMismatchError) as caught:
            spoiled.decode_journal(proved)
        assert WEIGHT in caught.value.what
        assert caught.value.expected != caught.value.found


def test_a_journal_in_other_modes_is_refused(rows: Any) -> None:
    proved = ml.load(CNN, hidden=[WEIGHT])._prepared(rows[0]).journal
    for options in (
        {}, {"hidden": ["2.weight_quantized", WEIGHT]}, {"hidden": [WEIGHT], "input": {WEIGHT: "private"}},
        {"hidden": [WEIGHT], "input": "private"}, {"hidden": [WEIGHT], "output": "hashed"},
    ):  # fmt: skip
        with pytest.raises(DecodeError) as caught:
            ml.load(CNN, **options).decode_journal(proved)
        assert caught.value.hint


def test_weights_can_be_public_or_private_inputs(rows: Any) -> None:
    shown = journal_of(ml.load(CNN, hidden=WEIGHT, input={WEIGHT: "public"}), rows[0])
    assert shown.inputs[WEIGHT].tobytes() == ml.load(CNN, hidden=WEIGHT).weights[WEIGHT].tobytes()
    none = journal_of(ml.load(CNN, hidden=WEIGHT, input={WEIGHT: "private", "input": "hashed"}), rows[0])
    assert set(none.digests) == {"input"}
    assert none.modes[WEIGHT] == "private"


def test_what_runs_on_plain_instructions_is_shown() -> None:
    """A matrix product of one row, and what transposes its weights before it."""
    whole, found = ml.load(CNN), ml.load(CNN, hidden=WEIGHT)
    turned, layer = [layer for layer in found.show() if layer.hidden]
    assert turned.hidden == layer.hidden == (WEIGHT,)
    assert (turned.plain, layer.plain) == (False, True)
    (accelerated,) = [each for each in whole.show() if each.node == layer.node]
    assert not accelerated.plain
    assert layer.cycles > 3 * accelerated.cycles
    assert f"plain: {WEIGHT} hidden" in str(found)
    assert f"hidden weights: {WEIGHT} uint8[10, 256] (hashed)" in str(found)
    assert "hidden" not in str(whole)


def test_what_cannot_be_hidden_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="scale"):
        ml.load(CNN, hidden="6.weight_scale")
    with pytest.raises(ConfigError, match="no such initialiser") as caught:
        ml.load(CNN, hidden=["6.weigth"])
    assert "6.weight_quantized" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="no initialiser"):
        ml.load(CNN, hidden=lambda name: False)
    half = numpy_helper.from_array(np.ones((4, 3), np.float16), "w")
    ports = {"x": ("float32", (1, 4))}, {"y": ("float32", None)}
    proto = model([node("MatMul", ["x", "v"], ["y"])], *ports, {"v": np.ones((4, 3), np.float32)})
    proto.graph.initializer.append(half)
    with pytest.raises(UnsupportedModelError, match="'w' of float16"):
        ml.load(proto, hidden="w")


def test_sums_with_a_hidden_bias_wrap_around() -> None:
    """The image cannot know the bias, so the arithmetic is declared for all: kernels and reference agree at the edge."""
    nodes = [node("DequantizeLinear", ["x", "s", "z"], ["f"]), node("DequantizeLinear", ["w", "s", "wz"], ["g"]),
             node("DequantizeLinear", ["b", "ss"], ["h"]), node("Gemm", ["f", "g", "h"], ["i"]),
             node("QuantizeLinear", ["i", "big", "z"], ["y"])]  # fmt: skip
    constants: dict[str, Any] = {"s": np.float32(1), "z": np.uint8(0), "w": np.ones((4, 2), np.int8), "wz": np.int8(0),
                 "b": np.array([2**31 - 1, 7], np.int32), "ss": np.float32(1), "big": np.float32(2**24)}  # fmt: skip
    data = model(nodes, {"x": ("uint8", (1, 4))}, {"y": ("uint8", None)}, constants)
    found = ml.load(data, hidden=["b"], outputs=["y"])
    x = np.array([[1, 0, 0, 0]], np.uint8)
    from zkhost.ml.reference import run

    values = run(found.graph, {"x": x, "b": constants["b"]})
    assert found.compute(x)["y"].tolist() == [[0, 0]] == values[found.graph.outputs[0]].tolist()
    assert found.compute(np.zeros((1, 4), np.uint8))["y"].tolist() == [[128, 0]]


# -- a hidden model ---------------------------------------------------------------------------------------------------


def test_a_hidden_model_is_known_by_its_digest(rows: Any) -> None:
    found = ml.load(CNN, hidden=True, salt=SALT, output="argmax")
    assert found.image_id == methods.ML_ID
    assert found.program == methods.ML_ELF
    assert found.model_digest == hashlib.sha256(SALT + found.compiled.plan).digest()
    journal = journal_of(found, rows[0])
    assert journal.model_digest == found.model_digest
    open_model = ml.load(CNN, output="argmax")
    assert journal.outputs["output"] == open_model.compute(rows[0])["output"]
    assert open_model.model_digest is None
    assert ml.load(CNN, hidden=True).model_digest != ml.load(CNN, hidden=True).model_digest  # salts of their own


def test_another_hidden_model_or_salt_is_refused(rows: Any) -> None:
    proved = ml.load(CNN, hidden=True, salt=SALT)._prepared(rows[0]).journal
    assert ml.load(CNN, hidden=True, salt=SALT).decode_journal(proved).count == 1
    for spoiled in (
        ml.load(changed(WEIGHT), hidden=True, salt=SALT),
        ml.load(CNN, hidden=True, salt=OTHER),
        ml.load(CNN, hidden=True),
        ml.load(CNN),
        ml.load(CNN, hidden=True, salt=SALT, accelerate=False),
    ):
        with pytest.raises(DigestMismatchError) as caught:
            spoiled.decode_journal(proved)
        assert caught.value.what == "the model"
        assert caught.value.hint


# -- outputs ----------------------------------------------------------------------------------------------------------


def test_a_hashed_output_has_the_digest_of_an_input(rows: Any) -> None:
    """So that what one proof computed is seen to be what another reads."""
    found = ml.load(CNN, output="hashed", salts={"output": SALT})
    journal = journal_of(found, rows[0])
    logits = ml.load(CNN).compute(rows[0])["output"]
    assert journal.outputs == {}
    assert journal.digests == {"output": hashlib.sha256(SALT + logits.tobytes()).digest()}
    assert journal.digests["output"] == found.digest("output", logits, SALT)
    assert found.compute(rows[0])["output"].tobytes() == logits.tobytes()  # computed here, not shown


def test_outputs_have_modes_of_their_own() -> None:
    name = MODELS / "two_heads.onnx"
    first, second = (port.name for port in ml.load(name).outputs)
    found = ml.load(name, output={first: "hashed", second: "argmax"})
    x = {port.name: np.ones([int(axis) for axis in port.axes], port.dtype) for port in found.inputs}
    journal = journal_of(found, x)
    assert set(journal.digests) == {first}
    assert journal.outputs[second].tolist() == ml.load(name).compute(x)[second].argmax(axis=-1).tolist()


# -- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_its_samples(rows: Any) -> None:
    """In each mode, with weights in the image and not: arrays with the samples on the batch axis."""
    one = ml.load(CNN)
    expected = np.concatenate([one.compute(row)["output"] for row in rows[:5]])
    for options in ({}, {"hidden": WEIGHT}, {"hidden": True}, {"input": "hashed"}, {"input": "private"}):
        found = ml.load(CNN, **options)
        journal = journal_of(found, ml.Batch(rows[:5]))
        assert journal.count == 5
        assert journal.outputs["output"].tobytes() == expected.tobytes()
        assert journal.outputs["output"].shape == (5, 10)
        assert found.compute(ml.Batch(rows[:5]))["output"].tobytes() == expected.tobytes()
        if found.modes["input"] == "public":
            assert journal.inputs["input"].tobytes() == rows[:5].tobytes()
    salted = ml.load(CNN, input="hashed", output="hashed", salts={"input": SALT, "output": OTHER})
    digests = journal_of(salted, ml.Batch(rows[:5])).digests
    assert digests["input"] == hashlib.sha256(SALT + rows[:5].tobytes()).digest()
    assert digests["input"] == salted.digest("input", ml.Batch(rows[:5]), SALT)
    assert digests["output"] == hashlib.sha256(OTHER + expected.tobytes()).digest()


def test_the_image_does_not_depend_on_the_number_of_samples(rows: Any) -> None:
    found = ml.load(CNN)
    before = found.image_id
    journal_of(found, ml.Batch(rows[:3]))
    assert found.image_id == before == ml.load(CNN).image_id


def test_no_sample_depends_on_another(rows: Any) -> None:
    """The memory of the sample before is gone: all orders agree, and a sample twice is the same twice."""
    found = ml.load(CNN, hidden=WEIGHT)
    forth = found.compute(ml.Batch(rows[:6]))["output"]
    back = found.compute(ml.Batch(rows[:6][::-1]))["output"]
    assert forth[::-1].tobytes() == back.tobytes()
    twice = found.compute(ml.Batch([rows[2], rows[2]]))["output"]
    assert twice[0].tobytes() == twice[1].tobytes() == forth[2].tobytes()


@pytest.mark.parametrize(
    ("samples", "message"),
    [(np.zeros((0, 1, 8, 8), np.float32), "without samples"), (np.zeros((2, 1, 8, 8)), "float64"), ([None], "object")],
)
def test_batches_that_are_none(samples: Any, message: str) -> None:
    with pytest.raises(ModelInputError, match=message):
        ml.load(CNN).compute(ml.Batch(samples))


@pytest.mark.slow
def test_the_guest_commits_what_the_kernels_do_in_every_mode(rows: Any) -> None:
    """In the executor: the journal that was computed here, byte for byte."""
    for options in (
        {"hidden": [WEIGHT, "2.weight_quantized"], "input": {"2.weight_quantized": "public"}},
        {"hidden": True, "salt": SALT, "input": "hashed", "output": "hashed"},
        {"input": "hashed", "output": "argmax"},
    ):
        found = ml.load(CNN, **options)
        for x in (rows[0], ml.Batch(rows[:3])):
            done = found._prepared(x)
            ran = found.execute(ExecutorEnv.builder().write_slice(done.stdin).build())
            assert ran.session.journal.bytes == done.journal


@pytest.mark.slow
def test_ten_samples_take_less_than_ten_proofs(rows: Any) -> None:
    """Start, programs and paging are paid for once."""
    found = ml.load(CNN)
    one, ten = found.execute(rows[0]), found.execute(ml.Batch(rows[:10]))
    assert ten.journal.count == 10
    costs = [run.session.user_cycles + (run.session.paging_cycles or 0) for run in (one, ten)]
    assert costs[1] < 0.6 * 10 * costs[0]
    assert ten.user_cycles < 0.96 * 10 * one.user_cycles


# -- journals ---------------------------------------------------------------------------------------------------------


def test_a_journal_can_be_read_without_the_model(rows: Any) -> None:
    """Kind, count, modes, dtypes and what is shown are in it."""
    found = ml.load(CNN, hidden=[WEIGHT], output="argmax", salts={WEIGHT: SALT})
    parsed = ml.ModelJournal.parse(found._prepared(ml.Batch(rows[:3])).journal)
    assert (parsed.count, parsed.model_digest, parsed.at_least) == (3, None, None)
    assert [(part.mode, part.dtype, part.shared, part.nbytes) for part in parsed.inputs] == [
        ("public", "f32", False, 256), ("hashed", "u8", True, 0),
    ]  # fmt: skip
    assert parsed.inputs[0].data == rows[:3].tobytes()
    assert np.frombuffer(parsed.outputs[0].data, "<i4").tolist() == found.compute(ml.Batch(rows[:3]))["output"].tolist()


def test_no_part_of_a_journal_can_be_left_out_or_changed(rows: Any) -> None:
    """Every prefix and every changed header word is refused or says something else; nothing is read twice."""
    found = ml.load(CNN, hidden=[WEIGHT], input="hashed", output="argmax", salts={WEIGHT: SALT, "input": SALT})
    data = found._prepared(ml.Batch(rows[:2])).journal
    honest = found.decode_journal(data)
    for length in range(0, len(data), 4):
        with pytest.raises(DecodeError):
            found.decode_journal(data[:length])
    with pytest.raises(DecodeError):
        found.decode_journal(data + bytes(4))
    header = 4 * (3 + 2 * 3)
    for at in range(header):
        for bit in (1, 128):
            spoiled = bytearray(data)
            spoiled[at] ^= bit
            with pytest.raises(DecodeError):
                found.decode_journal(bytes(spoiled))
    for at in range(len(data) - 64, len(data)):
        spoiled = bytearray(data)
        spoiled[at] ^= 1
        try:
            assert found.decode_journal(bytes(spoiled)).digests != honest.digests
        except DigestMismatchError:
            continue


@pytest.mark.parametrize("seed", range(3))
def test_hostile_journals(seed: int) -> None:
    """Random words: a DecodeError, or a journal; memory stays bounded by the bytes there are."""
    random = np.random.default_rng(seed)
    for _ in range(300):
        words = random.integers(0, 4, random.integers(2, 40)).astype("<u4")
        words[0] = 1 | int(random.integers(0, 2)) << 8
        if random.integers(0, 2):
            words[random.integers(1, len(words))] = random.integers(0, 2**32)
        try:
            ml.ModelJournal.parse(words.tobytes())
        except DecodeError:
            continue


def test_a_request_has_a_salt_for_everything_that_is_hashed(rows: Any) -> None:
    found = ml.load(CNN, hidden=[WEIGHT], input="hashed")
    arrays = found.samples(rows[0])
    modes = found._tensor_modes
    with pytest.raises(KeyError):
        guest_input.inference(found.graph, modes, found.graph_weights, arrays, {WEIGHT: SALT})
