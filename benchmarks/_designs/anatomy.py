"""What a network looks like: its units and stages, and what they cost. Read from its op graph; torch is not needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from PlainNet import Cost, Structure, cost, lower
from PlainNet.blocktype import block_type
from PlainNet.cost import op_cost
from PlainNet.liveness import peak_elements
from PlainNet.ops import HEAD, Add, Conv, Node, OpGraph
from PlainNet.receptive import receptive_field


@dataclass(frozen=True)
class Unit:
    """A part of a network between two places of its trunk: a residual unit, or a convolution outside of units.

    enters, leaves: channels of the trunk before and behind it. widest: the most channels of a convolution in it.
    kernel: the largest. side: of its output, in pixels. stride: 1 or 2. residual: whether it has a sum.
    identity: whether its input is added as it is. flops: multiply–accumulates. convolutions: on its longest path.
    """

    enters: int
    leaves: int
    widest: int
    kernel: int
    side: int
    stride: int
    residual: bool
    identity: bool
    flops: int
    convolutions: int


@dataclass(frozen=True)
class Anatomy:
    """A network, looked at.

    units: in order. image: the side of the input. field: the receptive field of a position of the last map in pixels,
    without the borders of the image. memory: bytes of the values that are kept at once, in single precision.
    """

    structure: Structure
    units: tuple[Unit, ...]
    image: int
    cost: Cost
    field: int
    memory: int

    @property
    def stages(self) -> tuple[tuple[Unit, ...], ...]:
        """The units by resolution of their output."""
        return tuple(tuple(units) for _, units in groupby(self.units, key=lambda unit: unit.side))

    @property
    def trunk(self) -> tuple[int, ...]:
        """The channels between units; the outputs of the stem, of every unit and of a last convolution."""
        return tuple(unit.leaves for unit in self.units)

    @property
    def body(self) -> tuple[Unit, ...]:
        """The units without the stem and without a last 1×1 convolution."""
        inner = self.units[1:]
        return inner[:-1] if len(inner) > 1 and _is_last(inner[-1]) else inner

    @property
    def last(self) -> Unit | None:
        """The last 1×1 convolution outside of units, if there is one."""
        return self.units[-1] if len(self.units) > 2 and _is_last(self.units[-1]) else None

    @property
    def convolutions(self) -> int:
        """The convolutions of the longest path."""
        return sum(unit.convolutions for unit in self.units)


def _is_last(unit: Unit) -> bool:
    return unit.kernel == 1 and unit.convolutions == 1 and not unit.residual


def anatomy(structure: Structure, image: int, num_classes: int) -> Anatomy:
    """Look at a network for images of `image` × `image` pixels. Raises StructureError if it is not a network."""
    graph = lower(structure, resolution=image, num_classes=num_classes)
    field = receptive_field(graph)
    if field is None:
        raise ValueError(f"the last map of {structure} does not depend on the image")
    return Anatomy(
        structure,
        tuple(_units(structure, graph)),
        image,
        cost(structure, resolution=image, num_classes=num_classes),
        field.side,
        4 * max(peak_elements(graph).values()),
    )


def _units(structure: Structure, graph: OpGraph) -> Iterator[Unit]:
    """The units, in order. What has no convolution (BN, ReLU, pooling) belongs to the unit before it."""
    numbered = [(i + 1, node) for i, node in enumerate(graph.nodes) if node.block != HEAD]
    parts: list[list[tuple[int, Node]]] = []
    for _, group in groupby(numbered, key=lambda one: _place(structure, one[1])):
        nodes = list(group)
        if parts and not any(isinstance(node.op, Conv) for _, node in nodes):
            parts[-1].extend(nodes)
        else:
            parts.append(nodes)
    before = 0
    for nodes in parts:
        yield _unit(nodes, before, graph)
        before = nodes[-1][0]


def _place(structure: Structure, node: Node) -> tuple[str, ...]:
    """The block that a node is in, or the part of a super-block."""
    expands = block_type(structure.blocks[node.block].kind).expand is not None
    return tuple(node.path.split(".")[: 2 if expands else 1])


def _unit(nodes: list[tuple[int, Node]], before: int, graph: OpGraph) -> Unit:
    convolutions = [node.op for _, node in nodes if isinstance(node.op, Conv)]
    sums = [node for _, node in nodes if isinstance(node.op, Add)]
    enters, leaves = graph.shape_of(before), nodes[-1][1].shape
    longest = {before: 0}
    for number, node in nodes:
        longest[number] = max(longest[value] for value in node.inputs) + isinstance(node.op, Conv)
    return Unit(
        enters.channels,
        leaves.channels,
        max(op.out_channels for op in convolutions),
        max(op.kernel for op in convolutions),
        leaves.size,
        enters.size // leaves.size,
        bool(sums),
        any(before in node.inputs for node in sums),
        sum(op_cost(node.op, node.shape).flops for _, node in nodes),
        longest[nodes[-1][0]],
    )


def widths(stage: tuple[Unit, ...]) -> str:
    """The trunk's widths in a stage, equal neighbours once with their number: 16, 32×3."""
    return ", ".join(
        f"{width}×{count}" if (count := len(list(group))) > 1 else str(width)
        for width, group in groupby(unit.leaves for unit in stage)
    )


def short(structure: Structure) -> str:
    """A structure with shorter names of its blocks."""
    return re.sub(r"SuperConvK(\d)BNRELU", r"Conv\1", str(structure)).replace("SuperRes", "").replace(")", ") ").strip()
