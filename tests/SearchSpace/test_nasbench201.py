"""NAS-Bench-201: notation, canonical forms, and networks that cost what was published."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from random import Random

import pytest
import torch

from PlainNet import build, cost, lower
from SearchSpace.base import SearchSpaceError
from SearchSpace.nasbench201 import Cell201, all_cells, canonical, cell_of, network, published_flops
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
    assert len({canonical(cell) for cell in all_cells()}) == 5773
    x = torch.randn(2, 3, 8, 8)
    outputs = []
    for cell in (a, b):
        torch.manual_seed(0)
        outputs.append(build(network(cell, 8, 1)).eval()(x))
    assert torch.equal(outputs[0], outputs[1])


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
