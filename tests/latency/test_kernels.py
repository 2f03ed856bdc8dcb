"""Kernels of op graphs: nothing is lost or run twice, work is kept, and blocks can be grouped one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from random import Random
from typing import Literal, TypeAlias

import pytest

from latency.kernels import (
    ACTIVATION,
    ADD,
    AVG_POOL,
    CONV,
    MUL,
    NORM,
    UNFUSED,
    WEIGHTED,
    Fusion,
    Kernel,
    Observed,
    group,
    observed,
)
from latency.predicting.features import work
from latency.predicting.hardware import processor
from latency.predicting.predictor import FUSED_ACROSS
from PlainNet import Options, Structure, lower, ops, parse
from PlainNet.cost import cost
from PlainNet.lowering import part_graph
from PlainNet.ops import HEAD, OpGraph
from SearchSpace import SPACES, load_space
from SearchSpace.nasbench201 import Cell201, network

Zeros: TypeAlias = Literal["constant", "removed", "run"]
Repeats: TypeAlias = Literal["again", "once"]
ZEROS: tuple[Zeros, ...] = ("constant", "removed", "run")
REPEATS: tuple[Repeats, ...] = ("again", "once")
FUSIONS = [*(Fusion(True, *rest) for rest in product((False, True), (False, True), ZEROS, REPEATS)), UNFUSED]
CODES = {"-": 0, "s": 1, "1": 2, "3": 3, "p": 4}


def cell_graph(code: str) -> OpGraph:
    """A network of one cell a stage; `code`: for each edge - none, s skip, 1 or 3 convolution, p pooling."""
    return lower(network(Cell201(tuple(CODES[c] for c in code)), cells=1), resolution=32, num_classes=10)


def samples(space_name: str, count: int = 3) -> Iterator[Structure]:
    space, rng = load_space(space_name), Random(5)
    yield from (space.sample(rng) for _ in range(count))


def kernels(graph: OpGraph, fusion: Fusion) -> Counter[Kernel]:
    return Counter(kernel for kernel, _ in group(graph, fusion))


def in_block(graph: OpGraph, fusion: Fusion, block: int) -> Counter[str]:
    return Counter(kernel.kind for kernel, nodes in group(graph, fusion) if graph.nodes[nodes[0]].block == block)


def reached(graph: OpGraph, through_zeros: bool) -> set[int]:
    """Indices of the nodes that the output needs."""
    found: set[int] = set()
    todo = [graph.output]
    while todo:
        number = todo.pop()
        if number == 0 or number - 1 in found:
            continue
        found.add(number - 1)
        if through_zeros or not isinstance(graph.nodes[number - 1].op, ops.Zero):
            todo += graph.nodes[number - 1].inputs
    return found


@pytest.mark.parametrize("space_name", SPACES.names())
@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_every_node_that_is_needed_is_in_one_kernel(space_name: str, fusion: Fusion) -> None:
    for structure in samples(space_name):
        graph = lower(structure, resolution=64, num_classes=10)
        # A kernel of rows and one of columns share their node.
        of = [nodes for _, nodes in group(graph, fusion)]
        seen = Counter(i for nodes in dict.fromkeys(of) for i in nodes)
        assert set(seen.values()) == {1}
        free = (ops.Flatten,) if fusion.zeros == "run" else (ops.Flatten, ops.Zero)
        needed = {i for i in reached(graph, fusion.zeros == "run") if not isinstance(graph.nodes[i].op, free)}
        if fusion.zeros != "removed" and fusion.repeats == "again":
            assert set(seen) == needed
        else:
            assert set(seen) <= needed
            with_weights = {i for i in needed if not isinstance(graph.nodes[i].op, ops.WITHOUT_WEIGHTS)}
            assert with_weights <= set(seen)


@pytest.mark.parametrize("space_name", SPACES.names())
def test_fusing_keeps_the_work(space_name: str) -> None:
    hardware = processor("fp32")
    for structure in samples(space_name):
        graph = lower(structure, resolution=64, num_classes=10)
        macs = [
            sum(
                work(kernel, hardware).macs * n
                for kernel, n in kernels(graph, fusion).items()
                if kernel.kind in WEIGHTED
            )
            for fusion in FUSIONS
            if fusion.zeros != "run"
        ]
        assert set(macs) == {macs[0]}
        if "NB201" not in str(structure) and "NB101" not in str(structure) and "DARTS" not in str(structure):
            assert macs[0] <= cost(structure, resolution=64, num_classes=10).flops


@pytest.mark.parametrize("space_name", SPACES.names())
@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_blocks_have_the_kernels_that_they_have_in_the_network(space_name: str, fusion: Fusion) -> None:
    for structure in samples(space_name, 2):
        graph = lower(structure, resolution=64, num_classes=10)
        by_block: dict[int, Counter[Kernel]] = {}
        for kernel, nodes in group(graph, fusion):
            by_block.setdefault(graph.nodes[nodes[0]].block, Counter())[kernel] += 1
        size, apart = 64, not any(spec.kind in FUSED_ACROSS for spec in structure.blocks)
        for i, spec in enumerate(structure.blocks):
            alone = part_graph([spec], size, Options())
            size = alone.shape_of(alone.output).size
            if apart:
                assert by_block.get(i, Counter()) == kernels(alone, fusion)
        assert HEAD in by_block


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_cells_in_a_row_run_the_same(fusion: Fusion) -> None:
    one, five = (
        lower(network(Cell201((3, 4, 0, 1, 2, 3)), cells=cells), resolution=32, num_classes=10) for cells in (1, 5)
    )
    first = in_block(one, fusion, 2)
    assert sum(first.values()) > 0
    for block in range(2, 7):
        assert in_block(five, fusion, block) == first


@pytest.mark.parametrize("zeros", ZEROS[:2])
def test_branches_that_lead_nowhere_cost_nothing(zeros: Zeros) -> None:
    fusion = Fusion(zeros=zeros)
    dead, absent = cell_graph("3s-1-s"), cell_graph("-s-1-s")
    assert kernels(dead, fusion) == kernels(absent, fusion)


def test_zeros_are_constants_removed_or_run() -> None:
    graph = cell_graph("-s-1-s")
    adds = {zeros: in_block(graph, Fusion(addition=False, zeros=zeros), 2) for zeros in ZEROS}
    assert adds["constant"][ADD] == 3
    assert adds["removed"][ADD] == 1
    assert adds["run"][ADD] == 3
    assert [adds[zeros][MUL] for zeros in ZEROS] == [0, 0, 3]


def test_a_network_of_zeros_runs_its_head_alone() -> None:
    found = kernels(cell_graph("------"), Fusion(zeros="constant"))
    assert CONV not in {kernel.kind for kernel in found}


def test_repeats_are_run_once_where_that_is_said() -> None:
    graph = cell_graph("p3ppp1")  # three poolings and two rectifications of one value, two poolings of another
    again, once = (in_block(graph, Fusion(repeats=repeats), 2) for repeats in REPEATS)
    assert again[AVG_POOL] == 4
    assert once[AVG_POOL] == 2
    assert again[CONV] == once[CONV] == 2


def test_one_rectification_serves_several_convolutions_but_not_several_blocks() -> None:
    fusion = Fusion(addition=False, zeros="removed", repeats="once")
    graph = cell_graph("33-3-s")
    assert in_block(graph, fusion, 4)[CONV] == 2  # and one that leads nowhere
    assert in_block(graph, fusion, 4)[ACTIVATION] == 1
    assert in_block(graph, replace(fusion, repeats="again"), 4)[ACTIVATION] == 2
    both = lower(parse("NB201Reduction(3,8)NB201Reduction(8,8)"), resolution=32, num_classes=10)
    assert [in_block(both, fusion, block)[ACTIVATION] for block in (0, 1)] == [1, 1]


@pytest.mark.parametrize("space_name", SPACES.names())
def test_once_runs_nothing_that_again_does_not(space_name: str) -> None:
    for structure in samples(space_name):
        graph = lower(structure, resolution=64, num_classes=10)
        again, once = kernels(graph, UNFUSED), kernels(graph, Fusion(False, False, False, repeats="once"))
        assert not once - again


def test_batch_norm_folds_into_what_is_before_it() -> None:
    graph = lower(parse("SuperConvK3BNRELU(3,8,1,1)"), resolution=32, num_classes=10)
    assert [kernel.kind for kernel, _ in group(graph, Fusion())][:1] == [CONV]
    assert NORM not in {kernel.kind for kernel in kernels(graph, Fusion())}
    assert {NORM, ACTIVATION} <= {kernel.kind for kernel in kernels(graph, UNFUSED)}


@pytest.mark.parametrize("space_name", SPACES.names())
@pytest.mark.parametrize("zeros", ["constant", "run"])  # sums with zeros that are gone, kernels cannot show
def test_what_kernels_show_makes_the_same_kernels(space_name: str, zeros: Zeros) -> None:
    """Fusion is read off kernels without its rules, and then finds the same kernels."""
    for rules in product((False, True), (False, True), (False, True)):
        fusion = Fusion(*rules, zeros=zeros)
        for structure in samples(space_name, 1):
            graph = lower(structure, resolution=64, num_classes=10)
            made = [nodes for _, nodes in group(graph, fusion)]
            blank = Fusion(False, False, False, zeros)
            seen = observed(graph, made, blank)
            assert [nodes for _, nodes in group(graph, replace(blank, observed=tuple(seen)))] == made


def test_what_was_seen_outdoes_the_rules() -> None:
    graph = lower(parse("SuperResK3K3(3,8,1,8,1)"), resolution=16, num_classes=10)
    rule = kernels(graph, Fusion())
    seen = Fusion(observed=(Observed("conv", "add", False), Observed("add", "relu", False)))
    found = kernels(graph, seen)
    assert sum(found.values()) == sum(rule.values()) + 2
    assert {kernel.kind for kernel in found - rule} == {CONV, ADD, ACTIVATION}
    assert Fusion.from_json(json.loads(json.dumps(asdict(seen)))) == seen
    assert Fusion.from_json({"norm": True, "activation": False, "addition": True}) == Fusion(activation=False)


def test_the_majority_of_what_was_seen_counts() -> None:
    graph = lower(parse("SuperConvK3BNRELU(3,8,1,3)"), resolution=16, num_classes=None)
    convs = [i for i, node in enumerate(graph.nodes) if isinstance(node.op, ops.Conv)]
    two_of_three = [(i, i + 1, i + 2) for i in convs[:2]] + [(convs[2], convs[2] + 1), (convs[2] + 2,)]
    assert observed(graph, two_of_three) == [Observed("conv", "norm", True), Observed("conv", "relu", True)]
    one_of_three = [(i, i + 1, i + 2) for i in convs[:1]] + [(i, i + 1) for i in convs[1:]]
    assert observed(graph, one_of_three) == [Observed("conv", "norm", True), Observed("conv", "relu", False)]
