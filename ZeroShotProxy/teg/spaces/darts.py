"""DARTS: one channel, a normal cell and a reduction cell; for regions the same without a stem.

Sizes as in TEG-NAS, whose cells are stacked as NASNet's: the second cell is a reduction, and the stem has the width of
the first cell.
"""

from __future__ import annotations

from typing import NamedTuple

from PlainNet import Structure
from PlainNet.blocks.darts import KINDS, OPERATIONS, Cell, Stack, conv_bn, edge
from PlainNet.blocks.nasbench201 import relu_conv_bn
from PlainNet.lowering import Builder, Value
from ZeroShotProxy.teg.spaces.nasbench201 import last_activation
from ZeroShotProxy.teg.supernets import CELLS, SUPERNETS, Supernet

CHANNELS = 1


class Genes(NamedTuple):
    """The two cells of an architecture. The edges of each node are sorted, as their order has no meaning."""

    normal: Cell
    reduction: Cell


def read(structure: Structure) -> Genes | None:
    """Return the cells of a network that is one stack of cells; None for others."""
    spec = structure.blocks[0]
    if len(structure.blocks) > 1 or spec.kind not in KINDS.values():
        return None
    stack = Stack.of_spec(spec)
    return Genes(_sorted(stack.normal), _sorted(stack.reduction))


def _sorted(cell: Cell) -> Cell:
    pairs = zip(cell.edges[::2], cell.edges[1::2], strict=True)
    return Cell(tuple(one for pair in pairs for one in sorted(pair, key=lambda edge: edge[::-1])), cell.concat)


def full(b: Builder, x: Value, genes: Genes) -> Value:
    """Add a stem of a convolution and a batch-norm, both cells, batch-norm and ReLU."""
    with b.at("stem"):
        x = conv_bn(b, x, CHANNELS, stride=1)
    return thin(b, x, genes)


def thin(b: Builder, x: Value, genes: Genes) -> Value:
    """Add both cells, batch-norm and ReLU."""
    before, last, width = x, x, CHANNELS
    for i, cell in enumerate(genes):
        with b.at(f"{CELLS}cell{i}"):
            with b.at("preprocess0"):
                first = relu_conv_bn(b, before, width, kernel=1)
            with b.at("preprocess1"):
                second = relu_conv_bn(b, last, width, kernel=1)
            before, last = last, _cell(b, [first, second], cell, stride=i + 1)
        width *= 2
    return last_activation(b, last)


def _cell(b: Builder, states: list[Value], cell: Cell, stride: int) -> Value:
    """Add a cell whose weights are named by operation, source and node, and not by the place in a genotype."""
    states = list(states)
    for node in range(len(cell.edges) // 2):
        arriving = []
        for place, (chosen, source) in enumerate(cell.edges[2 * node : 2 * node + 2]):
            twice = place and cell.edges[2 * node][1] == source  # two edges from one source have weights of their own
            name = f"node{node}.from{source}{'again' if twice else ''}.{OPERATIONS[chosen]}"
            with b.at(name):
                arriving.append(edge(b, states[source], OPERATIONS[chosen], stride if source < 2 else 1))
        states.append(b.add(*arriving))
    return b.concat([states[i] for i in cell.concat])


SUPERNETS.add("darts", Supernet("darts", read, full, thin))
