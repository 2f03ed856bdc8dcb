"""NAS-Bench-101: notation, classes, and networks that have as many parameters as the benchmark says."""

from __future__ import annotations

import json
from itertools import product
from random import Random

import pytest
import torch

from PlainNet import StructureError, build, cost, lower, parse
from PlainNet.blocks.nasbench101 import OPERATIONS, matrix_of, passed, vertex_channels
from SearchSpace import CellSpace, SearchSpaceError, load_space
from SearchSpace.nasbench101 import Cell101, canonical, cell_of, nasbench101, network, pruned

C1, C3, POOL = OPERATIONS
INCEPTION = {
    "matrix": [
        [0, 1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    "ops": ["input", C1, C3, C3, C3, POOL, "output"],
}
"""The example in the README of google-research/nasbench."""


def random_cells(count: int, seed: int = 0) -> list[Cell101]:
    space, rng = nasbench101(), Random(seed)
    return [cell_of(space.sample(rng)) for _ in range(count)]


# -- notation --------------------------------------------------------------------------------


def test_cells_are_written_and_read() -> None:
    for cell in random_cells(200):
        assert Cell101.parse(str(cell)) == cell
        assert cell_of(network(cell)) == cell
        assert parse(str(network(cell))) == network(cell)
    assert str(Cell101((), ((0, 1),))) == "output~0"


def test_the_benchmarks_own_form_is_read() -> None:
    text = f"{C1}~0|{C3}~0|{C3}~0|{C3}~3|{POOL}~0|output~1,2,4,5"
    assert str(Cell101.parse(json.dumps(INCEPTION))) == text
    answer = {"module_adjacency": INCEPTION["matrix"], "module_operations": INCEPTION["ops"]}
    assert str(Cell101.parse(json.dumps(answer))) == text


def test_vertices_on_no_path_are_left_out() -> None:
    assert str(Cell101.parse(f"{C1}~0|{C3}~0|{POOL}~1|output~2")) == f"{C3}~0|output~1"
    assert pruned([C1, C3], [(1, 2), (0, 3), (2, 3)]) == Cell101((), ((0, 1),))
    structure = nasbench101().read(f"{C1}~0|{C3}~0|{POOL}~1|output~2")
    assert nasbench101().contains(structure)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "vertex 1 is ''"),
        (f"{C3}~0", "last vertex is 'conv3x3-bn-relu'"),
        (f"{C3}~1|output~1", "vertex 1 has source 1, expected numbers less than 1"),
        ("conv5x5-bn-relu~0|output~1", "vertex 1 is 'conv5x5-bn-relu~0'"),
        (f"{C3}|output~1", "then ~ and its sources"),
        (f"{C3}~0|output~x", "vertex 2 is 'output~x'"),
        (f"output~0|{C3}~0|output~1,2", "operation 'output'"),
        ("|".join([f"{C3}~{i}" for i in range(6)] + ["output~6"]), "8 vertices, expected at most 7"),
        ("|".join([f"{C3}~{','.join(map(str, range(i)))}" for i in range(1, 5)] + ["output~4"]), "11 edges"),
        ("x" * 3000, "more than 2000"),
        ("{", "is not valid JSON"),
        ('{"matrix": [[0, 1], [0, 0]]}', "ops is 'None'"),
        ('{"matrix": [[0, 1], [0, 0]], "ops": ["input", "x"]}', "starts with input and ends with output"),
        ('{"matrix": [[0, 1]], "ops": ["input", "output"]}', "expected 2 rows"),
        ('{"matrix": [[0, 1], [0]], "ops": ["input", "output"]}', "row 1 of matrix"),
        ('{"matrix": [[0, 2], [0, 0]], "ops": ["input", "output"]}', "zeros and ones"),
        ('{"matrix": [[0, 1], [1, 0]], "ops": ["input", "output"]}', "a 1 on or before the diagonal"),
        ('{"matrix": [[0, 0], [0, 0]], "ops": ["input", "output"]}', "no path"),
        ('{"matrix": [[0, 1, 0], [0, 0, 1], [0, 0, 0]], "ops": ["input", 3, "output"]}', "operation '3'"),
    ],
)
def test_bad_text_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(SearchSpaceError, match=says) as caught:
        Cell101.parse(text)
    assert "\n" not in str(caught.value)


def test_cells_made_by_hand_are_checked() -> None:
    for operations, edges in (((C1,), ((0, 2),)), ((), ((0, 1), (0, 1))), ((), ((1, 0),)), ((C1,), ((0, 1), (1, 3)))):
        with pytest.raises(SearchSpaceError):
            Cell101(operations, edges)


def test_other_networks_have_no_cell() -> None:
    network_ = str(network(Cell101((C3,), ((0, 1), (1, 2)))))
    for text in (
        "ConvKX(3,8,3,1)",
        network_ + "BN(512)",
        network_.replace("NB101Cell(256,512", "NB101Cell(256,512", 1)[:-1],
    ):
        with pytest.raises((SearchSpaceError, StructureError)):
            cell_of(parse(text))


# -- networks --------------------------------------------------------------------------------


def test_channels_are_shared_out_as_published() -> None:
    """The cases of figure 1 of the paper and of its text: an even share, a remainder, and the widest successor."""
    two = {(0, 1), (0, 2), (1, 3), (2, 3)}
    assert vertex_channels(two, 3, 16) == {1: 8, 2: 8}
    assert vertex_channels(two, 3, 15) == {1: 8, 2: 7}
    three = {(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)}
    assert vertex_channels(three, 4, 128) == {1: 43, 2: 43, 3: 42}
    forked = {(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)}
    assert vertex_channels(forked, 4, 9) == {1: 5, 2: 5, 3: 4}
    assert vertex_channels({(0, 1)}, 1, 9) == {}


@pytest.mark.parametrize(
    ("text", "params"),
    [
        # Printed in google-research/nasbench, NASBench.ipynb.
        (json.dumps(INCEPTION), 2_694_282),
        # Entries of nasbench_only108.tfrecord, as public code that reads it prints them.
        (f"{C3}~0|{POOL}~1|{C3}~2|{C3}~0|{C1}~0,3,4|output~2,5", 8_555_530),
        (f"{POOL}~0|{C3}~1|{POOL}~0|{C1}~1,3|{POOL}~1,4|output~2,5", 3_468_426),
        # The most that a network of the benchmark has.
        (f"{C3}~0|{C3}~0,1|{C3}~0,2|{C3}~0,3|{C3}~4|output~5", 49_979_274),
    ],
)
def test_parameters_are_the_published_ones(text: str, params: int) -> None:
    assert cost(network(Cell101.parse(text))).params == params


def test_a_vertex_drops_the_channel_that_what_it_feeds_does_not_take() -> None:
    """128 channels over three vertices are 43, 43 and 42, and the second feeds the third."""
    cell = Cell101.parse(f"{C3}~0|{C3}~0|{C1}~2|output~1,2,3")
    structure = network(cell, cells=1)
    graph = lower(structure, resolution=8, num_classes=10)
    assert "Truncate" in {type(node.op).__name__ for node in graph.nodes}
    assert build(structure)(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_the_cell_computes_what_the_paper_says() -> None:
    """Sums at vertices, a projection for each edge from the input, concatenation at the output, and its link added."""
    cell = Cell101.parse(f"{C1}~0|{POOL}~0,1|output~0,1,2")
    model = build(network(cell, 4, 1)).eval()
    block = model.blocks[3]
    x = torch.randn(2, 4, 8, 8)

    def conv_bn_relu(name: str, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = block.get_submodule(f"{name}.bn")(block.get_submodule(f"{name}.conv")(x))
        return found.relu()

    with torch.no_grad():
        one = conv_bn_relu("vertex1", conv_bn_relu("vertex1.projection", x))
        two = torch.nn.functional.max_pool2d(one + conv_bn_relu("vertex2.projection", x), 3, 1, 1)
        torch.testing.assert_close(block(x), torch.cat([one, two], 1) + conv_bn_relu("projection", x))


def test_broken_blocks_are_refused() -> None:
    with pytest.raises(StructureError, match="no path from the input"):
        parse("NB101Cell(8,8,0,0,0,0,0,0)")
    with pytest.raises(StructureError, match="widen it"):
        parse(f"NB101Cell(8,1,{matrix_of({(0, 1), (0, 2), (1, 6), (2, 6)})},0,0,0,0,0)")


def test_layers_are_those_of_the_longest_path() -> None:
    # The stem; in each of nine cells the projection and two convolutions.
    assert cost(network(Cell101.parse(f"{C3}~0|{POOL}~1|{C1}~2|output~0,3"))).layers == 1 + 9 * 3
    assert cost(network(Cell101.parse("output~0"))).layers == 1 + 9


# -- classes ---------------------------------------------------------------------------------


def relabelled(cell: Cell101, rng: Random) -> Cell101:
    """The same graph with its vertices in another order."""
    while True:
        order = rng.sample(range(1, cell.output), len(cell.operations))
        places = {0: 0, cell.output: cell.output, **{vertex: place for place, vertex in enumerate(order, start=1)}}
        edges = sorted((places[i], places[j]) for i, j in cell.edges)
        if all(i < j for i, j in edges):
            return Cell101(tuple(cell.operations[vertex - 1] for vertex in order), tuple(edges))


def test_the_order_of_vertices_does_not_count() -> None:
    rng = Random(0)
    others = 0
    for cell in random_cells(100):
        other = relabelled(cell, rng)
        others += other != cell
        assert canonical(other) == canonical(cell)
        assert canonical(Cell101.parse(canonical(cell))) == canonical(cell)
    assert others > 10


def test_the_classes_are_as_many_as_published() -> None:
    """423,624 up to seven vertices (Ying et al.); 1 + 6 + 84 + 2441 + 62,010 + 359,082. Here those up to five."""
    found = []
    for vertices in range(2, 6):
        everything = [(i, j) for i in range(vertices) for j in range(i + 1, vertices)]
        classes = set()
        for bits in product((0, 1), repeat=len(everything)):
            edges = tuple(edge for edge, bit in zip(everything, bits, strict=True) if bit)
            if len(edges) <= 9 and passed(edges, vertices - 1) == list(range(vertices)):
                classes |= {canonical(Cell101(ops, edges)) for ops in product(OPERATIONS, repeat=vertices - 2)}
        found.append(len(classes))
    assert found == [1, 6, 84, 2441]


def test_cells_of_one_class_compute_the_same() -> None:
    """Two branches either way round: with the weights exchanged, the outputs are, too."""
    one, other = (Cell101.parse(f"{a}~0|{b}~0|output~1,2") for a, b in ((C3, C1), (C1, C3)))
    assert one != other
    assert canonical(one) == canonical(other)
    blocks = [build(network(cell, 8, 1)).eval().blocks[3] for cell in (one, other)]
    exchanged = str.maketrans("12", "21")
    state = blocks[0].state_dict()
    blocks[1].load_state_dict(
        {name: state[name[:7].translate(exchanged) + name[7:]] for name in blocks[1].state_dict()}
    )
    x = torch.randn(2, 8, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(blocks[1](x), blocks[0](x).roll(4, 1))


# -- the space -------------------------------------------------------------------------------


def test_it_is_a_space_with_a_notation() -> None:
    space = load_space("nasbench101")
    assert isinstance(space, CellSpace)
    assert space.write(space.initial()) == f"{C3}~0|{C3}~1|output~0,2"


def test_mutations_reach_every_size() -> None:
    space, rng = nasbench101(), Random(0)
    structure, sizes = space.initial(), set()
    for _ in range(300):
        mutated = space.mutate(structure, rng)
        assert mutated != structure
        structure = mutated
        sizes.add(cell_of(structure).output + 1)
    assert sizes >= {3, 4, 5, 6, 7}
