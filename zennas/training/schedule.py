"""The learning rate in the course of a training."""

from __future__ import annotations

import math

from zennas.training.recipe import Recipe


def warmup_of(warmup: float, epochs: int) -> float:
    """Return the epochs of the warm-up: as asked for, but at most half of the training."""
    return min(warmup, epochs / 2)


def lr_at(recipe: Recipe, passed: float) -> float:
    """Return the learning rate after `passed` epochs, which need not be whole, scaled to the batch size."""
    scale = recipe.batch_size / 256
    peak, final = recipe.lr * scale, recipe.final_lr * scale
    warmup = warmup_of(recipe.warmup, recipe.epochs)
    if passed < warmup:
        return peak * passed / warmup
    done = (passed - warmup) / (recipe.epochs - warmup)
    match recipe.schedule:
        case "linear":
            return peak + (final - peak) * done
        case "step":
            return peak * recipe.decay ** sum(passed >= epoch for epoch in recipe.milestones)
        case _:
            return peak + (final - peak) * (1 - math.cos(math.pi * done)) / 2
