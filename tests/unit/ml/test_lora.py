"""Adapters: what is read and what is refused, merges bit for bit as loralib and PEFT make them, hidden adapters."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors
from onnx import TensorProto, helper, numpy_helper

from zkhost import ml
from zkhost.errors import (
    ConfigError,
    DigestMismatchError,
    ModelError,
    ModelFormatError,
    ModelMismatchError,
    UnsupportedModelError,
)
from zkhost.ml import lora
from zkhost.ml.graph import Array
from zkhost.ml.read.safetensors_file import write_safetensors
from zkhost.ml.read.state import read_state
from zkhost.ml.read.stored import State, stored

DATA = Path(__file__).with_name("lora")
PEFT = DATA / "peft_adapter"
BASE = DATA / "base.safetensors"


def arrays(path: Path) -> dict[str, Array]:
    return {name: tensor.floats(name) for name, tensor in read_state(path).items()}


@pytest.fixture(scope="module")
def adapter() -> lora.Adapter:
    return lora.read(PEFT)


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["adapter.loralib.pt", "adapter.loralib.safetensors"])
def test_loralib_and_peft_hold_the_same(file: str, adapter: lora.Adapter) -> None:
    for source in (DATA / file, (DATA / file).read_bytes(), arrays(DATA / file)):
        found = lora.read(source, alpha=8)
        assert [module.name for module in found.modules] == ["fc1", "fc2"]
        for one, other in zip(found.modules, adapter.modules, strict=True):
            assert one.a.tobytes() == other.a.tobytes()
            assert one.b.tobytes() == other.b.tobytes()
            assert (one.rank, one.scaling()) == (other.rank, other.scaling()) == (4, 2.0)


def test_a_state_dict_of_a_module() -> None:
    """An OrderedDict, with the versions of its modules beside it."""
    assert read_state(DATA / "base.pt") == read_state(BASE)


def test_the_scaling() -> None:
    a, b = np.ones((9, 3), np.float32), np.ones((5, 9), np.float32)
    given = {"x.lora_A": a, "x.lora_B": b}
    assert lora.read(given, alpha=3).module("x").scaling() == np.float32(3 / 9)
    assert lora.read(given, alpha=3, rslora=True).module("x").scaling() == 1.0


def peft(folder: Path, tensors: dict[str, Array] | None = None, **config: Any) -> Path:
    """A copy of the adapter of PEFT with fields of its config changed, and other tensors."""
    fields = json.loads((PEFT / "adapter_config.json").read_text()) | config
    (folder / "adapter_config.json").write_text(json.dumps(fields))
    if tensors is None:
        (folder / "adapter_model.safetensors").write_bytes((PEFT / "adapter_model.safetensors").read_bytes())
    else:
        write_safetensors(
            {name: stored(array, "f32") for name, array in tensors.items()}, folder / "adapter_model.safetensors"
        )
    return folder


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_dora", True),
        ("bias", "all"),
        ("bias", "lora_only"),
        ("lora_bias", True),
        ("rank_pattern", {"fc1": 8}),
        ("alpha_pattern", {"fc1": 8}),
        ("modules_to_save", ["fc2"]),
        ("layers_to_transform", [0]),
        ("layer_replication", [[0, 1]]),
        ("trainable_token_indices", [1]),
        ("target_parameters", ["weight"]),
        ("use_qalora", True),
        ("init_lora_weights", "pissa"),
        ("peft_type", "LOHA"),
        ("peft_type", None),
        ("something_new", 1),
    ],
)
def test_other_than_plain_lora_is_refused_by_name(field: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match=f"adapter_config.json: {field} is ") as caught:
        lora.read(peft(tmp_path, **{field: value}))
    assert repr(value) in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [("r", 0), ("r", "4"), ("r", True), ("lora_alpha", None), ("lora_alpha", 10**400), ("use_rslora", "no"), ("r", 8)],
)
def test_a_config_that_contradicts_itself(field: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"r =|r is|lora_alpha|use_rslora"):
        lora.read(peft(tmp_path, **{field: value}))


def test_rslora_of_peft(tmp_path: Path) -> None:
    assert lora.read(peft(tmp_path, use_rslora=True)).module("fc1").scaling() == 4.0


def test_a_folder_that_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"adapter_config\.json is missing"):
        lora.read(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ModelFormatError, match=r"adapter_model\.safetensors is missing"):
        lora.read(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelFormatError, match="no JSON"):
        lora.read(tmp_path)
    (tmp_path / "adapter_config.json").write_text("[" * 100_000)
    with pytest.raises(ModelFormatError, match="no JSON"):
        lora.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("base_model.model.fc1.lora_magnitude_vector.weight", "use_dora"),
        ("base_model.model.fc1.bias", "bias"),
        ("base_model.model.fc1.lora_B.bias", "bias"),
        ("base_model.model.modules_to_save.fc2.weight", "weights of another base"),
        ("something", "A and B alone"),
    ],
)
def test_other_tensors_of_an_adapter_are_refused_by_name(name: str, hint: str, tmp_path: Path) -> None:
    tensors = arrays(PEFT / "adapter_model.safetensors") | {name: np.zeros(4, np.float32)}
    with pytest.raises(UnsupportedModelError, match=name) as caught:
        lora.read(peft(tmp_path, tensors))
    assert hint in str(caught.value.hint)


def test_embeddings_and_convolutions_of_peft(tmp_path: Path) -> None:
    prefix, random = "base_model.model", np.random.default_rng(1)
    tensors = {
        f"{prefix}.embed.lora_embedding_A": (4, 50),
        f"{prefix}.embed.lora_embedding_B": (16, 4),
        f"{prefix}.conv.lora_A.weight": (4, 3, 3, 3),
        f"{prefix}.conv.lora_B.weight": (8, 4, 1, 1),
    }
    values = {name: random.normal(size=shape).astype(np.float32) for name, shape in tensors.items()}
    found = lora.read(peft(tmp_path, values))
    assert [(m.name, m.kind, m.a.shape, m.b.shape) for m in found.modules] == [
        ("conv", "conv2d", (4, 27), (8, 4)),
        ("embed", "embedding", (4, 50), (16, 4)),
    ]
    base = {"embed.weight": np.zeros((50, 16), np.float32), "conv.weight": np.zeros((8, 3, 3, 3), np.float32)}
    merged = lora.merge(base, found).compute()
    a, b = values[f"{prefix}.conv.lora_A.weight"], values[f"{prefix}.conv.lora_B.weight"]
    assert np.allclose(merged["conv.weight"], 2 * np.einsum("or,rikl->oikl", b[:, :, 0, 0], a), atol=1e-5)
    assert np.allclose(merged["embed.weight"], 2 * (found.module("embed").b @ found.module("embed").a).T, atol=1e-5)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 5)])
def test_a_convolution_is_merged_by_pefts_formula(kernel: tuple[int, int], tmp_path: Path) -> None:
    """peft/tuners/lora/layer.py, `_ConvNd.get_delta_weight` (0.21.2): for a kernel of 1 x 1 (B.squeeze() @ A.squeeze()) * scaling,
    for others conv2d(A.transpose(0, 1), B).transpose(0, 1) * scaling; then `merge` adds it to the weight. In f64 here, from which a sum
    of r products in f32 is r + 2 roundings away."""
    rank, outputs, inputs, random = 4, 6, 5, np.random.default_rng(2)
    a = random.normal(size=(rank, inputs, *kernel)).astype(np.float32)
    b = random.normal(size=(outputs, rank, 1, 1)).astype(np.float32)
    base = random.normal(size=(outputs, inputs, *kernel)).astype(np.float32)
    prefix = "base_model.model.conv"
    found = lora.read(peft(tmp_path, {f"{prefix}.lora_A.weight": a, f"{prefix}.lora_B.weight": b}))
    merged = lora.merge({"conv.weight": base}, found).compute()["conv.weight"]

    def convolved(x: Any, weight: Any) -> Any:
        """conv2d of a kernel of 1 x 1: (images, channels, rows, columns), (outputs, channels, 1, 1)."""
        return np.stack([sum(x[:, k] * w[k, 0, 0] for k in range(x.shape[1])) for w in weight], axis=1)

    exact_a, exact_b = a.astype(np.float64), b.astype(np.float64)
    if kernel == (1, 1):
        delta = (exact_b[:, :, 0, 0] @ exact_a[:, :, 0, 0])[..., np.newaxis, np.newaxis]
    else:
        delta = convolved(exact_a.transpose(1, 0, 2, 3), exact_b).transpose(1, 0, 2, 3)
    size = np.abs(base) + 2 * np.einsum("or,rikl->oikl", np.abs(exact_b[:, :, 0, 0]), np.abs(exact_a))
    assert merged.shape == base.shape
    assert (np.abs(merged - (base + 2 * delta)) <= (rank + 2) * 2.0**-24 * size).all()


def ab(a: tuple[int, ...], b: tuple[int, ...]) -> dict[str, Array]:
    return {"x.lora_A": np.ones(a, np.float32), "x.lora_B": np.ones(b, np.float32)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (ab((4, 10), (6, 5)), "of different ranks"),
        (ab((6, 4), (4, 10)), "A and B are swapped"),
        (ab((8, 10), (6, 4)), "needs enable_lora"),
        (ab((4,), (6, 4)), "expected matrices"),
        (ab((0, 10), (6, 0)), "expected matrices"),
        ({"x.lora_A": np.ones((4, 10), np.float32)}, "lora_A alone"),
        ({}, "no tensors"),
        ({**ab((4, 10), (6, 4)), "x.lora_A": np.full((4, 10), np.nan, np.float32)}, "NaN"),
    ],
)
def test_a_and_b_that_do_not_fit(given: dict[str, Array], message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        lora.read(given, alpha=8)


def test_options_that_do_not_fit() -> None:
    given = ab((4, 10), (6, 4))
    for options, message in [
        ({}, "lora_alpha"),
        ({"alpha": 0}, "scaling"),
        ({"alpha": float("nan")}, "scaling"),
        ({"alpha": 8, "fan_in_fan_out": ["y"]}, "'y'"),
        ({"alpha": 8, "enable_lora": {"y": [True]}}, "'y'"),
        ({"alpha": 8, "enable_lora": {"x": [False]}}, "enables nothing"),
    ]:
        with pytest.raises(ConfigError, match=message):
            lora.read(given, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"adapter_config\.json"):
        lora.read(PEFT, alpha=8)
    with pytest.raises(ConfigError, match="give the folder"):
        lora.read(PEFT / "adapter_model.safetensors", alpha=8)
    with pytest.raises(UnsupportedModelError, match="float64"):
        lora.read({"x.lora_A": np.ones((1, 1))}, alpha=8)


# -- files of strangers -----------------------------------------------------------------------------------------------


def archive(pickled: bytes, **entries: bytes) -> bytes:
    """A .pt with this pickle."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        made.writestr("a/data.pkl", pickled)
        made.writestr("a/byteorder", entries.pop("byteorder", b"little"))
        for name, data in entries.items():
            made.writestr(f"a/data/{name}", data)
    return out.getvalue()


class Call:
    """Pickles as a call of something."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("place", ["value", "whole", "key"])
def test_a_pickle_runs_nothing(protocol: int, place: str, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    call = Call(Path.touch, witness)
    hostile = {"value": {"x.lora_A": call}, "whole": call, "key": {call: 1}}[place]
    with pytest.raises(ModelError, match="state dict"):
        read_state(archive(pickle.dumps(hostile, protocol)))
    assert not witness.exists()


TENSOR = (
    b"\x80\x02}q\x00(X\x01\x00\x00\x00wq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03ctorch\n"
    b"FloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x06tq\x07QK%(offset)cK%(rows)cK%(columns)c\x86q\x08K%(stride)c"
    b"K\x01\x86q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0du."
)


def tensor(*, offset: int = 0, rows: int = 2, columns: int = 3, stride: int = 3) -> bytes:
    numbers = {b"offset": offset, b"rows": rows, b"columns": columns, b"stride": stride}
    return TENSOR % {key: bytes([value]) for key, value in numbers.items()}


NESTED = b"K\x01\x85" + b"q\x00h\x00\x86" * 200
"""A tuple of two of itself, two hundred times: nothing may walk through it."""
SIX = np.arange(6, dtype=np.float32).tobytes()


def test_tensors_of_storages() -> None:
    assert read_state(archive(tensor(), **{"0": SIX}))["w"].floats("w").tolist() == [[0, 1, 2], [3, 4, 5]]
    turned = read_state(archive(tensor(rows=2, columns=2, stride=2, offset=1), **{"0": SIX}))["w"]
    assert turned.floats("w").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive(tensor(offset=1), **{"0": SIX}), "does not lie within"),
        (archive(tensor(stride=200), **{"0": SIX}), "does not lie within"),
        (archive(tensor(rows=200), **{"0": SIX}), "does not lie within"),
        (archive(tensor(), **{"0": SIX[:-1]}), "23 bytes"),
        (archive(tensor()), "no entry 'data/0'"),
        (archive(tensor(), byteorder=b"big", **{"0": SIX}), "big-endian"),
        (archive(tensor()[:-20], **{"0": SIX}), "pickle|state dict"),
        (archive(b"", **{"0": SIX}), "state dict"),
        (archive(tensor().replace(b"FloatStorage", b"QInt8Storage"), **{"0": SIX}), "QInt8Storage"),
        (archive(tensor().replace(b"_rebuild_tensor_v2", b"_rebuild_sparse_ten"), **{"0": SIX}), "_rebuild_sparse_ten"),
        (archive(tensor().replace(b"X\x01\x00\x00\x000q", b"X\x01\x00\x00\x00/q"), **{"0": SIX}), "storage"),
        (archive(pickle.dumps({"epoch": 3}, 2)), "'epoch', which is no tensor"),
        (archive(pickle.dumps([1], 2)), "EMPTY_LIST"),
        (archive(b"\x80\x02(" * 1000), "PROTO|state dict"),
        (archive(b"\x80\x02}R."), "breaks off at REDUCE"),
        (archive(b"\x80\x02r\xff\xff\xff\x7f."), "breaks off"),
        (archive(tensor().replace(b"K\x02K\x03\x86q\x08", b"(" + b"K\x01" * 100_000 + b"tq\x08"), **{"0": SIX}), "shape is none"),
        (archive(b"\x80\x02K\x01" + b"\x85q\x00h\x00\x86" * 1000 + b"Q."), "no storage"),
        (archive(b"\x80\x02X\x07\x00\x00\x00storage" + NESTED + b"K\x01K\x01K\x01tQ."), "no known kind|breaks off"),
        (archive(b"\x80\x02" + b"K\x01" * 200_000 + b"(t0" * 200_000 + b"."), "opcode POP|state dict"),
        (b"PK\x03\x04" + bytes(100), "state dict"),
        (pickle.dumps({}, 2), "before 1.6"),
        (b"", "neither safetensors nor"),
        (b"\xff" * 8 + b"{", "safetensors"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "safetensors"),
        (b"GGUF", "GGUF"),
    ],
)  # fmt: skip
def test_damaged_files(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_state(data)


def test_every_cut_and_many_changes_of_a_file_are_refused_or_read() -> None:
    """Never anything but a typed error; a change of a weight's byte is found by the archive's checksum."""
    whole = (DATA / "adapter.loralib.pt").read_bytes()
    for end in range(0, len(whole), 97):
        with pytest.raises(ModelError):
            read_state(whole[:end])
    random = np.random.default_rng(5)
    for _ in range(400):
        changed = bytearray(whole)
        changed[int(random.integers(len(whole)))] ^= 1 << int(random.integers(8))
        try:
            found = read_state(bytes(changed))
        except ModelError:
            continue
        assert all(len(tensor.data) == 4 * np.prod(tensor.shape) for tensor in found.values())
    safe = (DATA / "adapter.loralib.safetensors").read_bytes()
    for end in range(0, len(safe), 97):
        with pytest.raises(ModelError):
            read_state(safe[:end])


def test_a_compressed_archive_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/data.pkl", bytes(100 << 20))
    with pytest.raises(ModelFormatError, match="compressed"):
        read_state(out.getvalue())


def test_the_opcodes_of_real_files_are_those_that_are_known() -> None:
    """The pickle above is what torch writes: byte for byte the same kind of program."""
    with zipfile.ZipFile(DATA / "adapter.loralib.pt") as made:
        real = {op.name for op, _, _ in pickletools.genops(made.read("adapter.loralib/data.pkl"))}
    assert real <= {op.name for op, _, _ in pickletools.genops(tensor())} | {"BINGET", "BININT1", "BININT2"}


def test_what_is_written_other_readers_read(tmp_path: Path) -> None:
    state: State = {
        "a": stored(np.arange(3, dtype=np.float32), "f32"),
        "b": stored(np.arange(4, dtype=np.float32), "f16"),
        "c": stored(np.array([[1.5], [-2.0]], np.float32), "bf16"),
    }
    write_safetensors(state, tmp_path / "x.safetensors")
    assert read_state(tmp_path / "x.safetensors") == state
    with safetensors.safe_open(tmp_path / "x.safetensors", framework="numpy") as file:
        assert sorted(file.keys()) == ["a", "b", "c"]
        assert file.metadata() == {"format": "pt"}
        assert file.get_tensor("b").tolist() == [0, 1, 2, 3]
    assert state["c"].floats("c").tolist() == [[1.5], [-2.0]]


# -- merging ----------------------------------------------------------------------------------------------------------


def test_a_merge_has_the_bits_of_loralib_and_peft(adapter: lora.Adapter, tmp_path: Path) -> None:
    """0 of 4,736 weights differ, and what the adapter does not touch is as it was."""
    lora.merge(BASE, adapter).save(tmp_path / "merged.safetensors")
    found, wanted = read_state(tmp_path / "merged.safetensors"), read_state(DATA / "merged.peft.safetensors")
    assert found == wanted
    assert found["fc1.weight"] != read_state(BASE)["fc1.weight"]


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_half_precision_as_peft_merges(kind: str, adapter: lora.Adapter) -> None:
    precision: Any = kind
    base = {name: stored(ml_rounded(array, kind), precision) for name, array in arrays(BASE).items()}
    path = DATA / f"merged.peft_{kind}.safetensors"
    assert merge_state(base, adapter) == read_state(path)


def ml_rounded(array: Array, kind: Any) -> Array:
    from zkhost.ml.reference.merge import rounded

    return rounded(array, kind)


def merge_state(base: State, adapter: lora.Adapter) -> State:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_safetensors(base, Path(folder) / "base.safetensors")
        return lora.merge(Path(folder) / "base.safetensors", adapter).state()


LAYERS: dict[str, dict[str, Any]] = {
    "embedding": {"alpha": 8, "fan_in_fan_out": True},
    "conv2d": {"alpha": 4},
    "merged_linear": {"alpha": 8, "enable_lora": {"": [True, False, True]}},
    "merged_linear_fan_in_fan_out": {"alpha": 16, "fan_in_fan_out": True, "enable_lora": {"": [True, True, False]}},
    "linear_fan_in_fan_out": {"alpha": 6, "fan_in_fan_out": [""]},
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_loralib(name: str) -> None:
    with np.load(DATA / f"{name}.npz") as data:
        layer = {key: data[key] for key in data}
    found = lora.read({key: layer[key] for key in ("lora_A", "lora_B")}, **LAYERS[name])
    base = {key: layer[key] for key in ("weight", "conv.weight", "bias", "conv.bias") if key in layer}
    ((key, merged),) = lora.merge(base, found).compute().items()
    assert merged.tobytes() == layer["merged_weight"].tobytes()
    assert key.endswith("weight")


def test_without_an_adapter_there_is_nothing_to_merge() -> None:
    """loralib's r = 0: a plain layer, whose state dict has no A and B."""
    with np.load(DATA / "linear_r0.npz") as data:
        assert not any("lora" in key for key in data)
    with pytest.raises(ModelFormatError, match="no tensors"):
        lora.read({}, alpha=1)


@pytest.mark.parametrize(
    ("shape", "options", "hint"),
    [
        ((6, 11), {}, "another model's"),
        ((10, 6), {}, "fan_in_fan_out"),
        ((6, 10), {"fan_in_fan_out": True}, "fan_in_fan_out"),
        ((6, 10, 1), {}, "another model's"),
        ((6, 5, 2, 3), {}, "square kernels"),
    ],
)
def test_weights_of_other_shapes_are_refused(shape: tuple[int, ...], options: dict[str, Any], hint: str) -> None:
    found = lora.read(ab((4, 10), (6, 4)), alpha=8, **options)
    with pytest.raises(ModelFormatError, match="has the shape") as caught:
        lora.merge({"x.weight": np.zeros(shape, np.float32)}, found)
    assert hint in str(caught.value.hint)


def test_bases_that_do_not_fit(adapter: lora.Adapter) -> None:
    with pytest.raises(ModelFormatError, match=r"no fc1\.weight"):
        lora.merge({"other.weight": np.zeros((2, 2), np.float32)}, adapter)
    with pytest.raises(ModelFormatError, match="both"):
        lora.merge(arrays(BASE) | {"fc1.conv.weight": np.zeros((2, 2), np.float32)}, adapter)
    with pytest.raises(UnsupportedModelError, match="float64"):
        lora.merge({"fc1.weight": np.zeros((64, 64))}, adapter)
    with pytest.raises(ConfigError, match="no module 'fc3'"):
        lora.merge(BASE, adapter, modules=["fc3"])
    for options in (
        {"base_in": "disk"},
        {"adapter_in": ""},
        {"merged": "all"},
        {"salts": {"fc1.weight": bytes(32)}},
        {"salt": b""},
    ):
        with pytest.raises(ConfigError):
            lora.merge(BASE, adapter, **options)


def test_one_module_alone(adapter: lora.Adapter) -> None:
    merge = lora.merge(BASE, adapter, modules=["fc2"])
    wanted = arrays(DATA / "merged.peft.safetensors")
    assert list(merge.compute()) == ["fc2.weight"]
    assert merge.compute()["fc2.weight"].tobytes() == wanted["fc2.weight"].tobytes()
    assert merge.state()["fc1.weight"] == read_state(BASE)["fc1.weight"]


SALTS = {
    name: bytes([place]) * 32
    for place, name in enumerate(["fc2.weight", "fc2.lora_A", "fc2.lora_B", "merged.fc2.weight"])
}


def changed(adapter: lora.Adapter, **values: Any) -> lora.Adapter:
    """The adapter with fields of fc2 replaced."""
    import dataclasses

    modules = tuple(dataclasses.replace(m, **values) if m.name == "fc2" else m for m in adapter.modules)
    return dataclasses.replace(adapter, modules=modules)


def test_what_the_image_id_commits_to(adapter: lora.Adapter) -> None:
    def image_id(of: lora.Adapter = adapter, base: Any = BASE, **options: Any) -> str:
        return str(lora.merge(base, of, modules=["fc2"], **options).image_id)

    module = adapter.module("fc2")
    other_base = arrays(BASE) | {"fc2.weight": np.ones((10, 64), np.float32)}
    first = image_id()
    assert image_id(adapter.outline()) == first  # hashed values are not in it
    assert image_id(changed(adapter, alpha=16.0)) != first
    assert image_id(changed(adapter, rslora=True)) != first
    assert image_id(base=other_base) != first
    assert image_id(base=other_base, base_in="hashed") == image_id(base_in="hashed")
    assert image_id(adapter_in="image") != image_id(changed(adapter, a=module.a + 1), adapter_in="image")
    assert (
        len({image_id(base_in=a, adapter_in=b, merged=c) for a in PLACES for b in PLACES for c in ("public", "hashed")})
        == 32
    )
    assert image_id(salt=bytes(32)) != first


SALTS_OF_FC2 = {name: salt for name, salt in SALTS.items() if name != "fc2.weight"}
PLACES = ("image", "public", "hashed", "private")


def test_a_journal_opens_with_its_salts(adapter: lora.Adapter) -> None:
    """By the values, and by digests of whoever published them; another adapter, or A and B exchanged, under them is found."""
    options: Any = {"modules": ["fc2"], "base_in": "hashed", "merged": "hashed"}
    merge = lora.merge(BASE, adapter, salts=SALTS, **options)
    journal = merge.model.run(_given(merge)).journal
    found = merge.model.decode_journal(journal)
    module = adapter.module("fc2")
    assert found.digests["fc2.lora_A"] == ml.tensor_digest(module.a, SALTS["fc2.lora_A"])
    assert found.digests["merged.fc2.weight"] == ml.tensor_digest(
        arrays(DATA / "merged.peft.safetensors")["fc2.weight"], SALTS["merged.fc2.weight"]
    )
    assert not found.outputs
    assert not found.inputs
    for other in (changed(adapter, a=module.a + 1), changed(adapter, b=-module.b)):
        with pytest.raises(DigestMismatchError, match=r"fc2\.lora_[AB]"):
            lora.merge(BASE, other, salts=SALTS, **options).model.decode_journal(journal)
    with pytest.raises(DigestMismatchError, match=r"fc2\.weight"):
        lora.merge(
            arrays(BASE) | {"fc2.weight": np.ones((10, 64), np.float32)}, adapter, salts=SALTS, **options
        ).model.decode_journal(journal)
    outline = lora.merge(BASE, adapter.outline(), salts={k: SALTS[k] for k in ("fc2.weight",)}, **options)
    assert outline.image_id == merge.image_id
    assert outline.model.decode_journal(journal).digests == found.digests


def _given(merge: lora.Merge) -> bytes:
    from zkhost.ml import guest_input

    model = merge.model
    salts = {name: model.options.salts[name] for name, mode in model.modes.items() if mode == "hashed"}
    given: bytes = guest_input.inference(model.graph, model.modes, model.graph_weights, [{}], salts)
    return given


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["f32", "f16"])
def test_the_guest_merges_as_the_kernels_do(kind: Any, adapter: lora.Adapter) -> None:
    base = {name: stored(ml_rounded(array, kind), kind).floats(name) for name, array in arrays(BASE).items()}
    given = {name: array.astype(np.float16) if kind == "f16" else array for name, array in base.items()}
    merge = lora.merge(given, adapter, base_in="public")
    run = merge.execute()
    for name, array in merge.compute().items():
        assert run.outputs[f"merged.{name}"].tobytes() == array.tobytes()
    assert abs(merge.model.compiled.cycles / run.user_cycles - 1) < 0.15


def test_a_merge_and_a_model_are_bound_by_a_digest(adapter: lora.Adapter) -> None:
    """The merged weight that one proof commits to is the hidden weight of another, under the same salt."""
    merge = lora.merge(BASE, adapter, modules=["fc2"], merged="hashed", salts=SALTS_OF_FC2)
    found = merge.model.decode_journal(merge.model.run(_given(merge)).journal)
    merged = network()
    merged.graph.initializer[1].CopyFrom(numpy_helper.from_array(merge.compute()["fc2.weight"], "fc2.weight"))
    salt = SALTS_OF_FC2["merged.fc2.weight"]
    model = ml.load(merged, hidden=["fc2.weight"], salts={"fc2.weight": salt})
    x = np.load(DATA / "io.npz")["x"][:1]
    digests = model.decode_journal(model._prepared(x).journal).digests
    assert digests["fc2.weight"] == found.digests["merged.fc2.weight"]


# -- a hidden adapter -------------------------------------------------------------------------------------------------


def network(
    inputs: int = 64, *, names: tuple[str, str] = ("fc1.weight", "fc2.weight"), form: str = "gemm"
) -> onnx.ModelProto:
    """The digits MLP as PyTorch exports it, from the base's weights."""
    base = arrays(BASE)
    weights = [base["fc1.weight"], base["fc2.weight"]]
    if form == "matmul":
        weights = [weight.T for weight in weights]
    initialisers = [
        numpy_helper.from_array(np.ascontiguousarray(w), name) for w, name in zip(weights, names, strict=True)
    ]
    initialisers += [numpy_helper.from_array(base[name], name) for name in ("fc1.bias", "fc2.bias")]

    def linear(x: str, place: int, y: str) -> list[onnx.NodeProto]:
        bias = f"fc{place + 1}.bias"
        if form == "matmul":
            product = helper.make_node("MatMul", [x, names[place]], [f"{y}.product"], name=f"/fc{place + 1}/MatMul")
            return [product, helper.make_node("Add", [bias, f"{y}.product"], [y], name=f"/fc{place + 1}/Add")]
        return [helper.make_node("Gemm", [x, names[place], bias], [y], name=f"/fc{place + 1}/Gemm", transB=1)]

    nodes = [*linear("x", 0, "h"), helper.make_node("Relu", ["h"], ["r"], name="/Relu"), *linear("r", 1, "logits")]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("x", inputs), ("logits", 10))
    ]
    graph = helper.make_graph(nodes, "mlp", ports[:1], ports[1:], initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("form", ["gemm", "matmul"])
def test_a_model_with_an_adapter_computes_what_loralib_does(form: str, adapter: lora.Adapter) -> None:
    model = lora.load(network(form=form), adapter)
    with np.load(DATA / "io.npz") as data:
        x, wanted, base = data["x"], data["unmerged"], data["base"]
    assert set(model.weights) == {"fc1.lora_A", "fc1.lora_B", "fc2.lora_A", "fc2.lora_B"}
    for row, logits, before in list(zip(x, wanted, base, strict=True))[:10]:
        found = model.compute(row[None])["logits"][0]
        assert np.abs(found - logits).max() < 2e-5
        assert np.abs(found - before).max() > 0.1
    report = model.check(x[:5, None])
    assert report.largest < 2e-5


def test_the_base_alone_is_in_the_image(adapter: lora.Adapter) -> None:
    model = lora.load(network(), adapter)
    assert lora.load(network(), adapter.outline()).image_id == model.image_id
    assert lora.load(network(), changed(adapter, alpha=4.0)).image_id != model.image_id
    assert lora.load(network(), adapter, adapter_in="image").image_id != model.image_id
    assert model.modes["fc1.lora_A"] == "hashed"
    assert lora.load(network(), adapter, adapter_in="private").modes["fc1.lora_A"] == "private"
    other = network()
    other.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((64, 64), np.float32), "fc1.weight"))
    assert lora.load(other, adapter).image_id != model.image_id


def test_an_int8_base_with_an_adapter_in_f32(adapter: lora.Adapter, tmp_path: Path) -> None:
    """The base quantised by onnxruntime, the adapter beside it: right where the base alone is wrong."""
    with np.load(DATA / "io.npz") as data:
        x, labels = data["x"], data["labels"]
    # Calibrated on what the adapted model sees: its own merged form.
    merged = arrays(DATA / "merged.peft.safetensors")
    proto = network()
    for place, name in enumerate(("fc1.weight", "fc2.weight")):
        proto.graph.initializer[place].CopyFrom(numpy_helper.from_array(merged[name], name))
    onnx.save(proto, tmp_path / "f32.onnx")
    ml.quantize(tmp_path / "f32.onnx", x[:50, None], tmp_path / "int8.onnx")
    loaded = onnx.load(tmp_path / "int8.onnx")
    double = lora.load(loaded, changed_scale(adapter, 1e-6))
    plain = ml.load(tmp_path / "int8.onnx")
    hits = [
        int(double.compute(row[None])["logits"].argmax() == plain.compute(row[None])["logits"].argmax())
        for row in x[:20]
    ]
    assert sum(hits) == 20  # a tiny adapter changes nothing
    full = lora.load(loaded, adapter)
    differing = [np.abs(full.compute(row[None])["logits"] - plain.compute(row[None])["logits"]).max() for row in x[:5]]
    assert min(differing) > 0.1
    assert full.check(x[:10, None]).largest < 0.5
    assert len(labels) == len(x)


def changed_scale(adapter: lora.Adapter, factor: float) -> lora.Adapter:
    import dataclasses

    return dataclasses.replace(
        adapter, modules=tuple(dataclasses.replace(m, alpha=m.alpha * factor) for m in adapter.modules)
    )


def test_layers_are_found_by_name_or_refused(adapter: lora.Adapter) -> None:
    assert lora.load(network(names=("model.fc1.weight", "model.fc2.weight")), adapter).weights
    lost = network(names=("onnx::MatMul_7", "fc2.weight"), form="matmul")
    with pytest.raises(ModelFormatError, match=r"no weight named 'fc1\.weight'") as caught:
        lora.load(lost, adapter)
    assert "onnx::MatMul_7 [64, 64]" in str(caught.value.hint)
    assert lora.load(lost, adapter, weights={"fc1": "onnx::MatMul_7"}).weights
    twice = network(names=("a.fc1.weight", "fc2.weight"))
    twice.graph.initializer.append(numpy_helper.from_array(np.zeros((64, 64), np.float32), "b.fc1.weight"))
    with pytest.raises(ModelFormatError, match="several weights"):
        lora.load(twice, adapter)
    with pytest.raises(ConfigError, match="fc9"):
        lora.load(network(), adapter, weights={"fc9": "x"})
    with pytest.raises(ConfigError, match="adapter_in"):
        lora.load(network(), adapter, adapter_in="x")  # type: ignore[arg-type]


def test_layers_that_cannot_be_adapted_are_refused(adapter: lora.Adapter) -> None:
    swapped = network(names=("fc2.weight", "fc1.weight"))
    with pytest.raises(ModelFormatError, match="has the shape"):
        lora.load(swapped, adapter)
    shared = network()
    shared.graph.node.append(helper.make_node("Identity", ["fc1.weight"], ["other"], name="again"))
    with pytest.raises(ModelFormatError, match="read by 2 nodes"):
        lora.load(shared, adapter)
    relu = network()
    relu.graph.node.insert(0, helper.make_node("Relu", ["fc1.weight"], ["fc1.relu"], name="odd"))
    relu.graph.node[1].input[1] = "fc1.relu"
    with pytest.raises(UnsupportedModelError, match="odd \\(Relu\\)"):
        lora.load(relu, adapter)
    with pytest.raises(UnsupportedModelError, match="groups of outputs"):
        lora.load(network(), changed(adapter, enable=(True, False)))
    with pytest.raises(UnsupportedModelError, match="a conv2d"):
        lora.load(network(), changed(adapter, kind="conv2d"))


def test_a_merged_model_that_is_another_is_refused(adapter: lora.Adapter) -> None:
    merge = lora.merge(BASE, adapter, modules=["fc2"])
    found = merge.model.decode_journal(
        merge.model.run(_given(lora.merge(BASE, adapter, modules=["fc2"], salts=_hashed()))).journal
    )
    good = arrays(DATA / "merged.peft.safetensors")
    merge._check_merged(found, read_state(DATA / "merged.peft.safetensors"))
    bad = good["fc2.weight"].copy()
    bad[3, 3] = np.nextafter(bad[3, 3], np.float32(9))
    with pytest.raises(ModelMismatchError, match=r"1 of 640 numbers of 'fc2\.weight'"):
        merge._check_merged(found, {"fc2.weight": stored(bad, "f32")})
    with pytest.raises(ModelMismatchError, match="no 'fc2"):
        merge._check_merged(found, {})


def _hashed() -> dict[str, bytes]:
    return {name: SALTS[name] for name in ("fc2.lora_A", "fc2.lora_B")}
