"""Values that are kept at the same time, against a count that looks at every pair of a value and an operation."""

from __future__ import annotations

from random import Random

import pytest

from PlainNet import lower, parse
from PlainNet.blocktype import BlockType
from PlainNet.liveness import peak_elements
from PlainNet.ops import HEAD, BatchNorm, Flatten, OpGraph, Relu, Relu6, Sigmoid, Swish
from tests.conftest import BUILT, network_around, random_block


def slowly(graph: OpGraph) -> dict[int, int]:
    """The same by definition: a buffer lives from its first writing to the last reading of any value in it."""
    readers = {v: [i for i, node in enumerate(graph.nodes) if v in node.inputs] for v in range(len(graph.nodes) + 1)}
    readers[graph.output].append(len(graph.nodes) - 1)
    buffers: list[tuple[set[int], int]] = [({0}, graph.input.elements)]
    for i, node in enumerate(graph.nodes):
        source = node.inputs[0] if node.inputs else 0
        own = [buffer for buffer in buffers if source in buffer[0]]
        in_place = isinstance(node.op, (BatchNorm, Relu, Relu6, Swish, Sigmoid, Flatten))
        if in_place and source != 0 and max(readers[source]) == i:
            own[0][0].add(i + 1)
        else:
            buffers.append(({i + 1}, node.shape.elements))
    found: dict[int, int] = {}
    for i, node in enumerate(graph.nodes):
        alive = 0
        for values, elements in buffers:
            first = min(values) - 1
            last = max(max([max(value - 1, 0), *readers[value]]) for value in values)
            alive += elements if first <= i <= last else 0
        found[node.block] = max(found.get(node.block, 0), alive)
    return found


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.kind)
def test_every_block_keeps_what_the_definition_says(kind: BlockType) -> None:
    rng = Random(kind.kind)
    for _ in range(3):
        graph = lower(network_around(random_block(kind, rng, 32, 32), 32), resolution=16, num_classes=7)
        assert peak_elements(graph) == slowly(graph)


def test_a_residual_block_keeps_its_input() -> None:
    graph = lower(parse("ConvKX(3,4,3,1)ResBlock(ConvKX(4,4,3,1)ConvKX(4,4,3,1))"), resolution=8, num_classes=2)
    map_of_4 = 4 * 8 * 8
    peaks = peak_elements(graph)
    assert peaks[0] == 3 * 8 * 8 + map_of_4
    assert peaks[1] == 3 * map_of_4  # the input of the block, and what the second convolution reads and writes
    assert peaks[HEAD] < map_of_4 + 10
