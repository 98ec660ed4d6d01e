"""A model in parts: together they state what the whole does, and receipts of different runs do not fit together."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from zkhost import ml
from zkhost.errors import ChainError, ConfigError, DecodeError
from zkhost.ml.chain import Chain

from .test_digits import MODELS
from .test_modes import CNN, SALT, WEIGHT, changed

RESNET = MODELS / "rescnn.legacy17.qdq_s8s8_pc.onnx"


@pytest.fixture(scope="module")
def rows() -> Any:
    return np.load(MODELS / "inputs.npz")["x"].reshape(-1, 1, 8, 8)


def journals(chain: Chain, x: Any) -> list[ml.Inference]:
    """What the guests of the parts commit, natively computed."""
    return [
        part.decode_journal(stage.model._prepared(stage.inputs).journal)
        for part, stage in zip(chain.parts, chain.stages(x), strict=True)
    ]


@pytest.mark.parametrize(("name", "parts"), [(CNN, 2), (CNN, 3), (RESNET, 2), (RESNET, 4), (RESNET, 6)])
def test_the_parts_compute_what_the_whole_does(name: Any, parts: int, rows: Any) -> None:
    chain = ml.split(name, parts)
    assert len(chain.parts) == parts == len({part.image_id for part in chain.parts})
    assert sum(len(part.graph.ops) for part in chain.parts) == len(ml.load(name).graph.ops)
    expected = ml.load(name).compute(rows[0])
    found = chain.join(journals(chain, rows[0]))
    assert {n: a.tobytes() for n, a in found.outputs.items()} == {n: a.tobytes() for n, a in expected.items()}
    assert found.inputs[chain.whole.inputs[0].name].tobytes() == rows[0].tobytes()


def test_parts_cost_about_the_same() -> None:
    """Fused layers stay whole, so the accelerator has the same work as before."""
    chain = ml.split(RESNET, 3)
    costs = [part.compiled.cycles for part in chain.parts]
    assert sum(costs) < 1.3 * ml.load(RESNET).compiled.cycles
    assert max(costs) < 0.6 * sum(costs)


def test_cuts_can_be_named(rows: Any) -> None:
    chain = ml.split(CNN, after=["/3/Relu_output_0_QuantizeLinear_Output"])
    assert len(chain.parts) == 2
    assert chain.join(journals(chain, rows[1])).count == 1
    for after in (["nothing"], ["output"], ["/3/Relu_output_0_QuantizeLinear_Output"] * 2):
        with pytest.raises(ConfigError) as caught:
            ml.split(CNN, after=after)
        assert caught.value.hint
    for parts in (0, 1, 99):
        with pytest.raises(ConfigError, match="parts"):
            ml.split(CNN, parts)
    with pytest.raises(ConfigError, match="hidden"):
        ml.split(CNN, hidden=True)


def test_modes_of_the_whole_are_those_of_the_parts(rows: Any) -> None:
    """Input and weights hashed, the class alone shown; a batch."""
    chain = ml.split(CNN, 3, input="hashed", output="argmax", hidden=[WEIGHT], salts={"input": SALT, WEIGHT: SALT})
    found = chain.join(journals(chain, ml.Batch(rows[:4])))
    assert found.count == 4
    assert (
        found.outputs["output"].tolist() == ml.load(CNN, output="argmax").compute(ml.Batch(rows[:4]))["output"].tolist()
    )
    assert found.inputs == {}
    assert found.digests == {
        "input": chain.whole.digest("input", ml.Batch(rows[:4]), SALT),
        WEIGHT: chain.whole.digest(WEIGHT, chain.whole.weights[WEIGHT], SALT),
    }


# -- attacks ----------------------------------------------------------------------------------------------------------


def test_parts_of_two_runs_do_not_fit(rows: Any) -> None:
    chain = ml.split(CNN, 3)
    first, second = journals(chain, rows[0]), journals(chain, rows[1])
    assert chain.join(first).count == chain.join(second).count == 1
    for mixed in ([first[0], *second[1:]], [*first[:2], second[2]], [first[0], second[1], first[2]]):
        with pytest.raises(ChainError) as caught:
            chain.join(mixed)
        assert caught.value.tensor
        assert caught.value.hint
    again = journals(chain, rows[0])  # the same tensors under other salts
    with pytest.raises(ChainError):
        chain.join([first[0], *again[1:]])


def test_another_tensor_between_the_parts_is_refused(rows: Any) -> None:
    """The prover computes the second part on a tensor of their own choice."""
    chain = ml.split(CNN, 2)
    stages = list(chain.stages(rows[0]))
    honest = [stage.model.decode_journal(stage.model._prepared(stage.inputs).journal) for stage in stages]
    assert chain.join(honest).count == 1
    (name,) = stages[1].inputs
    forged = {name: (stages[1].inputs[name] ^ 1)}
    wrong = stages[1].model.decode_journal(stages[1].model._prepared(forged).journal)
    with pytest.raises(ChainError) as caught:
        chain.join([honest[0], wrong])
    assert caught.value.tensor == name


def test_parts_in_another_order_or_number_are_refused(rows: Any) -> None:
    """Each journal is decoded as that of its part; receipts are verified against the part's image ID before."""
    chain = ml.split(CNN, 3)
    data = [stage.model._prepared(stage.inputs).journal for stage in chain.stages(rows[0])]
    with pytest.raises(DecodeError):
        [part.decode_journal(journal) for part, journal in zip(chain.parts, data[::-1], strict=True)]
    with pytest.raises(ChainError, match="2 receipts of a model in 3 parts"):
        chain.verify(["a", "b"])
    found = journals(chain, rows[0])
    with pytest.raises(ChainError, match="samples"):
        chain.join([found[0], dataclasses.replace(found[1], count=2), found[2]])


def test_another_model_has_other_parts() -> None:
    first, other = ml.split(CNN, 3), ml.split(changed(WEIGHT), 3)
    assert first.parts[0].image_id == other.parts[0].image_id
    assert first.parts[2].image_id != other.parts[2].image_id
