"""DARTS: the notation, canonical forms, networks that cost what was published, and those of NDS."""

from __future__ import annotations

import json
import re
from random import Random

import pytest
import torch
from torch import nn

from PlainNet import Structure, build, cost, parse
from PlainNet.blocks.darts import NODES, OPERATIONS
from SearchSpace import CellSpace, SearchSpaceError, load_space
from SearchSpace.darts import Stacking, canonical, darts, genotype_of, network, read, stacking_of, write
from SearchSpace.genotype import PUBLISHED, Genotype

V2 = PUBLISHED["DARTS_V2"]
# Xu et al., ICLR 2020, and Chen et al., ICCV 2019, as in their repositories' genotypes.py.
PC_DARTS = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1), "
    "('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('dil_conv_3x3', 1)], normal_concat=range(2, 6), "
    "reduce=[('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2)], reduce_concat=range(2, 6))"
)
P_DARTS = (
    "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], normal_concat=range(2, 6), "
    "reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), ('max_pool_3x3', 0), "
    "('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], reduce_concat=range(2, 6))"
)

# Real et al., AAAI 2019, as in genotypes.py of quark0/darts.
AMOEBANET = (
    "Genotype(normal=[('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 2), "
    "('sep_conv_3x3', 0), ('avg_pool_3x3', 3), ('sep_conv_3x3', 1), ('skip_connect', 1), ('skip_connect', 0), "
    "('avg_pool_3x3', 1)], normal_concat=range(4, 7), "
    "reduce=[('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2), ('sep_conv_7x7', 0), "
    "('avg_pool_3x3', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 1), ('conv_7x1_1x7', 0), ('sep_conv_3x3', 5)], "
    "reduce_concat=[3, 4, 6])"
)


def random_genotype(rng: Random, nodes: int) -> Genotype:
    """Any that can be written down, `none` and equal sources included."""

    def cell() -> tuple[tuple[str, int], ...]:
        return tuple((rng.choice(OPERATIONS), rng.randrange(i // 2 + 2)) for i in range(2 * nodes))

    def concat() -> tuple[int, ...]:
        return tuple(rng.sample(range(2, nodes + 2), rng.randint(1, nodes)))

    return Genotype(cell(), concat(), cell(), concat())


# -- notation --------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", NODES)
def test_genotypes_are_written_and_read(nodes: int) -> None:
    rng = Random(nodes)
    for _ in range(50):
        genotype = random_genotype(rng, nodes)
        assert Genotype.parse(str(genotype)) == genotype
        structure = network(genotype, rng.randint(2, 64), rng.randint(1, 20), rng.choice(["cifar", "imagenet"]))
        assert genotype_of(structure) == genotype
        assert read(write(structure)) == structure
        assert parse(str(structure)) == structure


def test_the_public_spellings_are_one() -> None:
    text = str(V2)
    assert "normal_concat=range(2, 6)" in text
    lists = text.replace("range(2, 6)", "[2, 3, 4, 5]")
    tuples = lists.replace("[(", "((").replace(")]", "))")
    other_order = text.replace("normal_concat=range(2, 6)", "normal_concat=[5, 3, 4, 2]")
    spread = text.replace(", ", ",\n    ")
    for spelling in (text, lists, tuples, other_order, spread, "DARTS_V2", f" {text}\n"):
        assert Genotype.parse(spelling) == V2
        assert read(spelling) == network(V2)


def test_how_cells_are_stacked_is_part_of_the_text() -> None:
    structure = read("DARTS_V2 @ imagenet(48, 14)")
    assert structure == network(V2, 48, 14, "imagenet")
    assert stacking_of(structure) == Stacking("imagenet", 48, 14)
    assert write(structure) == f"{V2} @ imagenet(48, 14)"
    assert write(network(V2)) == str(V2)


def test_entries_of_nds_are_read() -> None:
    fields = {name: getattr(V2, name) for name in ("normal", "normal_concat", "reduce", "reduce_concat")}
    entry = {"genotype": fields, "width": 16, "depth": 20, "aux": False}
    assert read(json.dumps(fields)) == network(V2)
    assert read(json.dumps(entry)) == read(json.dumps({"net": entry, "params": 1.0})) == network(V2, 16, 20)
    assert read(json.dumps({**entry, "image": "imagenet"})) == network(V2, 16, 20, "imagenet")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ("Genotype(", "cannot be read"),
        ("DARTS_V3", "expected Genotype"),
        ("print('hello')", "expected Genotype"),
        ("Genotype([], [], [], [])", "by name"),
        (str(V2).replace("reduce_concat=range(2, 6)", "foo=1"), "by name"),
        (str(V2).replace("range(2, 6)", "range(2, 7)"), "numbers from 2 to 5"),
        (str(V2).replace("range(2, 6)", "range(10**9)"), "a list or range"),
        (str(V2).replace("range(2, 6)", "[2, 2]"), "each number once"),
        (str(V2).replace("range(2, 6)", "[]"), "numbers from 2 to 5"),
        (str(V2).replace("range(2, 6)", "open('x')"), "expected a list"),
        (str(V2).replace("dil_conv_3x3", "dil_conv_3x4"), "expected dil_conv_3x3"),
        (str(V2).replace("dil_conv_3x3", "max_pool_2x2"), "is 'max_pool_2x2', expected max_pool"),
        (str(V2).replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"), "edge 7 of normal is '5', expected 0 to 4"),
        (str(V2).replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', True)"), "expected 0 to 4"),
        (str(V2).replace("('dil_conv_3x3', 2)", "'dil_conv_3x3'"), r"expected \(operation, source\)"),
        (str(V2).replace(", ('dil_conv_3x3', 2)", ""), "7 edges, expected two for each node"),
        (str(V2).replace(", ('skip_connect', 0), ('dil_conv_3x3', 2)", ""), "normal has 6 edges and reduce has 8"),
        (f"{V2} @ imagenet(48)", "expected cifar"),
        (f"{V2} @ mnist(48, 14)", "expected cifar"),
        (f"{V2} @ cifar(1, 14)", "width of CellStack4 is 1"),
        (f"{V2} @ cifar(36, 1000)", "cells of CellStack4 is 1000"),
        ("-" * 500 + "1", "nested|cannot be read"),
        ("(" * 5000, "cannot be read"),
        ("1+" * 4000 + "1", "nested|cannot be read"),
        ("x" * 20_000, "more than"),
        ("'\\d'", "expected Genotype"),
        ("{", "is not valid JSON"),
        ('{"normal": []}', "expected an object with normal"),
        ('{"genotype": 3}', "expected an object with normal"),
        ('{"genotype": {}, "width": "a"}', "width is 'a'"),
        ('{"genotype": {}, "image": "a"}', "expected cifar or imagenet"),
        ('{"normal": 3, "normal_concat": [2], "reduce": [], "reduce_concat": []}', "normal is '3'"),
    ],
)
def test_bad_text_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(SearchSpaceError, match=says) as caught:
        read(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_other_networks_are_no_genotypes() -> None:
    for text in ("ConvKX(3,8,3,1)", str(network(V2)) + "BN(576)", str(network(V2)).replace("(3,", "(4,")):
        with pytest.raises(SearchSpaceError):
            genotype_of(parse(text))


# -- networks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "params"),
    [
        # README of quark0/darts: 3.349MB on CIFAR-10 and 4.719MB on ImageNet, millions without the auxiliary head;
        # osmr/imgclsmob has the latter to the last digit.
        ("DARTS_V2", 3_349_342),
        ("DARTS_V2 @ imagenet(48, 14)", 4_718_752),
    ],
)
def test_parameters_are_the_published_ones(text: str, params: int) -> None:
    assert cost(read(text), num_classes=1000 if "imagenet" in text else 10, resolution=224).params == params


@pytest.mark.parametrize(
    ("text", "millions"),
    [
        # Tables of the papers, in tenths of a million.
        (PC_DARTS, 3.6),  # Xu et al., table 1
        (P_DARTS, 3.4),  # Chen et al., table 1
        (f"{P_DARTS} @ imagenet(48, 14)", 4.9),  # ibid., table 2
        ("DARTS_V2", 3.3),  # Liu et al., table 1
        ("DARTS_V2 @ imagenet(48, 14)", 4.7),  # ibid., table 3
    ],
)
def test_parameters_are_those_of_the_tables(text: str, millions: float) -> None:
    params = cost(read(text), num_classes=1000 if "imagenet" in text else 10).params
    assert params / 1e6 == pytest.approx(millions, abs=0.06)  # some tables cut off, others round


def test_convolutions_on_the_longest_path_count_as_layers() -> None:
    nothing = Genotype((("skip_connect", 0), ("skip_connect", 1)) * 4, (5,), (("none", 0), ("none", 1)) * 4, (2,))
    # The stem, and before each of the first two cells a 1×1 convolution; where no edge arrives, counting starts anew.
    assert cost(network(nothing, 8, 1)).layers == 0
    assert cost(network(nothing, 8, 3), resolution=8).layers == 0
    chain = Genotype((("sep_conv_3x3", 1), ("none", 0)) * 2, (3,), (("skip_connect", 1), ("none", 0)) * 2, (3,))
    # Stem 1; a normal cell has 1 + 4 convolutions on its way, a reduction cell 1 + 1.
    assert cost(network(chain, 8, 4)).layers == 1 + 5 + 2 + 2 + 5
    pairs = Genotype((("conv_7x1_1x7", 1), ("none", 0)) * 2, (3,), chain.reduce, (3,))
    assert cost(network(pairs, 8, 4)).layers == 1 + 3 + 2 + 2 + 3


class Reduce(nn.Module):
    """What `skip_connect` is where the resolution is halved, from the paper's description: a reference."""

    def __init__(self, conv_1: nn.Conv2d, conv_2: nn.Conv2d, bn: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv_1, self.conv_2, self.bn = conv_1, conv_2, bn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.relu()
        halves = self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])
        normalised: torch.Tensor = self.bn(torch.cat(halves, 1))
        return normalised


def test_the_reduction_sees_other_positions_with_its_other_half() -> None:
    """A cell of one pooled and one factorised edge, against modules put together here."""
    edges = (("skip_connect", 0), ("max_pool_3x3", 1)) * 2
    model = build(network(Genotype(edges, (2,), edges, (2,)), 4, 1)).eval()
    block, x = model.blocks[0], torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        image = block.get_submodule("stem.0.bn")(block.get_submodule("stem.0.conv")(x))
        s0, s1 = (
            block.get_submodule(f"cell0.preprocess{i}.bn")(
                block.get_submodule(f"cell0.preprocess{i}.conv")(image.relu())
            )
            for i in (0, 1)
        )
        parts = [block.get_submodule(f"cell0.node0.0.{name}") for name in ("conv_1", "conv_2", "bn")]
        expected = Reduce(*parts)(s0) + nn.functional.max_pool2d(s1, 3, 2, 1)  # type: ignore[arg-type]
        torch.testing.assert_close(block(x), expected)


def test_rows_and_columns_are_those_of_plain_layers() -> None:
    """A reduction cell with both operations, at odd and even sizes, against layers put together here."""
    edges = (("conv_7x1_1x7", 0), ("conv_3x1_1x3", 1), ("conv_3x1_1x3", 2), ("conv_7x1_1x7", 2))
    model = build(network(Genotype(edges, (2, 3), edges, (2, 3)), 4, 1)).eval()
    block = model.blocks[0]
    for parameter in block.parameters():  # scales and shifts too
        nn.init.normal_(parameter)

    def edge(name: str, x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
        width, pad = x.shape[1], kernel // 2
        row = nn.Conv2d(width, width, (1, kernel), stride=(1, stride), padding=(0, pad), bias=False)
        column = nn.Conv2d(width, width, (kernel, 1), stride=(stride, 1), padding=(pad, 0), bias=False)
        row.weight = block.get_parameter(f"{name}.conv.row.weight")
        column.weight = block.get_parameter(f"{name}.conv.column.weight")
        y: torch.Tensor = block.get_submodule(f"{name}.bn")(column(row(x.relu())))
        return y

    for size in (7, 8):
        x = torch.randn(2, 3, size, size)
        with torch.no_grad():
            image = block.get_submodule("stem.0.bn")(block.get_submodule("stem.0.conv")(x))
            s0, s1 = (
                block.get_submodule(f"cell0.preprocess{i}.bn")(
                    block.get_submodule(f"cell0.preprocess{i}.conv")(image.relu())
                )
                for i in (0, 1)
            )
            s2 = edge("cell0.node0.0", s0, 7, 2) + edge("cell0.node0.1", s1, 3, 2)
            s3 = edge("cell0.node1.0", s2, 3, 1) + edge("cell0.node1.1", s2, 7, 1)
            torch.testing.assert_close(block(x), torch.cat([s2, s3], 1), atol=1e-3, rtol=1e-4)


def test_amoebanet_is_read_and_built() -> None:
    genotype = Genotype.parse(AMOEBANET)
    assert str(genotype) == AMOEBANET
    structure = network(genotype, 4, 5)
    assert genotype_of(structure) == genotype
    assert read(write(structure)) == structure == parse(str(structure))
    model = build(structure)
    assert model(torch.randn(2, 3, 15, 15)).shape == (2, 10)
    assert cost(structure, resolution=15).params == sum(p.numel() for p in model.parameters())
    # Against 9 weights for a pair of channels, 7 + 7: width 8 in the first reduction cell and 16 in the second.
    square = read(write(structure).replace("conv_7x1_1x7", "conv_3x3"))
    assert cost(structure).params - cost(square).params == (14 - 9) * (8 * 8 + 16 * 16)


def test_operations_keep_their_numbers() -> None:
    """Structures name operations by number: those of a release stay where they were."""
    assert OPERATIONS[:15] == (
        *("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"),
        *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5", "sep_conv_7x7", "dil_sep_conv_3x3"),
        *("conv_1x1", "conv_3x3", "max_pool_5x5", "max_pool_7x7", "avg_pool_5x5"),
    )
    assert OPERATIONS[15:17] == ("conv_7x1_1x7", "conv_3x1_1x3")


# -- canonical forms -------------------------------------------------------------------------


def renamed(edges: tuple[tuple[str, int], ...], order: list[int], rng: Random) -> tuple[tuple[str, int], ...]:
    """The cell with its nodes in another order, `order[i]` being the old number of the new node i."""
    places = {0: 0, 1: 1, **{old + 2: new + 2 for new, old in enumerate(order)}}
    found: list[tuple[str, int]] = []
    for old in order:
        pair = [(operation, places[source]) for operation, source in edges[2 * old : 2 * old + 2]]
        found += rng.sample(pair, 2)
    return tuple(found)


def test_names_of_nodes_and_orders_of_edges_do_not_count() -> None:
    rng = Random(0)
    space = darts()
    changed = 0
    for _ in range(150):
        genotype = genotype_of(space.sample(rng))
        order = rng.sample(range(4), 4)
        try:
            normal = renamed(genotype.normal, order, rng)
            other = Genotype(normal, genotype.normal_concat, genotype.reduce, genotype.reduce_concat)
        except SearchSpaceError:  # a node would read a later one
            continue
        changed += other != genotype
        assert canonical(network(other)) == canonical(network(genotype))
        first = V2.normal if genotype.normal != V2.normal else V2.reduce
        assert canonical(network(Genotype(first, (2, 3, 4, 5), genotype.reduce, (2, 3, 4, 5)))) != canonical(
            network(genotype)
        )
    assert changed > 20


def test_what_reaches_no_output_does_not_count() -> None:
    dead = Genotype(V2.normal, (2, 3), V2.reduce, (2,))
    edges = (*V2.normal[:4], ("sep_conv_5x5", 2), ("none", 0), ("conv_3x3", 4), ("none", 4))
    assert canonical(network(dead)) == canonical(network(Genotype(edges, (2, 3), V2.reduce, (2,))))
    assert canonical(network(dead)) != canonical(network(V2))
    assert canonical(network(V2, 16, 8)) != canonical(network(V2))


def test_cells_of_one_canonical_form_compute_the_same() -> None:
    """A cell with its nodes in another order: with the weights of its edges, it gives its channels in that order."""
    order = [1, 2, 0, 3]  # the first three read the inputs only
    cells = V2.normal, renamed(V2.normal, order, Random(1))
    structures = [network(Genotype(cell, V2.normal_concat, cell, V2.reduce_concat), 4, 1) for cell in cells]
    assert structures[0] != structures[1]
    assert canonical(structures[0]) == canonical(structures[1])
    one, other = (build(structure).eval().blocks[0] for structure in structures)
    state = one.state_dict()
    places = {0: 0, 1: 1, **{old + 2: new + 2 for new, old in enumerate(order)}}

    def name_in_one(name: str) -> str:
        found = re.match(r"cell0\.node(\d)\.(\d)", name)
        if found is None:
            return name
        old = order[int(found[1])]
        edges = [(operation, places[source]) for operation, source in cells[0][2 * old : 2 * old + 2]]
        edge = edges.index(cells[1][2 * int(found[1]) + int(found[2])])
        return f"cell0.node{old}.{edge}{name[found.end() :]}"

    other.load_state_dict({name: state[name_in_one(name)] for name in other.state_dict()})
    x = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        chunks = one(x).chunk(4, 1)
        torch.testing.assert_close(other(x), torch.cat([chunks[old] for old in order], 1))


# -- the space -------------------------------------------------------------------------------


def test_it_is_a_space_with_a_notation() -> None:
    space = load_space("darts")
    assert isinstance(space, CellSpace)
    assert space.write(space.initial()) == str(V2)


def test_a_mutation_changes_one_edge_and_keeps_the_stacking() -> None:
    start = network(V2, 16, 8)
    space = darts(start)
    rng = Random(0)
    sources = operations = 0
    for _ in range(200):
        mutated = space.mutate(start, rng)
        assert space.contains(mutated)
        before, after = ((*g.normal, *g.reduce) for g in (genotype_of(start), genotype_of(mutated)))
        ((old, new),) = [(x, y) for x, y in zip(before, after, strict=True) if x != y]
        sources += old[1] != new[1]
        operations += old[0] != new[0]
        start = mutated
    assert sources > 40
    assert operations > 80
    assert sources + operations == 200


def test_genotypes_outside_the_space_are_read_but_not_contained() -> None:
    space = darts()
    for genotype in (
        Genotype((("none", 0), *V2.normal[1:]), V2.normal_concat, V2.reduce, V2.reduce_concat),
        Genotype((("skip_connect", 1), *V2.normal[1:]), V2.normal_concat, V2.reduce, V2.reduce_concat),
        Genotype(V2.normal, (4, 5), V2.reduce, V2.reduce_concat),
        random_genotype(Random(0), 5),
    ):
        structure: Structure = space.read(str(genotype))
        assert space.read(space.write(structure)) == structure
        assert not space.contains(structure)
        with pytest.raises(SearchSpaceError, match="the initial network is not in the search space darts"):
            load_space("darts", structure)
    assert not space.contains(network(V2, 16, 8))
