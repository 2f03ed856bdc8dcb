"""The views of AZ-NAS against their definitions, and the blocks that they look at."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from PlainNet import build
from SearchSpace.nasbench201 import Cell201, network
from ZeroShotProxy import ProxyError, score
from ZeroShotProxy.engine.features import features
from ZeroShotProxy.engine.probe import Probe

from .small_network import CPU, batch, noise, redrawn, small, value


def test_blocks_are_what_has_parts_and_rows_that_start_with_a_convolution() -> None:
    def maps(net: nn.Module) -> list[Tensor]:
        return features(Probe(net, batch()[0], None), batch()[0])

    assert len(maps(small())) == 4  # the stem and three blocks
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    chain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), *head)
    first, last = maps(chain)
    assert float(first.detach().min()) == 0 == float(last.detach().min())  # after the ReLUs
    cells = build(network(Cell201.parse("|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|")))
    assert len(maps(cells)) == 18  # the stem, fifteen cells, two reductions; not the last batch-norm and ReLU


def test_az_nas_views() -> None:
    net = redrawn("kaiming_fan_in")
    stem = net[1](net[0](noise()))
    maps = [stem, net[2](stem)]
    maps += [net[3][0](maps[1])]
    maps += [net[3][1](maps[2])]
    entropies = []
    for found in maps:
        spectrum = np.linalg.eigvalsh(np.cov(found.detach().double().transpose(0, 1).flatten(1).numpy()))
        shares = spectrum / spectrum.sum()
        entropies.append(-(shares * np.log(shares)).sum())
    assert value("az_expressivity") == pytest.approx(sum(entropies), rel=1e-4)
    assert value("az_progressivity") == pytest.approx(min(b - a for a, b in pairwise(entropies)), rel=1e-3)
    assert -5 < value("az_trainability") <= 0


def test_trainability_of_a_block_that_keeps_gradients_is_0_and_of_one_that_passes_them_on_an_error() -> None:
    class Turn(nn.Module):
        """An orthogonal matrix on the channels: its Jacobian has spectral norm 1."""

        def __init__(self, matrix: Tensor) -> None:
            super().__init__()
            self.register_buffer("matrix", matrix)
            self.part = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return torch.einsum("oc,nchw->nohw", self.matrix, self.part(x))

    def net(matrix: Tensor) -> nn.Module:
        conv = nn.Conv2d(3, 4, 3, padding=1)
        return nn.Sequential(conv, Turn(matrix), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))

    turned = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    x = torch.randn(64, 3, 16, 16)
    found = score(net(turned), x, ["az_trainability"], CPU)["az_trainability"].value
    assert found == pytest.approx(0, abs=1e-2)
    with pytest.raises(ProxyError, match="passes its input on unchanged"):
        score(net(torch.eye(4)), x, ["az_trainability"], CPU)


def test_features_are_those_before_an_in_place_relu() -> None:
    class Rectify(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU(inplace=True)
            self.conv = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.relu(x))

    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), Rectify(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )
    first, last = features(Probe(net, batch()[0], None), batch()[0])
    assert tuple(last.shape[1:]) == (4, 6, 6)
    assert float(first.detach().min()) < 0
