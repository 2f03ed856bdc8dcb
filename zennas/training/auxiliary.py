"""An auxiliary head: a second classifier at two thirds of the depth, whose loss is added in training. Imports torch.

It belongs to the objective, so it is in checkpoints, but not in the network that is evaluated, stored and exported.

Source: Liu et al., DARTS, ICLR 2019, after Szegedy et al., Going Deeper with Convolutions, CVPR 2015.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from PlainNet.blocks.darts import KINDS, Stack
from PlainNet.blocktype import block_layers
from PlainNet.masternet import MasterNet
from PlainNet.ops import OpGraph
from PlainNet.sizes import Size, sides
from zennas.training.insertion import graph_of, insert, places
from zennas.training.objectives.base import Losses, Objective
from zennas.training.recipe import Recipe, TrainingError

HIDDEN, WIDE = 128, 768
POOLED, LEAST = 5, 8
"""Side of the pooling window, and of the features from which on there is one, as for CIFAR in DARTS."""
LEAST_BLOCKS = 3


class Tap(nn.Module):
    """Passes a value on, and keeps it in training until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self._seen = x
        return x

    def take(self) -> Tensor:
        """Return the value of the last pass, once."""
        found, self._seen = self._seen, None
        assert found is not None
        return found


class AuxiliaryHead(nn.Module):
    """DARTS's head for CIFAR, from features (N, C, H, W) to logits (N, classes). size: the smaller of their sides."""

    def __init__(self, channels: int, size: int, classes: int) -> None:
        super().__init__()
        pooling = [nn.AvgPool2d(POOLED, stride=3, count_include_pad=False)] if size >= LEAST else []
        self.features = nn.Sequential(
            nn.ReLU(),
            *pooling,
            nn.AdaptiveAvgPool2d(2),  # which changes nothing for features of 8 × 8
            nn.Conv2d(channels, HIDDEN, 1, bias=False),
            nn.BatchNorm2d(HIDDEN),
            nn.ReLU(),
            nn.Conv2d(HIDDEN, WIDE, 2, bias=False),
            nn.BatchNorm2d(WIDE),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(WIDE, classes)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.classifier(self.features(x).flatten(1))
        return found


def add_auxiliary(objective: Objective, recipe: Recipe, resolution: Size) -> None:
    """Give an objective an auxiliary head, whose cross-entropy times `recipe.auxiliary` is added to its loss.

    resolution: of the images, in pixels. Raises TrainingError if the network is too short, or its features too small.
    """
    network = objective.network
    graph = graph_of(network)
    tap = Tap()
    insert(places(network, graph)[_two_thirds(network, graph)], "auxiliary_tap", tap)
    with torch.no_grad():
        training = network.training
        network.train()  # of two images, as batch-norms of one position need more than one
        kept = {name: buffer.clone() for name, buffer in network.named_buffers()}
        network(torch.zeros(2, graph.input.channels, *sides(resolution)))
        network.load_state_dict(kept, strict=False)
        network.train(training)
    _, channels, height, width = tap.take().shape
    size = min(height, width)
    if size < 2:
        raise TrainingError(
            f"an auxiliary head needs features of at least 2×2 positions at two thirds of the depth, but they are "
            f"{height}×{width} there: set auxiliary to 0, or use larger images"
        )
    head = AuxiliaryHead(channels, size, network.num_classes)
    objective.add_module("auxiliary", head)

    def add(module: nn.Module, inputs: tuple[Any, ...], losses: Losses) -> Losses:
        if not module.training:
            return losses
        loss = F.cross_entropy(head(tap.take()), inputs[1], label_smoothing=recipe.label_smoothing)
        return losses._replace(total=losses.total + recipe.auxiliary * loss)

    objective.register_forward_hook(add)


def _two_thirds(network: MasterNet, graph: OpGraph) -> int:
    """The value at two thirds of the depth: behind a cell, or behind a block.

    Raises TrainingError if the network has fewer than three cells or blocks.
    """
    blocks = network.structure.blocks
    if len(blocks) == 1 and blocks[0].kind in KINDS.values():
        cells = Stack.of_spec(blocks[0]).cells
        name = f"0.cell{2 * cells // 3}"
        inside = [i for i, node in enumerate(graph.nodes, start=1) if f"{node.path}.".startswith(f"{name}.")]
        if cells >= LEAST_BLOCKS:
            return inside[-1]
    else:
        cells = len(blocks)
    if cells < LEAST_BLOCKS:
        raise TrainingError(
            f"an auxiliary head is at two thirds of the depth, but the network has {cells} cells or blocks, expected "
            f"at least {LEAST_BLOCKS}: set auxiliary to 0"
        )
    layers = [block_layers(spec) for spec in blocks]
    done = 0
    for number, count in zip(graph.block_outputs, layers, strict=True):
        done += count
        if 3 * done >= 2 * sum(layers):
            return number
    return graph.block_outputs[-1]
