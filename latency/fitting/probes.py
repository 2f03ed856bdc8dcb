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
    found += [nn.Sequential(_conv(width, width, groups=4), nn.ReLU()), _conv(width, width)]
    found += [nn.Sequential(pool, nn.ReLU()) for pool in (nn.MaxPool2d(3, 1, 1), _mean_of_nine())]
    found += [nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.BatchNorm2d(width), nn.ReLU())]
    return found


def _mean_of_nine() -> nn.Module:
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False)


def _joins(width: int) -> list[nn.Module]:
    """Sums, products and concatenations of branches, with what follows them.

    Each is behind a convolution of its own, so that what a library makes of one does not decide about the next.
    """

    def conv(kernel: int = 3, groups: int = 1) -> nn.Sequential:
        return _conv(width, width, kernel, groups)

    def branch(groups: int = 1) -> nn.Sequential:
        return nn.Sequential(conv(1), nn.ReLU(), conv(groups=groups))

    def pools() -> tuple[nn.Module, nn.Module]:
        return nn.MaxPool2d(3, 1, 1), _mean_of_nine()

    joined: list[tuple[nn.Module, ...]] = [
        (_Joined(torch.add, branch(groups), nn.Identity()),) for groups in (1, width)
    ]
    for activation in ACTIVATIONS:
        joined += [
            (_Joined(torch.add, branch(), nn.Identity()), activation()),
            (_Joined(torch.add, *pools()), activation()),
        ]
    joined += [
        (_Joined(torch.add, branch(), conv(1)), nn.ReLU()),
        (_Joined(torch.add, nn.Sequential(branch(), nn.ReLU()), nn.Identity()),),
        (_Joined(torch.mul, _gate(width), nn.Identity()), nn.ReLU()),
        (_Joined(torch.mul, _gate(width), conv(groups=width)), conv(1)),
        (_Joined(_concatenated, _conv(width, width // 2), _conv(width, width // 2, 1)), nn.ReLU()),
    ]
    return [nn.Sequential(conv(), nn.ReLU(), *parts) for parts in joined]


def _gate(width: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), _conv(width, 8, 1), nn.ReLU(), _conv(8, width, 1), nn.Sigmoid())


def _concatenated(one: Tensor, other: Tensor) -> Tensor:
    return torch.cat((one, other), 1)


class _Joined(nn.Module):
    """Two branches of one input, and what joins them."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor], one: nn.Module, other: nn.Module) -> None:
        super().__init__()
        self.join, self.one, self.other = join, one, other

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.one(x), self.other(x))
