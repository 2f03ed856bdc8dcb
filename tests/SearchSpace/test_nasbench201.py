"""NAS-Bench-201: notation, canonical forms, and networks that cost what was published."""

from __future__ import annotations

import csv
import gzip
import math
from itertools import combinations, permutations
from pathlib import Path
from random import Random

import pytest
import torch

from PlainNet import build, cost, lower
from SearchSpace.base import SearchSpaceError
from SearchSpace.nasbench201 import EDGES, Cell201, all_cells, canonical, cell_of, network, published_flops
from tests.conftest import data_folder

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


def test_every_cell_is_written_and_read() -> None:
    cells = list(all_cells())
    assert len(set(cells)) == 15_625
    assert all(Cell201.parse(str(cell)) == cell for cell in cells)
    assert cell_of(network(cells[1234])) == cells[1234]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1 nodes, expected 3"),
        (BEST.replace("|+|", "|"), "nodes, expected 3"),
        (BEST.replace("nor_conv_1x1~2", "nor_conv_5x5~2"), "nor_conv_5x5~2"),
        (BEST.replace("nor_conv_1x1~2", "nor_conv_1x1~1"), "then ~2"),
        (BEST[:-1], "node 3"),
        (BEST.replace("|skip_connect~0", ""), "expected 3 edges"),
    ],
)
def test_bad_text_is_refused(text: str, says: str) -> None:
    with pytest.raises(SearchSpaceError, match=says):
        Cell201.parse(text)


def test_cells_of_one_canonical_form_compute_the_same() -> None:
    """A skip in front of a convolution or the convolution itself, on either way round: one function, one form."""
    a = Cell201.parse("|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|")
    b = Cell201.parse("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|")
    c = Cell201.parse("|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|")
    assert canonical(a) == canonical(b) == canonical(c)
    x = torch.randn(2, 3, 8, 8)
    outputs = []
    for cell in (a, b):
        torch.manual_seed(0)
        outputs.append(build(network(cell, 8, 1)).eval()(x))
    assert torch.equal(outputs[0], outputs[1])


def values(cell: Cell201) -> frozenset[float]:
    """What the cell makes of 0.3, over all ways to hand its convolutions' weights around.

    A toy of the cell on numbers: a convolution is a function of its own, pooling one that all share.
    """
    edges = [i for i, chosen in enumerate(cell.edges) if chosen in (2, 3)]
    found = set()
    for weights in permutations(range(1, 1 + len(edges))):
        weight = dict(zip(edges, weights, strict=True))
        nodes = [0.3]
        for node in (1, 2, 3):
            terms = []
            for i, (to, source) in enumerate(EDGES):
                if to == node and cell.edges[i] and nodes[source]:
                    chosen, x = cell.edges[i], nodes[source]
                    convolved = math.sin(weight.get(i, 0) * x + chosen)
                    terms.append({1: x, 4: math.tanh(2.0 * x + 0.1)}.get(chosen, convolved))
            nodes.append(math.fsum(terms))
        found.add(round(nodes[3], 9))
    return frozenset(found)


def test_forms_are_functions() -> None:
    """Cells that use all their convolutions have one form exactly where they compute the same."""
    cells = [cell for cell in Random(0).sample(list(all_cells()), 400) if _uses_all(cell)]
    cells += [Cell201((3, 0, 1, 0, 1, 1)), Cell201((3, 3, 0, 0, 1, 1)), Cell201((3, 0, 1, 1, 1, 0))]
    by_value = {cell: values(cell) for cell in cells}
    for a, b in combinations(cells, 2):
        same = len(by_value[a]) == len(by_value[b]) and by_value[a] == by_value[b]
        assert (canonical(a) == canonical(b)) == same, (str(a), str(b))


def _uses_all(cell: Cell201) -> bool:
    """Whether every convolution has an input and leads to the output: its params then count in the value."""
    fed, leads = {0}, {3}
    for (to, source), chosen in zip(EDGES, cell.edges, strict=True):
        if chosen and source in fed:
            fed.add(to)
    for (to, source), chosen in reversed(list(zip(EDGES, cell.edges, strict=True))):
        if chosen and to in leads:
            leads.add(source)
    edges = zip(EDGES, cell.edges, strict=True)
    return all(source in fed and to in leads for (to, source), chosen in edges if chosen in (2, 3))


def test_one_convolution_used_twice_is_not_two() -> None:
    once, twice = Cell201((3, 0, 1, 0, 1, 1)), Cell201((3, 3, 0, 0, 1, 1))
    assert canonical(once) == "nor_conv_3x3(x)+nor_conv_3x3(x)"
    assert canonical(twice) == "nor_conv_3x3#1(x)+nor_conv_3x3#2(x)"
    assert len({canonical(cell) for cell in all_cells()}) == 5260


def test_disconnected_cells_share_the_empty_form() -> None:
    assert canonical(Cell201((0, 0, 0, 0, 0, 0))) == canonical(Cell201((3, 3, 3, 0, 0, 0))) == ""


def test_layers_are_those_of_the_longest_path() -> None:
    assert cost(network(Cell201.parse(BEST))).layers == 1 + 15 * 3 + 2 * 2
    assert cost(network(Cell201((3, 3, 3, 1, 0, 0)))).layers == 1 + 2 * 2


def test_parameters_and_flops_are_the_published_ones() -> None:
    path = data_folder() / "nb201_proxies_naslib_cifar10.csv.gz"
    rows = Random(0).sample(list(_rows(path)), 300)
    for row in rows:
        structure = network(Cell201.parse(row["arch_str"]))
        assert cost(structure).params == round(float(row["params"]) * 1e6)
        assert published_flops(lower(structure, resolution=32, num_classes=10)) == round(float(row["flops"]) * 1e6)


def _rows(path: Path) -> csv.DictReader[str]:
    return csv.DictReader(gzip.open(path, "rt"))
