"""The learning rate in the course of a training."""

from __future__ import annotations

import math

from zennas.training.recipe import Recipe


def lr_at(recipe: Recipe, progress: float) -> float:
    """Return the learning rate after a share `progress`, from 0 to 1, of all steps, scaled to the batch size."""
    scale = recipe.batch_size / 256
    peak, final = recipe.lr * scale, recipe.final_lr * scale
    warmup = min(recipe.warmup / recipe.epochs, 0.5)
    if progress < warmup:
        return peak * progress / warmup
    done = (progress - warmup) / (1 - warmup)
    match recipe.schedule:
        case "linear":
            return peak + (final - peak) * done
        case "step":
            passed = sum(progress * recipe.epochs >= epoch for epoch in recipe.milestones)
            return peak * recipe.decay**passed
        case _:
            return peak + (final - peak) * (1 - math.cos(math.pi * done)) / 2
