"""Networks of other makers: what they raise, and layers with their channels last."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ZeroShotProxy import ProxyError, score

from .small_network import CPU, batch


def test_whatever_a_network_raises_names_the_proxy() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 5)

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("wrong image height")

    with pytest.raises(ProxyError, match="proxy meco fails: AssertionError: wrong image height"):
        score(Broken(), batch(), ["meco"], CPU)


def test_linear_layers_may_have_their_channels_last() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = nn.Linear(3, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(torch.relu(self.inner(x.movedim(1, -1))).mean((1, 2)))
            return logits

    class First(nn.Module):
        """The same with a convolution."""

        def __init__(self, last: Last) -> None:
            super().__init__()
            self.inner, self.head = nn.Conv2d(3, 6, 1), last.head
            self.inner.weight = nn.Parameter(last.inner.weight.detach()[:, :, None, None].clone())
            self.inner.bias = nn.Parameter(last.inner.bias.detach().clone())

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(torch.relu(self.inner(x)).mean((2, 3)))
            return logits

    torch.manual_seed(0)
    last = Last()
    names = ["fisher", "vkdnw_entropy", "snip", "zico"]
    ours, theirs = score(last, batch(), names, CPU), score(First(last), batch(), names, CPU)
    for name in names:
        assert ours[name].value == pytest.approx(theirs[name].value, rel=1e-4), name
