"""A network of every pattern that libraries fuse: convolutions, sums, gates and poolings with what follows them.

Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

WIDTHS = (32, 24)
"""Numbers of channels: one that fills the vectors of processors, and one that does not."""
ACTIVATIONS: tuple[Callable[[], nn.Module], ...] = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Sigmoid, nn.Hardswish)
CLASSES = 10


def probes() -> nn.Module:
    """Return a network that has every pattern for each of `WIDTHS`, for RGB images of at least 8 pixels."""
    parts: list[nn.Module] = []
    before = 3
    for width in WIDTHS:
        parts += [_conv(before, width), *_chains(width), *_joins(width)]
        before = width
    return nn.Sequential(
        *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, before), nn.ReLU(), nn.Linear(before, CLASSES)
    )


def _conv(before: int, width: int, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(before, width, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


def _chains(width: int) -> list[nn.Module]:
    """Convolutions, poolings and norms, each with an activation behind it."""
    found: list[nn.Module] = []
    for activation in ACTIVATIONS:
        found += [nn.Sequential(_conv(width, width, groups=groups), activation()) for groups in (1, width)]
    found.append(nn.Sequential(_conv(width, width, groups=4), nn.ReLU()))
    found += [nn.Sequential(pool, nn.ReLU()) for pool in (nn.MaxPool2d(3, 1, 1), _mean_of_nine())]
    found += [nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.BatchNorm2d(width), nn.ReLU())]
    return found


def _mean_of_nine() -> nn.Module:
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False)


def _joins(width: int) -> list[nn.Module]:
    """Sums, products and concatenations of branches, with what follows them."""
    found: list[nn.Module] = []
    for groups in (1, 4, width):
        found.append(_Joined(torch.add, (_conv(width, width, groups=groups), nn.Identity())))
    for activation in ACTIVATIONS:
        branches = (_conv(width, width), nn.Identity())
        found.append(nn.Sequential(_Joined(torch.add, branches), activation()))
        found.append(nn.Sequential(_Joined(torch.add, (nn.MaxPool2d(3, 1, 1), _mean_of_nine())), activation()))
    found += [
        nn.Sequential(_Joined(torch.add, (_conv(width, width), _conv(width, width, 1))), nn.ReLU()),
        _Joined(torch.add, (nn.Sequential(_conv(width, width), nn.ReLU()), nn.Identity())),
        _Joined(torch.add, (_conv(width, width), nn.MaxPool2d(3, 1, 1))),
        nn.Sequential(_Joined(torch.mul, (_gate(width), nn.Identity())), nn.ReLU()),
        nn.Sequential(_Joined(torch.mul, (_gate(width), _conv(width, width, groups=width))), _conv(width, width, 1)),
        nn.Sequential(_Joined(_concatenated, (_conv(width, width // 2), _conv(width, width // 2, 1))), nn.ReLU()),
    ]
    return found


def _gate(width: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), _conv(width, 8, 1), nn.ReLU(), _conv(8, width, 1), nn.Sigmoid())


def _concatenated(one: Tensor, other: Tensor) -> Tensor:
    return torch.cat((one, other), 1)


class _Joined(nn.Module):
    """Two branches of one input, and what joins them."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor], branches: tuple[nn.Module, nn.Module]) -> None:
        super().__init__()
        self.join = join
        self.one, self.other = branches

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.one(x), self.other(x))
