"""The torch optimisers that a recipe can name. Imports torch."""

from __future__ import annotations

from typing import Any

from torch import nn, optim

from zennas.training.recipe import Recipe

_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def optimiser(module: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the recipe's optimiser for all trainable weights of `module`."""
    groups = parameter_groups(module, recipe)
    match recipe.optimizer:
        case "adamw":
            return optim.AdamW(groups, lr=recipe.lr)
        case "adam":
            return optim.Adam(groups, lr=recipe.lr)
        case "rmsprop":
            return optim.RMSprop(groups, lr=recipe.lr, alpha=0.9, momentum=recipe.momentum)
        case "adadelta":
            return optim.Adadelta(groups, lr=recipe.lr)
        case _:
            nesterov = recipe.nesterov and recipe.momentum > 0
            return optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=nesterov)


def parameter_groups(module: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the optimiser's parameter groups; without `decay_norms`, norms and biases form a group without decay."""
    if recipe.decay_norms:
        return [{"params": [p for p in module.parameters() if p.requires_grad], "weight_decay": recipe.weight_decay}]
    decaying: list[nn.Parameter] = []
    still: list[nn.Parameter] = []
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            if weight.requires_grad:
                (still if isinstance(part, _NORMS) or name == "bias" else decaying).append(weight)
    return [{"params": decaying, "weight_decay": recipe.weight_decay}, {"params": still, "weight_decay": 0.0}]
