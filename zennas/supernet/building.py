"""The module of a space: fixed parts, a `LayerChoice` at each place of a decision, and a classifier. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from PlainNet import BlockSpec
from PlainNet.choices import choices_of
from PlainNet.grammar import PROBE_RESOLUTION
from PlainNet.ir import CHOICE
from PlainNet.lowering import part_graph
from PlainNet.modules import block_module
from zennas.supernet.choices import LayerChoice
from zennas.supernet.spaces import Cells, Choices, SuperSpace, arriving, end, operation


class Supernet(nn.Module):
    """A network with choices, from images (N, C, H, W) to logits (N, num_classes).

    body: modules from images to features. channels: of the features. dropout: before the classifier.
    """

    def __init__(self, body: Sequence[nn.Module], channels: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*body)
        self.dropout = nn.Dropout(dropout)
        self.fc_linear = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        features = torch.flatten(F.adaptive_avg_pool2d(self.blocks(x), 1), 1)
        logits: Tensor = self.fc_linear(self.dropout(features))
        return logits


class Cell(nn.Module):
    """A cell of NAS-Bench-201 with a decision on each edge; all cells share them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sources = [[source for _, source in arriving(node)] for node in (1, 2, 3)]
        options = Cells().options
        self.edges = nn.ModuleList(
            nn.ModuleList(
                LayerChoice({name: sequence(operation(name, channels)) for name in options[key]}, key=key)
                for key, _ in arriving(node)
            )
            for node in (1, 2, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the last node (N, C, H, W) from the first."""
        nodes = [x]
        for edges, sources in zip(self.edges, self.sources, strict=True):
            assert isinstance(edges, nn.ModuleList)
            nodes.append(torch.stack([edge(nodes[source]) for edge, source in zip(edges, sources, strict=True)]).sum(0))
        return nodes[-1]


def sequence(blocks: Sequence[BlockSpec]) -> nn.Module:
    """Return consecutive blocks as one module."""
    graph = part_graph(blocks, PROBE_RESOLUTION)
    modules = [block_module(graph, index) for index in range(len(blocks))]
    return modules[0] if len(modules) == 1 else nn.Sequential(*modules)


def build_supernet(space: SuperSpace, num_classes: int, dropout: float = 0.0) -> Supernet:
    """Return the supernet of a space, with weights drawn from torch's global generator by `he_fan_out`.

    Raises StructureError if the blocks do not form networks.
    """
    channels = space.pieces(PROBE_RESOLUTION).channels
    body = _cells(space) if isinstance(space, Cells) else _choices(space)
    network = Supernet(body, channels, num_classes, dropout)
    he_fan_out(network)
    return network


def _choices(space: Choices) -> list[nn.Module]:
    key_at = {place: choice.name for choice in choices_of(space.structure) for place in choice.places}
    body: list[nn.Module] = []
    for place, spec in enumerate(space.structure.blocks):
        if spec.kind == CHOICE:
            named = {"".join(map(str, blocks)): sequence(blocks) for blocks in spec.branches}
            body.append(LayerChoice(named, key=key_at[place]))
        else:
            body.append(sequence((spec,)))
    return body


def _cells(space: Cells) -> list[nn.Module]:
    widths = [width for width, _ in space.stages(PROBE_RESOLUTION)]
    body = [sequence(space.stem)]
    for stage, width in enumerate(widths):
        if stage:
            body.append(sequence((BlockSpec("NB201Reduction", (widths[stage - 1], width)),)))
        body += [Cell(width) for _ in range(space.cells)]
    return [*body, sequence(end(widths[-1]))]


@torch.no_grad()
def he_fan_out(network: nn.Module) -> None:
    """Draw weights as ProxylessNAS does: convolutions from N(0, 2 / (k² · out)), linear layers from U(±1 / √in)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(
                0, math.sqrt(2 / (module.kernel_size[0] * module.kernel_size[1] * module.out_channels))
            )
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            module.weight.fill_(1)
            module.bias.zero_()
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            module.weight.uniform_(-bound, bound)
            if module.bias is not None:
                module.bias.zero_()
