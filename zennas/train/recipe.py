"""All that is decided about a training, as it is stored beside the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

from zennas.limits import check_kind, check_number, check_whole


class TrainingError(RuntimeError):
    """A training that cannot begin or cannot go on."""


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov momentum, a cosine schedule with linear warm-up.

    lr: learning rate for 256 images, scaled with the batch size. warmup: epochs. label_smoothing: share
    of the target spread over all classes. seed: of initialisation, order and augmentation.
    """

    epochs: int = 10
    batch_size: int = 64
    lr: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: float = 1.0
    label_smoothing: float = 0.0
    augment: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 2, "seed": 0}.items():
            check_whole(name.replace("_", "-"), getattr(self, name), TrainingError, least=least)
        for name, most in {"lr": math.inf, "weight_decay": math.inf, "warmup": math.inf, "momentum": 1}.items():
            check_number(name.replace("_", "-"), getattr(self, name), TrainingError, most=most)
        check_number("label-smoothing", self.label_smoothing, TrainingError, most=1)
        check_kind("augment", self.augment, bool, TrainingError)

    def lr_at(self, progress: float) -> float:
        """Learning rate when a share `progress`, from 0 to 1, of all steps is done."""
        peak = self.lr * self.batch_size / 256
        warmup = min(self.warmup / self.epochs, 0.5)
        if progress < warmup:
            return peak * progress / warmup
        return peak * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2
