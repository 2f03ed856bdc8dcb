"""EZNAS against its definition, and the units that it looks at."""

from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor, nn

from ZeroShotProxy import ProxyError
from ZeroShotProxy.engine.units import Units

from .small_network import Block, batch, redrawn, small, value


def test_eznas_units_are_relu_conv_batch_norm() -> None:
    with Units() as units:
        small()(batch()[0])
    assert [tuple(unit.weight.shape) for unit in units.found] == [(6, 6, 3, 3), (8, 6, 3, 3), (8, 8, 3, 3)]


def test_eznas_a_is_its_program_on_the_gradient_at_the_relu() -> None:
    net = redrawn("kaiming_fan_out")
    gradients: list[Tensor] = []

    def hook(module: nn.Module, inward: tuple[Tensor, ...], outward: tuple[Tensor, ...]) -> None:
        gradients.append(inward[0])

    for module in net.modules():
        if isinstance(module, Block):
            module.relu.register_full_backward_hook(hook)
    net(batch()[0]).sum().backward()
    terms = []
    for gradient in gradients:
        # A matrix of whole numbers has a whole determinant; these are small enough for rounding to find it.
        determinants = np.linalg.det(np.sign(gradient.double().numpy())).round()
        with np.errstate(divide="ignore"):
            logdet = np.where(determinants < 0, 0.0, np.log(np.maximum(determinants, 0)))
        terms.append(np.linalg.norm(1 / (1 + np.exp(-logdet))))
    assert value("eznas_a") == pytest.approx(float(np.mean(terms)), rel=1e-5)
    assert value("eznas_a_weight") > 0


def test_eznas_needs_units() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    with pytest.raises(ProxyError, match="eznas_a fails: the network has no convolution between"):
        value("eznas_a", net)
