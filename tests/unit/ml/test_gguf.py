"""GGUF files: ggml's arithmetic bit for bit, files as llama.cpp writes them, and what is refused.

The files of models/gguf and their outputs come from llama.cpp built without vector instructions (see its README).
"""

from __future__ import annotations

import importlib
import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zkhost import ml
from zkhost.errors import (
    ConfigError,
    InferenceError,
    ModelError,
    ModelFormatError,
    ModelInputError,
    PlanError,
    UnsupportedModelError,
)
from zkhost.ml import _blocks as blocks
from zkhost.ml import ops
from zkhost.ml.gguf.rotation import angles, cosine_sine
from zkhost.ml.graph import Array
from zkhost.ml.read.gguf_file import read_gguf
from zkhost.ml.reference import run

oracle: Any = importlib.import_module("gguf")  # its functions have no types

FOLDER = Path(__file__).parent / "models" / "gguf"
KINDS = ("f32", "f16", "q8_0", "q4_0", "q5_0", "q4_k", "q6_k")
LLAMAS = ("q8_0", "q4_k_m")


def llama(name: str) -> tuple[Path, Any]:
    """A file, and what llama.cpp gives for its prompts."""
    return FOLDER / f"tiny.{name}.gguf", np.load(FOLDER / f"tiny.{name}.npz")


# -- llama.cpp --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_products_are_those_of_ggml(kind: str) -> None:
    """Normal vectors, ties at the half, a block of zeros, a wide range: in the reference, the kernels and the zkVM."""
    expected = np.load(FOLDER / f"dot_{kind}.npz")
    model = ml.load(FOLDER / f"dot_{kind}.gguf", outputs=["w"], dims={"vectors": 4})
    (found,) = run(model.graph, {"x": expected["x"]}).values()
    assert found.tobytes() == expected["ggml"].tobytes()
    assert model.compute(expected["x"])["w"].tobytes() == expected["ggml"].tobytes()
    assert model.execute(expected["x"]).outputs["w"].tobytes() == expected["ggml"].tobytes()


@pytest.mark.parametrize("name", LLAMAS)
@pytest.mark.parametrize("prompt", range(3))
def test_logits_are_those_of_llama_cpp(name: str, prompt: int) -> None:
    """Those behind every token of the prompt; and those behind the last, where what only others need is left out."""
    path, expected = llama(name)
    tokens, logits = expected[f"tokens{prompt}"], expected[f"logits{prompt}"]
    every = ml.load(path, dims={"tokens": len(tokens)}, outputs=["prompt_logits"])
    (found,) = run(every.graph, {"tokens": tokens}).values()
    assert found.tobytes() == logits.tobytes()
    assert every.compute(tokens)["prompt_logits"].tobytes() == logits.tobytes()
    last = ml.load(path, dims={"tokens": len(tokens)})
    assert last.compute(tokens)["logits"].tobytes() == logits[-1:].tobytes()
    assert last.compiled.cycles < 0.75 * every.compiled.cycles
    both = ml.load(path, dims={"tokens": len(tokens)}, outputs=["logits", "prompt_logits"]).compute(tokens)
    assert both["logits"].tobytes() == logits[-1:].tobytes()
    assert both["prompt_logits"].tobytes() == logits.tobytes()


@pytest.mark.parametrize("name", LLAMAS)
def test_the_zkvm_computes_the_next_token(name: str) -> None:
    path, expected = llama(name)
    tokens = expected["tokens1"]
    model = ml.load(path, dims={"tokens": len(tokens)}, output="argmax")
    done = model.execute(tokens)
    assert done.outputs["logits"].tolist() == [expected["greedy1"][0]]
    estimate = model.compiled.cycles
    assert abs(estimate - done.session.user_cycles) < 0.15 * done.session.user_cycles


@pytest.mark.parametrize("name", LLAMAS)
def test_a_text_is_that_of_llama_cpp(name: str) -> None:
    """24 tokens, each the likeliest behind those before it. A token sees none behind it, so one length serves all."""
    path, expected = llama(name)
    model = ml.load(path, dims={"tokens": 48}, outputs=["prompt_logits"], max_float_cycles=200_000_000)
    for prompt in range(3):
        tokens = list(expected[f"tokens{prompt}"])
        start = len(tokens)
        for _ in range(24):
            padded = np.array(tokens + [0] * (48 - len(tokens)), np.int32)
            tokens.append(int(model.compute(padded)["prompt_logits"][len(tokens) - 1].argmax()))
        assert tokens[start:] == expected[f"greedy{prompt}"].tolist()


def test_cosines_are_those_of_glibc() -> None:
    """Values of glibc 2.36's cosf and sinf, among them some that are not the nearest f32."""
    known = {
        0.5: (0x3F60A940, 0x3EF57744), 1.0: (0x3F0A5140, 0x3F576AA4), 3.0: (0xBF7D7026, 0x3E1081C3),
        11.0: (0x3B910572, 0xBF7FFF5C), 96.0: (0xBE38C2C3, None), 119.0: (0x3F6DB04C, 0xBEBE28AE),
        120.0: (0x3F506E2A, 0x3F14A2EF), 131.0: (0x3F158EB5, None), 193.0: (0xBE536859, None),
        2047.0: (0x3E7FB55B, 0xBF77E3C6), 65535.0: (0x3E44F5D5, 0x3F7B3848), 0.0: (0x3F800000, 0),
    }  # fmt: skip
    for x, wanted in known.items():
        for found, bits in zip(cosine_sine(x), wanted, strict=True):
            assert bits is None or int(np.float32(found).view(np.uint32)) == bits, x
    table = angles(500, 64, 10000.0)
    theta = np.arange(500)[:, None] * 10000.0 ** (-np.arange(32) / 32)
    np.testing.assert_allclose(table[..., 0], np.cos(theta), atol=1e-4)
    np.testing.assert_allclose(table[..., 1], np.sin(theta), atol=1e-4)


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.gguf")), ids=lambda path: path.name)
def test_files_are_read_as_the_gguf_package_reads_them(path: Path) -> None:
    found, expected = read_gguf(path), oracle.GGUFReader(path)
    assert list(found.tensors) == [tensor.name for tensor in expected.tensors]
    for tensor in expected.tensors:
        ours = found.tensors[tensor.name]
        assert ours.kind == tensor.tensor_type.name
        assert ours.shape == tuple(tensor.shape[::-1])
        assert ours.data is not None
        assert ours.data.tobytes() == tensor.data.tobytes()
        values = oracle.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        assert np.array_equal(blocks.dequantise(ours.kind, ours.data).reshape(values.shape), values)
    for key, field in expected.fields.items():
        if not key.startswith("GGUF."):
            assert found.metadata[key] == field.contents()
    assert read_gguf(path.read_bytes()).tensors.keys() == found.tensors.keys()


Change = Callable[[dict[str, Any], dict[str, Any]], None]


def written(folder: Path, change: Change = lambda keys, tensors: None, architecture: str = "llama") -> Path:
    """A llama of one layer with two heads on one of keys, and no matrix of its own for the output, by gguf's own writer."""
    random = np.random.default_rng(2)

    def matrix(rows: int, width: int) -> Array:
        return random.normal(0, 0.2, (rows, width)).astype(np.float32)

    keys: dict[str, Any] = {
        "context_length": 16, "embedding_length": 64, "block_count": 1, "feed_forward_length": 96,
        "attention.head_count": 2, "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": 8, "rope.freq_base": 500.0,
    }  # fmt: skip
    shapes = {"attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64),
              "ffn_gate": (96, 64), "ffn_up": (96, 64), "ffn_down": (64, 96)}  # fmt: skip
    tensors: dict[str, Any] = {"token_embd.weight": matrix(11, 64), "output_norm.weight": np.ones(64, np.float32)}
    tensors |= {f"blk.0.{name}.weight": matrix(*shape) for name, shape in shapes.items()}
    tensors |= {f"blk.0.{name}.weight": np.ones(64, np.float32) for name in ("attn_norm", "ffn_norm")}
    change(keys, tensors)
    path = folder / "model.gguf"
    writer = oracle.GGUFWriter(path, architecture)
    for key, value in keys.items():
        add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string, bool: writer.add_bool}[
            type(value)
        ]
        add(f"{architecture}.{key}", value)
    for name, value in tensors.items():
        if isinstance(value, tuple):
            writer.add_tensor(name, value[0], raw_dtype=value[1])
        elif value.ndim == 2 and value.shape[1] % 32 == 0:
            kind = oracle.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, oracle.quantize(value, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, value)
    for write in (
        writer.write_header_to_file,
        writer.write_kv_data_to_file,
        writer.write_tensors_to_file,
        writer.close,
    ):
        write()
    return path


def test_grouped_heads_and_a_tied_output(tmp_path: Path) -> None:
    """Against a pass in float64 over the dequantised weights, as close as 8 bits of activations are."""
    path = written(tmp_path)
    tokens = np.array([3, 10, 0, 7, 7], np.int32)
    found = ml.load(path, dims={"tokens": 5}, outputs=["prompt_logits"])
    w = {name: blocks.dequantise(t.kind, t.data).astype(float) for name, t in read_gguf(path).tensors.items() if t.data is not None}  # fmt: skip
    theta = np.arange(5)[:, None] * 500.0 ** (-np.arange(4) / 4)

    def of(name: str) -> Array:
        return w[f"blk.0.{name}.weight"]

    def norm(x: Array) -> Array:
        return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5))

    def rotated(x: Array) -> Array:
        x = x.copy()
        a, b = x[..., 0:8:2].copy(), x[..., 1:8:2].copy()
        c, s = np.cos(theta)[:, None], np.sin(theta)[:, None]
        x[..., 0:8:2], x[..., 1:8:2] = a * c - b * s, a * s + b * c
        return x

    x = w["token_embd.weight"][tokens]
    h = norm(x)
    q, k = rotated((h @ of("attn_q").T).reshape(5, 2, 32)), rotated((h @ of("attn_k").T).reshape(5, 1, 32))
    v = h @ of("attn_v").T
    score = np.einsum("ihd,jd->hij", q, k[:, 0]) / np.sqrt(32)
    score[:, np.triu(np.ones((5, 5), bool), 1)] = -np.inf
    p = np.exp(score - score.max(-1, keepdims=True))
    x = x + np.einsum("hij,jd->ihd", p / p.sum(-1, keepdims=True), v).reshape(5, 64) @ of("attn_output").T
    h = norm(x)
    gate = h @ of("ffn_gate").T
    x = x + (gate / (1 + np.exp(-gate)) * (h @ of("ffn_up").T)) @ of("ffn_down").T
    logits = norm(x) @ w["token_embd.weight"].T
    np.testing.assert_allclose(found.compute(tokens)["prompt_logits"], logits, atol=0.05)
    last = ml.load(path, dims={"tokens": 5}).compute(tokens)["logits"]
    assert last.tobytes() == found.compute(tokens)["prompt_logits"][-1:].tobytes()


# -- what is refused --------------------------------------------------------------------------------------------------


def put(key: str, value: Any) -> Change:
    return lambda keys, tensors: keys.__setitem__(key, value)


def tensor(name: str, value: Any) -> Change:
    return lambda keys, tensors: tensors.__setitem__(name, value)


def less(name: str) -> Change:
    return lambda keys, tensors: keys.pop(name, None) or tensors.pop(name)


_NAN = np.full(64, np.nan, np.float32)
_BF16 = oracle.GGMLQuantizationType.BF16


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (put("expert_count", 8), UnsupportedModelError, "llama.expert_count = 8"),
        (put("rope.scaling.type", "yarn"), UnsupportedModelError, "rope.scaling.type"),
        (put("attention.causal", False), UnsupportedModelError, "causal"),
        (put("attention.head_count_kv", 3), ModelFormatError, "3 of keys"),
        (put("attention.head_count", 0), ModelFormatError, "head_count = 0"),
        (put("embedding_length", 32), ModelFormatError, "shape"),
        (put("block_count", 2), ModelFormatError, "blk.1.attn_norm.weight"),
        (put("rope.dimension_count", 7), ModelFormatError, "7 rotated"),
        (put("rope.freq_base", float("nan")), ModelFormatError, "freq_base"),
        (put("rope.freq_base", 0.5), ModelFormatError, "freq_base"),
        (put("attention.key_length", 1 << 20), ModelFormatError, "heads of 1048576"),
        (put("attention.layer_norm_rms_epsilon", -1.0), ModelFormatError, "epsilon"),
        (less("context_length"), ModelFormatError, "context_length"),
        (less("blk.0.ffn_up.weight"), ModelFormatError, "blk.0.ffn_up.weight"),
        (less("token_embd.weight"), ModelFormatError, "token_embd.weight"),
        (tensor("blk.0.attn_q.bias", np.zeros(64, np.float32)), UnsupportedModelError, "blk.0.attn_q.bias"),
        (tensor("rope_freqs.weight", np.ones(16, np.float32)), UnsupportedModelError, "rope_freqs.weight"),
        (tensor("output_norm.weight", _NAN), ModelFormatError, "NaN"),
        (tensor("blk.0.attn_q.weight", (np.zeros((64, 128), np.uint8), _BF16)), UnsupportedModelError, "BF16"),
        (tensor("output_norm.weight", np.ones(64, np.float16)), UnsupportedModelError, "expected F32"),
    ],
)  # fmt: skip
def test_what_is_refused(change: Change, error: type[ModelError], text: str, tmp_path: Path) -> None:
    """By name, and with what to do."""
    path = written(tmp_path, change)
    with pytest.raises(error, match=text) as refused:
        ml.load(path, dims={"tokens": 4})
    assert refused.value.hint


@pytest.mark.parametrize(("name", "text"), [("gpt2", "LayerNorm"), ("qwen2", "biases"), ("unheard of", "unheard of")])
def test_other_architectures_are_refused_by_name(name: str, text: str, tmp_path: Path) -> None:
    path = written(tmp_path, architecture=name)
    with pytest.raises(UnsupportedModelError, match=text):
        ml.load(path, dims={"tokens": 4})
    product = ml.load(path, outputs=["blk.0.ffn_up.weight"])
    assert product.compute(np.ones((1, 64), np.float32))["blk.0.ffn_up.weight"].shape == (1, 96)


def test_a_part_of_a_model_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    key = b"split.count"
    added = struct.pack("<Q", len(key)) + key + struct.pack("<IH", 2, 3)
    count = struct.unpack("<Q", data[16:24])[0] + 1
    # Behind the counts; what follows moves by less than the alignment, which the metadata then makes 1.
    one = b"general.alignment"
    added += struct.pack("<Q", len(one)) + one + struct.pack("<II", 4, 1)
    head = data[:16] + struct.pack("<Q", count + 1) + added
    with pytest.raises(UnsupportedModelError, match="one of 3 parts"):
        ml.load(head + data[24:], dims={"tokens": 2})


def test_what_does_not_fit_the_file() -> None:
    path, expected = llama("q8_0")
    with pytest.raises(UnsupportedModelError, match="tokens"):
        ml.load(path)
    with pytest.raises(ModelFormatError, match="129 tokens"):
        ml.load(path, dims={"tokens": 129})
    with pytest.raises(ModelFormatError, match="no axis 'batch'"):
        ml.load(path, dims={"tokens": 3, "batch": 2})
    with pytest.raises(ModelFormatError, match="computes no 'hidden'"):
        ml.load(path, dims={"tokens": 3}, outputs=["hidden"])
    with pytest.raises(ModelFormatError, match="two axes"):
        ml.load(path, outputs=["output_norm.weight"])
    with pytest.raises(UnsupportedModelError, match="at most 1,000"):
        ml.load(path, dims={"tokens": 3}, max_float_cycles=1000)
    model = ml.load(path, dims={"tokens": 3})
    with pytest.raises(ModelInputError, match=r"int32\[3\]"):
        model.compute(np.array([1, 2], np.int32))
    with pytest.raises(PlanError, match="out of range"):
        model.compute(np.array([1, 81, 2], np.int32))
    with pytest.raises(ConfigError, match="onnxruntime"):
        model.check(expected["tokens0"][None, :3])


def test_what_is_shown_of_a_model() -> None:
    model = ml.load(llama("q8_0")[0], dims={"tokens": 7})
    text = str(model)
    for part in ("tokens int32[7]", "logits float32[1, 81]", "blk.1.attn_q.weight (Q8_0)", "blk.0 (SwiGLU)", "cycles"):
        assert part in text
    macs = sum(layer.macs for layer in model.show() if "Q8_0" in layer.node)
    assert macs == 7 * 65_536 + 7 * 2 * 4_096 + (65_536 - 2 * 4_096) + 81 * 64
    other = ml.load(llama("q8_0")[0], dims={"tokens": 8})
    assert model.image_id != other.image_id
    assert model.image_id == ml.load(llama("q8_0")[0].read_bytes(), dims={"tokens": 7}).image_id


def test_a_hidden_model_computes_the_same() -> None:
    """The whole file as input of the bare interpreter; single tensors of it cannot be hidden."""
    path, expected = llama("q8_0")
    tokens = expected["tokens1"][:2]
    hidden = ml.load(path, dims={"tokens": 2}, hidden=True, output="argmax")
    found = hidden.execute(tokens).outputs["logits"]
    assert found.tolist() == ml.load(path, dims={"tokens": 2}, output="argmax").compute(tokens)["logits"].tolist()
    with pytest.raises(ConfigError, match="GGUF"):
        ml.load(path, dims={"tokens": 2}, hidden=["blk.0.*"])


def test_a_llama_in_parts() -> None:
    """A proof for each layer: their tensors lead to the same token."""
    path, expected = llama("q8_0")
    tokens = expected["tokens1"]
    chain = ml.split(path, 3, dims={"tokens": len(tokens)}, output="argmax")
    whole = chain.whole.compiled.cycles
    assert all(part.compiled.cycles < 0.5 * whole for part in chain.parts)
    runs = [stage.model.execute(stage.inputs) for stage in chain.stages(tokens)]
    assert len(runs) == 3
    assert runs[-1].outputs["logits"].tolist() == [expected["greedy1"][0]]


# -- files from strangers ---------------------------------------------------------------------------------------------


def loaded(data: bytes) -> None:
    """Read and lowered, in every way there is."""
    file = read_gguf(data)
    for name in list(file.tensors)[:3]:
        ml.load(data, outputs=[name])
    ml.load(data, dims={"tokens": 2}).compiled  # noqa: B018


@pytest.mark.parametrize("name", ["dot_q4_k", "dot_f16"])
def test_a_file_cut_short(name: str) -> None:
    data = (FOLDER / f"{name}.gguf").read_bytes()
    for length in (*range(300), *range(300, len(data), 97), len(data) - 1):
        with pytest.raises(ModelFormatError):
            read_gguf(data[:length])


def test_damaged_files_end_in_typed_errors(tmp_path: Path) -> None:
    """Bytes of header and tensors changed: an error with a hint, or a model that contradicts nothing."""
    data = written(tmp_path).read_bytes()
    source = random.Random(4)
    refused = taken = 0
    for _ in range(600):
        changed = bytearray(data)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(1500) if source.random() < 0.8 else source.randrange(len(data))
            changed[at] = source.choice([0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)])
        try:
            loaded(bytes(changed))
        except (ModelError, ConfigError) as error:
            refused += bool(error.hint)
        else:
            taken += 1
    assert refused + taken == 600
    assert refused > 200


@pytest.mark.parametrize(
    ("at", "value", "text"),
    [
        (4, struct.pack("<I", 1), "version 1"),
        (4, struct.pack(">I", 3), "version"),
        (8, struct.pack("<Q", 1 << 63), "tensors"),
        (16, struct.pack("<Q", (1 << 64) - 1), "keys"),
        (24, struct.pack("<Q", 1 << 62), "a key"),
        (24, struct.pack("<Q", 0), "type"),
    ],
)
def test_counts_that_no_file_has(at: int, value: bytes, text: str) -> None:
    """Refused at once, without the memory they ask for."""
    data = bytearray((FOLDER / "dot_q8_0.gguf").read_bytes())
    data[at : at + len(value)] = value
    tracemalloc.start()
    with pytest.raises((ModelFormatError, UnsupportedModelError), match=text):
        read_gguf(bytes(data))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_an_array_longer_than_the_file() -> None:
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9)
    for inner in (*range(13), 99):
        with pytest.raises(ModelFormatError, match="'k'"):
            read_gguf(head + struct.pack("<IQ", inner, 1 << 60))


def test_values_out_of_range_end_the_run(tmp_path: Path) -> None:
    """Weights that drive f32 out of its range: an error in the reference and in the kernels."""

    def change(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
        tensors["blk.0.attn_norm.weight"] = np.full(64, 3e38, np.float32)

    model = ml.load(written(tmp_path, change), dims={"tokens": 3})
    tokens = np.array([1, 2, 3], np.int32)
    with pytest.raises(InferenceError, match="not finite"):
        run(model.graph, {"tokens": tokens})
    with pytest.raises(PlanError, match="not finite"):
        model.compute(tokens)


def test_every_operation_is_in_a_llama() -> None:
    graph = ml.load(llama("q4_k_m")[0], dims={"tokens": 2}).graph
    kinds = {type(op) for op in graph}
    assert {ops.GgmlProduct, ops.GgmlNorm, ops.GgmlRope, ops.GgmlAttention, ops.GgmlSwiglu} <= kinds
    assert {op.kind for op in graph if isinstance(op, ops.GgmlProduct)} == {"Q8_0", "Q5_0", "Q4_K", "Q6_K"}
