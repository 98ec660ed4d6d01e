"""Real proofs of adapters: a merge, and a model with a hidden one; with what must not verify."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.ml.test_lora import BASE, DATA, PEFT, arrays, network
from zkhost import Receipt, ml
from zkhost.errors import DigestMismatchError, ImageIDMismatchError, JournalMismatchError, ModelMismatchError
from zkhost.ml import lora
from zkhost.ml.read.state import read_state

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def adapter() -> lora.Adapter:
    return lora.read(PEFT)


def changed(adapter: lora.Adapter, **values: Any) -> lora.Adapter:
    """The adapter with fields of all its modules replaced; `a` and `b` are functions of the old values."""

    def of(module: lora.LoraModule) -> lora.LoraModule:
        made = {name: value(getattr(module, name)) if callable(value) else value for name, value in values.items()}
        return dataclasses.replace(module, **made)

    return dataclasses.replace(adapter, modules=tuple(map(of, adapter.modules)))


def with_journal(receipt: Receipt, old: bytes, new: bytes) -> Receipt:
    """The receipt with a part of its journal replaced, as a forger would."""
    data = receipt.journal.bytes
    assert old in data
    form = json.loads(receipt.to_bytes("json"))
    form["journal"]["bytes"] = list(data.replace(old, new))
    return Receipt.from_bytes(json.dumps(form).encode(), "json")


def test_a_merge(adapter: lora.Adapter, tmp_path: Path) -> None:
    """W' of the second layer, of a base in the image and a hashed adapter. Another alpha, A and B exchanged, another adapter,
    another base and another result are found.
    """
    options: Any = {"modules": ["fc2"]}
    merge = lora.merge(BASE, adapter, **options)
    merge.save(tmp_path / "merged.safetensors")
    proof = merge.prove().verify()
    wanted = arrays(DATA / "merged.peft.safetensors")["fc2.weight"]
    assert proof.outputs["merged.fc2.weight"].tobytes() == wanted.tobytes()
    proof.receipt.dump(tmp_path / "merge.zkr")

    def verify(of: lora.Adapter = adapter, base: Any = BASE, **more: Any) -> Any:
        return lora.verify_merge(tmp_path / "merge.zkr", base, of, **{**options, "salts": proof.salts, **more})

    found = verify(merged_model=tmp_path / "merged.safetensors")
    module = adapter.module("fc2")
    expected = {
        name: ml.tensor_digest(value, proof.salts[name])
        for name, value in (("fc2.lora_A", module.a), ("fc2.lora_B", module.b))
    }
    assert found.digests == expected
    # A verifier without the adapter's values, who was told their digests.
    assert verify(adapter.outline(), salts={}, digests=expected).digests == expected

    with pytest.raises(ImageIDMismatchError):
        verify(changed(adapter, alpha=16.0))
    with pytest.raises(ImageIDMismatchError):
        verify(base=arrays(BASE) | {"fc2.weight": wanted})
    with pytest.raises(DigestMismatchError, match=r"fc2\.lora_A"):
        verify(changed(adapter, a=lambda a: a * np.float32(2), b=lambda b: b / np.float32(2)))  # the same product
    with pytest.raises(DigestMismatchError):
        verify(adapter.outline(), salts={}, digests=expected | {"fc2.lora_A": expected["fc2.lora_B"]})
    swapped = dict(zip(expected, reversed(expected.values()), strict=True))
    with pytest.raises(DigestMismatchError):
        verify(adapter.outline(), salts={}, digests=swapped)
    with pytest.raises(ModelMismatchError, match="of 640 numbers"):
        verify(merged_model=BASE)
    assert read_state(tmp_path / "merged.safetensors") != read_state(BASE)

    other = changed(adapter, a=lambda a: -a)
    forged = ml.tensor_digest(other.module("fc2").a, proof.salts["fc2.lora_A"])
    with pytest.raises(JournalMismatchError):
        lora.verify_merge(
            with_journal(proof.receipt, expected["fc2.lora_A"], forged), BASE, other, salts=proof.salts, **options
        )
    one = wanted.copy()
    one[0, 0] += 1
    with pytest.raises(JournalMismatchError):
        lora.verify_merge(with_journal(proof.receipt, wanted.tobytes(), one.tobytes()), BASE, adapter, **options)


def test_a_hidden_adapter(adapter: lora.Adapter) -> None:
    """What the digits MLP computes with the adapter, of which the journal has digests alone."""
    with np.load(DATA / "io.npz") as data:
        x, label, base = data["x"][:1], int(data["labels"][0]), int(data["base"][0].argmax())
    assert label != base
    model = lora.load(network(), adapter, output="argmax")
    proof = model.prove(x).verify()
    assert int(proof.outputs["logits"][0]) == label

    def verify(of: lora.Adapter, receipt: Receipt = proof.receipt, **more: Any) -> Any:
        return lora.load(network(), of, output="argmax", **more).verify(receipt)

    # With the salts the adapter is checked; without them and it, its digests are there to compare.
    found = verify(adapter, salts={name: proof.salts[name] for name in model.weights})
    assert verify(adapter.outline()).digests == found.digests
    assert adapter.module("fc1").a.tobytes() not in proof.receipt.to_bytes()
    with pytest.raises(ImageIDMismatchError):
        verify(changed(adapter, alpha=16.0))
    other = changed(adapter, b=lambda b: -b)
    salts = {name: proof.salts[name] for name in model.weights}
    with pytest.raises(DigestMismatchError, match=r"fc1\.lora_B"):
        verify(other, salts=salts)
    forged = ml.tensor_digest(other.module("fc1").b, salts["fc1.lora_B"])
    with pytest.raises(JournalMismatchError):
        verify(other, with_journal(proof.receipt, found.digests["fc1.lora_B"], forged), salts=salts)
