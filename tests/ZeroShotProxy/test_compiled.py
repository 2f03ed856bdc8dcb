"""A network that torch.compile has wrapped has the scores of the network inside."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ZeroShotProxy import score

from .small_network import CPU, batch

NAMES = ["fisher", "snip", "naswot", "grad_norm"]


def network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU())
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


@pytest.mark.parametrize("inside", [False, True], ids=["whole", "a part"])
def test_a_compiled_network_has_the_same_scores(inside: bool) -> None:
    plain = network()
    compiled = network()
    if inside:
        compiled[0] = torch.compile(compiled[0], backend="eager")  # type: ignore[operator]
    else:
        compiled = torch.compile(compiled, backend="eager")  # type: ignore[assignment]
    expected, found = score(plain, batch(), NAMES, CPU), score(compiled, batch(), NAMES, CPU)
    for name in NAMES:
        assert found[name].value == pytest.approx(expected[name].value, rel=1e-6), name
