"""Graphs of structures: what nodes and links are, in cells, in chains of decisions and in chains of blocks."""

from __future__ import annotations

from collections import defaultdict

from PlainNet import parse
from SearchSpace import CellSpace, DecisionSpace, GraphSpace, graphs_of, load_space
from SearchSpace.graphs import Features, one_hot
from SearchSpace.nasbench201 import Cell201, all_cells, canonical, graph_of


def labels(nodes: tuple[Features, ...]) -> list[int]:
    return [node.index(1.0) for node in nodes]


def test_a_cell_of_nasbench201_has_its_operations_as_nodes() -> None:
    graph = graph_of(Cell201.parse("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"))
    assert labels(graph.nodes) == [5, 3, 2, 4, 6]
    assert graph.links == ((0, 1), (0, 4), (1, 2), (2, 3), (3, 4))


def test_what_leads_nowhere_is_no_node_and_two_identities_are_two_links() -> None:
    dead = graph_of(Cell201.parse("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"))
    assert labels(dead.nodes) == [5, 6]
    assert dead.links == ((0, 1),)
    twice = graph_of(Cell201.parse("|skip_connect~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|"))
    assert twice.links == ((0, 1), (0, 1))


def test_cells_of_nasbench201_with_equal_graphs_compute_the_same_function() -> None:
    names = defaultdict(set)
    for cell in all_cells():
        names[graph_of(cell)].add(canonical(cell))
    assert max(map(len, names.values())) == 1
    assert len(names) < 7_000  # of 15,625 cells


def test_a_cell_of_nasbench101_is_its_own_graph() -> None:
    space = load_space("nasbench101")
    assert isinstance(space, CellSpace)
    graph = graphs_of(space)(space.read("conv3x3-bn-relu~0|maxpool3x3~0,1|output~0,1,2"))
    assert len({*graph.nodes}) == 4
    assert graph.links == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def test_darts_has_two_cells_side_by_side_that_are_told_apart() -> None:
    space = load_space("darts")
    assert isinstance(space, CellSpace)
    assert isinstance(space, GraphSpace)
    graph = space.graph(space.initial())
    assert len(graph.nodes) == 2 * (2 + 4 * 3 + 1)
    assert [node[-1] for node in graph.nodes] == 15 * [0.0] + 15 * [1.0]
    assert not [link for link in graph.links if link[0] < 15 <= link[1]]
    first, second = "('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ", "('sep_conv_3x3', 1), ('skip_connect', 0), "
    text = space.write(space.initial())
    assert first in text
    swapped = space.read(text.replace(second, "('skip_connect', 0), ('sep_conv_3x3', 1), "))
    assert space.graph(swapped) == graph


def test_other_decisions_are_a_chain_in_which_each_option_is_a_feature() -> None:
    space = load_space("nasbench-macro")
    assert isinstance(space, DecisionSpace)
    graph = graphs_of(space)(space.decode((0, 1, 2, 1, 1, 2, 1, 2)))
    assert labels(graph.nodes) == [0, 4, 8, 10, 13, 17, 19, 23]
    assert graph.links == tuple((i, i + 1) for i in range(7))


def test_blocks_are_a_chain_with_logarithms_of_their_arguments() -> None:
    of = graphs_of(load_space("XXBL"))
    small, wide = (of(parse(f"SuperConvK3BNRELU(3,{width},1,1)SuperConvK1BNRELU({width},16,1,1)")) for width in (7, 15))
    assert small.links == ((0, 1),)
    changed = [(a, b) for a, b in zip(small.nodes[0], wide.nodes[0], strict=True) if a != b]
    assert changed == [(3.0, 4.0)]
    assert small.nodes[0] != small.nodes[1]


def test_branches_are_paths_from_their_block_to_the_next() -> None:
    graph = graphs_of(load_space("units"))(
        parse("ConvKX(3,8,3,1)MultiSumBlock(ConvKX(8,8,3,1)RELU(8);ConvKX(8,8,1,1))RELU(8)")
    )
    assert graph.links == ((0, 1), (1, 2), (1, 4), (2, 3), (3, 5), (4, 5))


def test_one_hot() -> None:
    assert one_hot(1, 3) == (0.0, 1.0, 0.0)
