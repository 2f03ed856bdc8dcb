"""The stages of any network: the maps that distillation compares."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zennas.training.stages import Staged, stage_of

from .distilling import FEATURES, batch, distilling, taught_by


class Net(nn.Module):
    """A residual network in small: its second stage makes maps smaller in the middle of a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.relu = nn.ReLU()
        self.one = nn.Sequential(nn.Conv2d(4, 6, 3, 1, 1), nn.ReLU())
        self.two = nn.Sequential(nn.Conv2d(6, 5, 1), nn.BatchNorm2d(5), nn.Conv2d(5, 8, 3, 2, 1))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.fc = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.two(self.one(self.relu(self.stem(images))))
        answer: Tensor = self.fc((x * self.gate(x)).mean((2, 3)))
        return answer


def test_stages_of_any_network_are_the_last_outputs_of_outermost_modules() -> None:
    net, (images, _) = Net().eval(), batch()
    ask = Staged(net, 2, images[:1])
    features, logits = ask(images)
    one = net.one(net.relu(net.stem(images)))
    assert torch.equal(features[0], one)  # not what self.two has before its stride
    assert torch.equal(features[1], net.two(one))
    assert len(features) == 2  # no gates
    assert torch.equal(logits, net(images))
    assert Staged(net, 8, images)(images)[0] == []
    found = distilling(FEATURES, taught_by(net))(*batch()).total
    assert float(found.detach()) > 0


def test_networks_without_padding_have_stages_too() -> None:
    def maps(height: int, width: int) -> Tensor:
        return torch.zeros(1, 4, height, width)

    assert [stage_of(maps(side, side), 299, 2) for side in (149, 147, 73, 35, 17, 8)] == [0, 0, 1, 2, 3, 4]
    assert [stage_of(output, 32, 2) for output in (maps(32, 32), maps(16, 8), maps(1, 1), maps(8, 8)[0], None)] == [
        None
    ] * 5
