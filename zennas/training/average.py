"""The moving average of the weights of a training, and what it is worth. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

POINT = 1.0
"""Accuracies that differ by more points than this are both reported."""


def decay_at(decay: float, step: int) -> float:
    """Return the decay of the average at a step, counted from 0: min(decay, (1 + step) / (10 + step)).

    A constant decay would remember the initial weights for about 1 / (1 - decay) steps, which is longer than many
    trainings.
    """
    return min(decay, (1 + step) / (10 + step))


def average_of(network: nn.Module, decay: float) -> AveragedModel:
    """Return a moving average of weights and buffers. Its first update copies them, and later ones use `decay_at`."""

    def update(averages: Sequence[Tensor], current: Sequence[Tensor], updates: Any) -> None:
        get_ema_multi_avg_fn(decay_at(decay, int(updates)))(averages, current, updates)

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)


def remark(top1: float, plain_top1: float | None) -> str | None:
    """Return a sentence if the average and the plain weights differ by more than a point of accuracy, else None.

    plain_top1: accuracy of the plain weights in percent; None if there is no average.
    """
    if plain_top1 is None or abs(plain_top1 - top1) <= POINT:
        return None
    return f"the moving average has top-1 {top1:.2f} %, the plain weights have {plain_top1:.2f} %"
