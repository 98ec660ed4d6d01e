"""Real proofs of adapters: a merge, and a model with a hidden one; with what must not verify."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.forgery import with_journal
from zkhost import Receipt, ml
from zkhost.errors import DigestMismatchError, ImageIDMismatchError, JournalMismatchError, ModelMismatchError
from zkhost.ml import lora
from zkhost.ml.graph import Array
from zkhost.ml.read.safetensors_file import write_safetensors
from zkhost.ml.read.stored import stored

MODELS = Path(__file__).parents[1] / "unit" / "ml" / "models"
MLP = MODELS / "mlp.legacy17.qdq_u8u8.onnx"

pytestmark = pytest.mark.prove


def values(*shape: int, seed: int, size: float = 0.3) -> Array:
    return (np.random.default_rng(seed).normal(size=shape) * size).astype(np.float32)


def adapter_of(module: str, outputs: int, inputs: int, rank: int) -> lora.Adapter:
    given = {f"{module}.lora_A": values(rank, inputs, seed=1), f"{module}.lora_B": values(outputs, rank, seed=2)}
    return lora.read(given, alpha=2 * rank)


def changed(adapter: lora.Adapter, **fields: Any) -> lora.Adapter:
    """The adapter with fields of its only module replaced; functions are of the old values."""
    (module,) = adapter.modules
    made = {name: value(getattr(module, name)) if callable(value) else value for name, value in fields.items()}
    return dataclasses.replace(adapter, modules=(dataclasses.replace(module, **made),))


def test_a_merge(tmp_path: Path) -> None:
    """A base in the image, a hashed adapter, W' in the journal. Another alpha, A and B exchanged, another adapter or base and
    another result are found.
    """
    adapter, base = adapter_of("fc", 8, 12, 2), tmp_path / "base.safetensors"
    write_safetensors({"fc.weight": stored(values(8, 12, seed=3), "f32")}, base)
    merge = lora.merge(base, adapter)
    merge.save(tmp_path / "merged.safetensors")
    proof = merge.prove().verify()
    merged = proof.outputs["merged.fc.weight"]
    assert merged.tobytes() == merge.compute()["fc.weight"].tobytes()
    proof.receipt.dump(tmp_path / "merge.zkr")

    def verify(
        of: lora.Adapter = adapter, source: Any = base, receipt: Any = tmp_path / "merge.zkr", **more: Any
    ) -> Any:
        return lora.verify_merge(receipt, source, of, **{"salts": proof.salts, **more})

    found = verify(merged_model=tmp_path / "merged.safetensors")
    (module,) = adapter.modules
    expected = {
        "fc.lora_A": ml.tensor_digest(module.a, proof.salts["fc.lora_A"]),
        "fc.lora_B": ml.tensor_digest(module.b, proof.salts["fc.lora_B"]),
    }
    assert found.digests == expected
    # A verifier without the adapter's values, who was told their digests.
    assert verify(adapter.outline(), salts={}, digests=expected).digests == expected

    with pytest.raises(ImageIDMismatchError):
        verify(changed(adapter, alpha=16.0))
    with pytest.raises(ImageIDMismatchError):
        verify(source={"fc.weight": merged})
    with pytest.raises(DigestMismatchError, match=r"fc\.lora_A"):  # the same product of another A and B
        verify(changed(adapter, a=lambda a: a * np.float32(2), b=lambda b: b / np.float32(2)))
    exchanged = dict(zip(expected, reversed(expected.values()), strict=True))
    with pytest.raises(DigestMismatchError):
        verify(adapter.outline(), salts={}, digests=exchanged)
    with pytest.raises(ModelMismatchError, match="of 96 numbers"):
        verify(merged_model=base)

    other = changed(adapter, a=lambda a: -a)
    forged = ml.tensor_digest(other.modules[0].a, proof.salts["fc.lora_A"])
    with pytest.raises(JournalMismatchError):
        verify(other, receipt=with_journal(proof.receipt, expected["fc.lora_A"], forged))
    one = merged.copy()
    one[0, 0] = np.nextafter(one[0, 0], np.float32(9))
    with pytest.raises(JournalMismatchError):
        verify(receipt=with_journal(proof.receipt, merged.tobytes(), one.tobytes()))


def test_a_hidden_adapter_on_an_int8_base() -> None:
    """What the digits MLP, quantised by onnxruntime, computes with an adapter of which the journal has digests alone."""
    adapter = adapter_of("2", 10, 32, 2)
    x = np.load(MODELS / "inputs.npz")["x"][:1]
    model = lora.load(MLP, adapter)
    proof = model.prove(x).verify()
    (logits,) = proof.outputs.values()
    assert np.abs(logits - next(iter(ml.load(MLP).compute(x).values()))).max() > 0.1
    assert logits.tobytes() == next(iter(model.compute(x).values())).tobytes()
    salts = {name: proof.salts[name] for name in model.weights}

    def verify(of: lora.Adapter, receipt: Receipt = proof.receipt, **more: Any) -> Any:
        return lora.load(MLP, of, **more).verify(receipt)

    # With the salts the adapter is checked; without them and it, its digests are there to compare.
    found = verify(adapter, salts=salts)
    assert verify(adapter.outline()).digests == found.digests
    (module,) = adapter.modules
    assert module.b.tobytes() not in proof.receipt.to_bytes()
    with pytest.raises(ImageIDMismatchError):
        verify(changed(adapter, alpha=16.0))
    other = changed(adapter, b=lambda b: -b)
    with pytest.raises(DigestMismatchError, match=r"2\.lora_B"):
        verify(other, salts=salts)
    forged = ml.tensor_digest(other.modules[0].b, salts["2.lora_B"])
    with pytest.raises(JournalMismatchError):
        verify(other, with_journal(proof.receipt, found.digests["2.lora_B"], forged), salts=salts)
