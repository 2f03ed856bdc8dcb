"""The Zen-score exactly as in its paper: the baseline of the fast implementations. Tests use it as well."""

from __future__ import annotations

import torch
from torch import nn

from PlainNet import Structure, build


@torch.no_grad()
def zen_by_definition(
    structure: Structure, batch: int, resolution: int, gamma: float = 0.01, use_se: bool = False
) -> float:
    """Return the score by algorithm 1, step by step: build the plain network with its default initialisation,
    initialise it again from N(0, 1), run two forward passes in training mode."""
    network = build(structure, no_reslink=True, use_se=use_se).train()
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    x = torch.randn(batch, 3, resolution, resolution)
    first = network.forward_pre_GAP(x)
    second = network.forward_pre_GAP(x + gamma * torch.randn_like(x))
    total = (first - second).abs().flatten(1).sum(1).mean().log()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            total += module.running_var.mean().sqrt().log()
    return total.item()
