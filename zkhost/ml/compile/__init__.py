"""From a graph to a plan: where tensors lie, which kernel runs each operation, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkhost.ml import _native
from zkhost.ml.compile import convolutions, cost, matmul, rows, scalar
from zkhost.ml.compile.plan_bytes import Plan
from zkhost.ml.compile.target import Target
from zkhost.ml.graph import Graph, Mode
from zkhost.ml.ops import Conv, MatMul


@dataclass(frozen=True)
class Layer:
    """What one operation became: `node` of the model, the kernel's `kind`, its products, user cycles (an estimate), and whether its
    products are the accelerator's."""

    node: str
    kind: str
    macs: int
    cycles: int
    accelerated: bool = False


@dataclass(frozen=True)
class Compiled:
    """A plan, and what each operation of the graph is in it."""

    plan: bytes
    layers: tuple[Layer, ...]

    def image(self) -> _native.Image:
        """Return the program that proves the model, and its image ID."""
        return _native.image(self.plan)

    @property
    def cycles(self) -> int:
        """User cycles of a run, an estimate."""
        return cost.START + sum(layer.cycles for layer in self.layers)


def compile_graph(
    graph: Graph,
    *,
    modes: Mapping[str, Mode] | None = None,
    salt: bytes | None = None,
    accelerate: bool = True,
    hidden: bool = False,
) -> Compiled:
    """Compile a graph. The same graph gives the same bytes on every machine.

    `modes` says what the journal shows of inputs and outputs, by tensor; public where it says nothing. `salt` is put into the plan, so that a model that could be
    guessed is not recognised by its image ID. Without `accelerate` nothing but plain RISC-V instructions computes. A `hidden` plan is
    an input, whose bytes the guest hashes: fewer of them are worth some cycles.
    """
    plan = Plan()
    if salt is not None:
        plan.salt(salt)
    target = Target(graph, plan, accelerate, modes or {}, hidden)
    target.inputs()
    layers = []
    done: set[str] = set()
    for op in graph:
        if op.y in done:
            layers.append(Layer(op.node, "fused", 0, 0))
            continue
        start, finish = len(plan.operations), None
        if accelerate and isinstance(op, Conv):
            finish = convolutions.convolution(target, op)
        elif accelerate and isinstance(op, MatMul):
            finish = rows.matmul(target, op) or matmul.matmul(target, op)
        if finish is None:
            scalar.write(target, op)
        else:
            done.update(fused.y for fused in finish.ops)
        kind = f"{type(op).__name__}{' on the accelerator' if finish else ''}"
        cycles = sum(map(cost.cycles, plan.operations[start:]))
        layers.append(Layer(op.node, kind, cost.macs(graph, op), cycles, finish is not None))
    target.outputs()
    return Compiled(plan.to_bytes(), tuple(layers))
