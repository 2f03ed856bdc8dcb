"""Odd networks and batches for every measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn

from benchmarks._hostile.cases import Case
from ZeroShotProxy import PROXIES, ScoreSettings, score

CPU = ScoreSettings(device="cpu")


class Returns(nn.Module):
    """A network whose output is changed by a function."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> object:
        return self.change(self.net(x))


def _chain(*parts: nn.Module, channels: int = 8) -> nn.Sequential:
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5))


def _nets(rng: Random) -> list[nn.Module]:
    seed = rng.randrange(1000)
    torch.manual_seed(seed)
    plain = _chain(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
    zeros = _chain(nn.Conv2d(3, 8, 3), nn.ReLU())
    for parameter in zeros.parameters():
        nn.init.zeros_(parameter)
    huge = _chain(nn.Conv2d(3, 8, 3), nn.ReLU())
    nn.init.constant_(huge[0].weight, rng.choice((1e20, 1e38, float("nan"), float("inf"))))
    return [
        plain,
        zeros,
        huge,
        _chain(nn.Conv2d(3, 8, 3, groups=1, padding_mode="reflect", padding=1), nn.PReLU(), nn.Dropout(0.5)),
        _chain(nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8), nn.SiLU(), nn.ConvTranspose2d(8, 8, 3)),
        _chain(nn.Conv2d(3, 8, 3, padding="same"), nn.BatchNorm2d(8, affine=False), nn.ReLU(inplace=True)),
        _chain(nn.Conv2d(3, 8, 5, stride=3), nn.GroupNorm(2, 8), nn.Sigmoid(), nn.MaxPool2d(2, ceil_mode=True)),
        nn.Sequential(nn.Flatten(), nn.LazyLinear(5)),
        nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 5), nn.ReLU(), nn.Linear(5, 5)),
        nn.Sequential(),
        nn.ReLU(),
        Returns(plain, lambda y: (y, y)),
        Returns(plain, lambda y: {"logits": y}),
        Returns(plain, lambda y: y.detach()),
        Returns(plain, lambda y: y[:, :1]),
        Returns(plain, lambda y: y.argmax(1)),
        Returns(plain, lambda y: y.half()),
        Returns(Returns(plain, lambda y: y), lambda y: y * 0),
    ]


def _batches(rng: Random) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(rng.randrange(1000))
    x = torch.randn(6, 3, 8, 8, generator=generator)
    y = torch.arange(6) % 5
    return [
        (x, y),
        (x[:1], y[:1]),
        (x[:0], y[:0]),
        (x[:1].expand_as(x), y),
        (torch.cat([x[:1], x[:5]]), y),
        (x * 0, y),
        (x * float("nan"), y),
        (x * 1e30, y),
        (x, y * 0),
        (x, y + 100),
        (x, y - 3),
        (x, y.float()),
        (x[:, :1], y),
        (x[..., :2, :2], y),
        (x[0], y),
        (x.double(), y),
        (x.half(), y),
        ((x * 50).to(torch.uint8), y),
        (x, y[:3]),
    ]


def measures(rng: Random, folder: Path) -> Iterator[Case]:
    names = [proxy.info.name for proxy in PROXIES if proxy.ranking is None]
    for number in range(1000):
        net, batch, name = rng.choice(_nets(rng)), rng.choice(_batches(rng)), rng.choice(names)
        yield Case(f"{name} {number}", partial(score, net, batch, [name], CPU))
