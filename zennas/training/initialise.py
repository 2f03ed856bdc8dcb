"""Initial weights: torch's own, or drawn by one of Zen-NAS's rules. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from PlainNet import lower
from PlainNet.grammar import PROBE_RESOLUTION
from PlainNet.masternet import MasterNet
from PlainNet.ops import Add, BatchNorm, OpGraph

GAIN = 3.26033
"""Zen-NAS's gain of Xavier's normal distribution, for convolutions and linear layers."""


@torch.no_grad()
def initialise(network: MasterNet, rule: str) -> None:
    """Draw the weights of `network` by `rule`, from torch's global generator.

    "torch" keeps the weights. "xavier" and "msra" draw convolutions from Xavier's normal distribution, with gain √2 and
    `GAIN`, and classifiers from N(0, GAIN² · 2 / (in + out)); biases are zero. "custom" works like "msra", and also
    sets the last batch-norm of each residual unit to zero, so that the unit starts as its shortcut.
    """
    if rule == "torch":
        return
    gain = math.sqrt(2) if rule == "xavier" else GAIN
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight, gain=gain)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, GAIN * math.sqrt(2 / sum(module.weight.shape)))
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if rule == "custom":
        for path in last_norms(network):
            nn.init.zeros_(network.get_submodule(f"blocks.{path}").weight)  # type: ignore[arg-type]  # a batch-norm's


def last_norms(network: MasterNet) -> Iterator[str]:
    """Yield the path of the last batch-norm in the main branch of each residual unit."""
    graph = lower(
        network.structure, resolution=PROBE_RESOLUTION, num_classes=network.num_classes, options=network.options
    )
    for node in graph.nodes:
        if isinstance(node.op, Add) and _is_residual(graph, node.inputs):
            value = node.inputs[0]
            while value and not isinstance(graph.nodes[value - 1].op, BatchNorm):
                value = graph.nodes[value - 1].inputs[0]
            if value:
                yield graph.nodes[value - 1].path


def _is_residual(graph: OpGraph, inputs: tuple[int, ...]) -> bool:
    """Whether the addition's shortcut is the input of the main branch, or a projection of it."""
    main, shortcut = inputs
    if shortcut and "proj" in graph.nodes[shortcut - 1].path.split("."):
        return True
    reached = {main}
    for value in range(main, shortcut, -1):
        if value in reached:
            reached.update(graph.nodes[value - 1].inputs)
    return shortcut in reached
