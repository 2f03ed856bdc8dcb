"""Proxies that read a structure, against their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from PlainNet import build, parse
from SearchSpace.darts import network as cells
from SearchSpace.genotype import Genotype
from SearchSpace.nasbench201 import Cell201, network
from ZeroShotProxy import ProxyError, ScoreSettings, score
from ZeroShotProxy.proxies.linear_regions import thin

from .small_network import CPU


def test_deepmad_of_a_chain() -> None:
    # Two stages: 3×3 of 3 at 16 pixels, then 3×3 of 8 with stride 2 and 1×1 of 8.
    structure = parse("ConvKX(3,8,3,1)ConvKX(8,8,3,2)ConvKX(8,4,1,1)")
    widths = [3 * 9, 8 * 9, 8]
    first = math.log(16**2 * 8) * math.log(widths[0])
    whole = math.log(8**2 * 4) * sum(map(math.log, widths))
    expected = first + 8 * whole - 10 * math.exp(0.25)
    settings = ScoreSettings(resolution=16)
    found = score(structure, ["deepmad", "deepmad_effectiveness"], settings)
    assert found["deepmad"].value == pytest.approx(expected)
    mean = math.prod(widths) ** (1 / 3)
    assert found["deepmad_effectiveness"].value == pytest.approx(3 / mean)


def test_deepmad_counts_rows_and_columns() -> None:
    edges = (("conv_7x1_1x7", 0), ("none", 1)) * 2
    structure = cells(Genotype(edges, (2,), edges, (2,)), channels=4, layers=1)
    widths = [3 * 9, 12, 8 * 7, 8 * 7]  # the stem, the 1×1 before the reduction cell, and the pair
    found = score(structure, ["deepmad_effectiveness"], ScoreSettings(resolution=8))
    assert found["deepmad_effectiveness"].value == pytest.approx(4 / math.prod(widths) ** (1 / 4))


def test_thin_networks_keep_each_kind_of_block_once() -> None:
    cell = Cell201.parse("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")
    assert str(thin(network(cell), CPU)) == "NB201Cell(1,3,0,0,2,0,0)NB201Reduction(1,1)"
    with pytest.raises(ProxyError, match="blocks of several operations"):
        score(parse("ConvKX(3,8,3,1)"), ["linear_regions"], CPU)


def test_params_and_flops_of_any_module_are_those_of_its_structure() -> None:
    structure = parse("SuperConvK3BNRELU(3,8,1,1)SuperResIDWE2K3(8,16,2,8,1)")
    net = build(structure, use_se=True)
    settings = ScoreSettings(resolution=16, device="cpu", use_se=True)
    expected = score(structure, ["params", "flops"], settings)
    x = torch.randn(2, 3, 16, 16)
    assert score(nn.Sequential(net), x, ["params", "flops"], settings) == expected
