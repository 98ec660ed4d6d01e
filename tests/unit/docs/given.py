"""What pages take for granted: a built project, images of digits, a model exported from PyTorch."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser

from tests.unit.docs.page import ROOT, Page
from zkhost import Guest, load, methods
from zkhost.contract.fingerprint import embedded
from zkhost.contract.to_rust.contract_module import contract_text_of
from zkhost.image_id import program_binary
from zkhost.project.methods_module import write_methods


def built_project() -> Guest[Any, Any]:
    """The project of the README, or of the contract.py that is there already, as `zkhost build` leaves it: with methods/.

    Its guest is the bundled `factors`, which reads and commits the same words, with the text of the contract behind its
    ELF, where a build would have put it among the constants.
    """
    contract = Path("contract.py")
    if not contract.exists():
        readme = Page.read(ROOT / "README.md")
        contract.write_text(next(block.code for block in readme.blocks if block.title == "contract.py"))
    declared = importlib.import_module("contract").multiply
    factors = methods.FACTORS_ELF
    start = factors.index(b"\x7fELF")
    elf = factors[start : factors.index(b"\x7fELF", start + 1)]  # risc0's kernel follows
    program = program_binary(elf + embedded(contract_text_of(declared)).encode())
    binary = Path("multiply.bin")
    binary.write_bytes(program)
    guest = load(binary, declared)
    write_methods(Path("methods"), {"multiply": binary}, {"multiply": str(guest.image_id)})
    return guest


def digits(count: int = 20) -> tuple[Any, Any]:
    """Images of digits, float32 (count, 1, 8, 8) from 0 to 1, and what they are."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images[:count] / 16).astype(np.float32).reshape(-1, 1, 8, 8), found.target[:count]


def digits_model(path: str, source: str = "cnn.legacy17.qdq_u8u8.onnx") -> None:
    """Write a CNN of digits, exported by PyTorch as on the tutorial's page: its input is `image`, its output `logits`."""
    proto = onnx.load(str(ROOT / "tests/unit/ml/models" / source))
    names = {"input": "image", "output": "logits"}
    for port in (*proto.graph.input, *proto.graph.output):
        port.name = names[port.name]
    for node in proto.graph.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(name, name) for name in ends]
    onnx.save(proto, path)


def base_with_adapter() -> onnx.ModelProto:
    """One linear layer with an adapter of rank 4 beside it, `lora_A` and `lora_B`, in float32."""
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        net (float[1,64] x) => (float[1,10] logits) {
            base = Gemm <transB = 1> (x, weight, bias)
            low = MatMul(x, lora_A)
            update = MatMul(low, lora_B)
            logits = Add(base, update)
        }"""
    )
    draw = np.random.default_rng(0)
    for name, shape in {"weight": (10, 64), "bias": (10,), "lora_A": (64, 4), "lora_B": (4, 10)}.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(draw.normal(size=shape).astype(np.float32), name))
    return proto
