"""Training the perceptron of a latency model. Imports torch.

`fit.py` prepares the data, and `latency/predicting/perceptron.py` evaluates the result.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from latency.fitting.fit import Recipe
from latency.predicting.perceptron import Perceptron


def train(
    inputs: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    recipe: Recipe = Recipe(),
    progress: Callable[[int], None] = lambda done: None,
) -> Perceptron:
    """Fit `targets` (N,) from `inputs` (N, features) by least absolute deviations.

    weights: (N,), of the deviations; None for equal weights. progress: called with the number of finished steps.
    """
    low, high = inputs.min(0), inputs.max(0)
    mean, deviation = inputs.mean(0), inputs.std(0)
    scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0.0)  # ignore constant features
    centre, spread = targets.mean(), targets.std() or 1.0
    x = torch.tensor((inputs - mean) * scale, dtype=torch.float32)
    y = torch.tensor((targets - centre) / spread, dtype=torch.float32)
    w = torch.ones(len(y)) if weights is None else torch.tensor(weights / weights.mean(), dtype=torch.float32)
    network = _train(x, y, w, recipe, progress)
    layers = [
        (module.weight.detach().numpy().T.copy(), module.bias.detach().numpy().copy())
        for module in network
        if isinstance(module, nn.Linear)
    ]
    weights, bias = layers[-1]
    layers[-1] = (weights * np.float32(spread), bias * np.float32(spread) + np.float32(centre))
    low, high, mean, scale = (np.asarray(a, dtype=np.float32) for a in (low, high, mean, scale))
    return Perceptron(low, high, mean, scale, tuple(layers))


def _train(
    x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, recipe: Recipe, progress: Callable[[int], None]
) -> nn.Sequential:
    random = torch.Generator().manual_seed(recipe.seed)
    widths = [x.shape[1], *[recipe.width] * recipe.hidden]
    modules: list[nn.Module] = []
    for before, after in pairwise(widths):
        modules += [_linear(before, after, random), nn.SiLU()]
    network = nn.Sequential(*modules, _linear(widths[-1], 1, random))
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.steps, pct_start=max(0.05, 3 / recipe.steps)
    )
    order, at = torch.randperm(len(x), generator=random), 0
    batch = min(recipe.batch, len(x))
    for step in range(1, recipe.steps + 1):
        if at + batch > len(x):
            order, at = torch.randperm(len(x), generator=random), 0
        chosen, at = order[at : at + batch], at + batch
        loss = (w[chosen] * (network(x[chosen])[:, 0] - y[chosen]).abs()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            progress(step)
    return network


def _linear(before: int, after: int, random: torch.Generator) -> nn.Linear:
    """A layer with torch's default initialisation, drawn with the given generator."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, before, after)
    bound = before**-0.5
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=random)
    return layer
