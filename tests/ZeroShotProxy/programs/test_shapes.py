"""Shapes from op graphs against the statistics of networks that run."""

from __future__ import annotations

from random import Random

import pytest
import torch

from PlainNet import Options, Structure, lower, parse
from PlainNet.masternet import MasterNet
from SearchSpace import load_space
from SearchSpace.nasbench101 import Cell101
from SearchSpace.nasbench101 import network as network_101
from SearchSpace.nasbench201 import Cell201
from SearchSpace.nasbench201 import network as network_201
from ZeroShotProxy.engine.probe import Probe
from ZeroShotProxy.programs.shapes import shapes_of_units
from ZeroShotProxy.programs.statistics import STATISTICS, UNIT_KINDS, statistics_of_units

CELL = Cell201.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|skip_connect~2|")
NONE = Cell201.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
RESIDUAL = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,2)SuperResIDWE2K5(16,16,2,8,1)SuperConvK1BNRELU(16,24,1,1)"


def check(structure: Structure, resolution: int, images: int, names: list[str], options: Options = Options()) -> int:
    """Hold the shapes of a network against its statistics; returns how many units it has that begin with a ReLU."""
    torch.manual_seed(0)
    batch = torch.randn(images, 3, resolution, resolution, generator=torch.Generator().manual_seed(1))
    probe = Probe(MasterNet(structure, 5, options), batch, None)
    graph = lower(structure, resolution=resolution, num_classes=5, options=options)
    counts = []
    for kind in UNIT_KINDS:
        found = statistics_of_units(probe, names, units=kind)
        shapes = [{name: tuple(value.shape) for name, value in unit.items()} for unit in found]
        assert shapes_of_units(graph, names, images, kind) == shapes
        counts.append(len(shapes))
    return counts[0]


def test_all_statistics_of_a_cell() -> None:
    assert check(network_201(CELL, channels=4, cells=1), 16, 2, list(STATISTICS)) > 4


def test_a_cell_of_zeros_which_has_no_gradients() -> None:
    names = [name for name in STATISTICS if not name.startswith("grad")]
    assert check(network_201(NONE, channels=4, cells=1), 16, 2, names) == 4


def test_all_statistics_of_blocks_with_groups_and_gates() -> None:
    assert check(parse(RESIDUAL), 15, 2, list(STATISTICS), Options(use_se=True)) > 4


def test_a_cell_of_nasbench101() -> None:
    cell = Cell101(("conv3x3-bn-relu", "conv1x1-bn-relu"), ((0, 1), (0, 2), (1, 2), (2, 3)))
    assert check(network_101(cell, channels=8, cells=1), 16, 2, ["pre_noise", "weight", "output_noise"]) > 2


@pytest.mark.parametrize("name", ["XXBL", "IDW_fixfc", "nasbench-macro", "mobile", "darts"])
def test_networks_of_other_spaces(name: str) -> None:
    space = load_space(name)
    structure = space.sample(Random(0)) if hasattr(space, "sample") else space.initial()
    check(structure, 32, 2, ["pre_noise", "weight", "output_noise"])


def test_a_network_without_units_has_no_shapes() -> None:
    graph = lower(parse("SuperConvK3BNRELU(3,8,1,1)"), resolution=8, num_classes=5)
    assert shapes_of_units(graph, list(STATISTICS), 1) == []
