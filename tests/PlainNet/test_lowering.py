"""Lowering: units that repeat are copied, which gives the same operations as lowering each."""

from __future__ import annotations

from random import Random

import pytest

from PlainNet import BlockSpec, Options, StructureError, parse
from PlainNet.blocktype import BLOCKS, block_type
from PlainNet.lowering import Builder, lower_block, lower_family, part_graph
from PlainNet.ops import FLAT, Shape
from zennas.testing.networks import random_block

VARIANTS = (Options(), Options(use_se=True), Options(no_reslink=True), Options(True, True))
EXPANDED = [kind for kind in BLOCKS.names() if block_type(kind).expand is not None]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("kind", EXPANDED)
def test_copies_of_units_are_what_each_would_be(kind: str, options: Options) -> None:
    rng = Random(kind)
    for _ in range(10):
        spec = random_block(block_type(kind), rng, 16)
        expand = block_type(kind).expand
        assert expand is not None
        graph = part_graph([spec], 32, options)
        one_by_one = Builder(graph.input, options)
        with one_by_one.at(0):
            last = one_by_one.sequence(one_by_one.input, expand(spec, options))
        assert (list(graph.nodes), graph.output) == (one_by_one.nodes, last.number)

        nodes, shape = lower_family(spec, 32, options)
        plain = [node._replace(path="", block=0) for node in nodes]
        assert plain == [node._replace(path="") for node in graph.nodes]
        assert shape == graph.shape_of(graph.output)


def test_units_are_copied_in_a_branch_that_begins_before_other_operations() -> None:
    inner = "SuperConvK3BNRELU(8,8,1,3)"
    (spec,) = parse(f"MultiSumBlock({inner};{inner})").blocks
    nodes, _ = lower_block(spec, 8)
    firsts = [node for node in nodes if node.path in ("0.0.0", "0.1.0")]
    assert [node.inputs for node in firsts] == [(0,), (0,)]
    assert len({node.path for node in nodes}) == len(nodes)


def test_a_family_that_does_not_work_names_the_place() -> None:
    spec = BlockSpec("SuperResK3K3", (8, 8, 1, 8, 3))
    with pytest.raises(StructureError) as whole:
        lower_block(spec, FLAT)
    with pytest.raises(StructureError) as family:
        lower_family(spec, FLAT)
    assert (str(family.value), family.value.path) == (str(whole.value), whole.value.path)
    assert lower_family(spec, 4)[1] == Shape(8, 4)
