"""What the tests of proxies against their definitions share: a small network of another maker, and batches for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ZeroShotProxy import ScoreSettings, score
from ZeroShotProxy.engine.isolated import Isolated

CPU = ScoreSettings(device="cpu")


class Block(nn.Module):
    """ReLU, convolution, batch-norm, with a way around."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.around = None if channels == out else nn.Conv2d(channels, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.around is None else self.around(x)
        return around + self.bn(self.conv(self.relu(x)))


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        Block(6, 6),
        nn.Sequential(Block(6, 8, stride=2), Block(8, 8)),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def batch(images: int = 12) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(images, 3, 8, 8, generator=generator), torch.arange(images) % 5


def value(name: str, net: nn.Module | None = None, images: int = 12) -> float:
    return score(net if net is not None else small(), batch(images), [name], CPU)[name].value


def redrawn(rule: str) -> nn.Sequential:
    """The network with the weights that a proxy with that rule sees."""
    net = small().train()
    fresh = Isolated(net, torch.device("cpu"), initialisation=rule, example=batch(1)[0]).parameters
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(fresh[name])
    return net


def noise(images: int = 12) -> Tensor:
    return torch.randn(images, 3, 8, 8, generator=torch.Generator().manual_seed(0))
