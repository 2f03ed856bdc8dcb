"""Zen-NAS's initial weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from PlainNet import build, parse
from tests.conftest import SMALL
from zennas.training.initialise import GAIN, initialise, last_norms


@pytest.mark.parametrize("use_se", [False, True])
def test_residual_units_begin_as_their_shortcuts(use_se: bool) -> None:
    torch.manual_seed(0)
    network = build(parse(SMALL), num_classes=10, use_se=use_se)
    initialise(network, "custom")
    last = list(last_norms(network))
    # SuperResK3K3 and K1K5K1 of one unit pair, SuperResIDWE2K3 of two units.
    zeros = [name for name, m in network.named_modules() if isinstance(m, nn.BatchNorm2d) and not m.weight.any()]
    assert sorted(zeros) == sorted(f"blocks.{path}" for path in last)
    assert len(last) == len(set(last)) > 2
    assert not any("proj" in path for path in last)
    # With its main branch at zero a unit is the ReLU of its shortcut, whatever else the branch does.
    network.eval()
    x = torch.randn(2, 3, 16, 16)
    before = network(x)
    for path in last:
        for name, module in network.get_submodule(f"blocks.{path.rpartition('.')[0]}").named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith("proj"):
                nn.init.normal_(module.weight)
    assert torch.allclose(before, network(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("rule", "gain"), [("msra", GAIN), ("custom", GAIN), ("xavier", math.sqrt(2))])
def test_weights_have_the_deviation_of_the_rule(rule: str, gain: float) -> None:
    torch.manual_seed(0)
    network = build(parse("SuperConvK3BNRELU(3,64,1,1)SuperConvK3BNRELU(64,64,1,1)"), num_classes=200)
    initialise(network, rule)
    conv = network.blocks[1].get_submodule("0")
    assert isinstance(conv, nn.Conv2d)
    fan = 9 * (64 + 64)
    assert float(conv.weight.detach().std()) == pytest.approx(gain * math.sqrt(2 / fan), rel=0.02)
    assert float(network.fc_linear.weight.detach().std()) == pytest.approx(GAIN * math.sqrt(2 / 264), rel=0.02)
    assert not network.fc_linear.bias.any()


def test_torch_s_own_is_left_alone() -> None:
    network = build(parse(SMALL), num_classes=10)
    before = {name: t.clone() for name, t in network.state_dict().items()}
    initialise(network, "torch")
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
