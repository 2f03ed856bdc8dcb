"""The features between the blocks of a network, for proxies that look at how blocks follow each other. Imports torch.

What a block is: `nn.Sequential` and `nn.ModuleList` are opened, whatever else has parts is a block. Single layers in
a row are one block from a convolution to the next, so that stem, batch-norm and activation count once; a row without
a convolution, like a last batch-norm and ReLU, counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, fx, nn

from ZeroShotProxy.engine.isolated import Output, ProbeError
from ZeroShotProxy.engine.probe import Probe

_SINGLE_OPERATION = 3
"""Nodes of a traced block with one operation: its input, the operation, its output."""


def blocks_of(network: nn.Module) -> list[list[nn.Module]]:
    """The modules of each block, in the order of the network's modules: one, or single layers in a row."""
    blocks: list[list[nn.Module]] = []
    row: list[nn.Module] = []  # single layers since the last convolution
    for module in _parts(network):
        single = _is_single(module)
        if not single or _convolves(module):
            row = [module]
            blocks.append(row)
            row = row if single else []
        elif row:
            row.append(module)
    return blocks


def features(probe: Probe, x: Tensor) -> list[Tensor]:
    """The feature maps (N, C, H, W) between the blocks, of images `x`, in order, with their graph.

    Raises ProbeError where there are fewer than two.
    """
    blocks = blocks_of(probe.network.module)
    found = _run(probe, x, blocks, copied=False)
    if any(output.overwritten for output in found):  # by an in-place ReLU at the start of the next block
        found = _run(probe, x, blocks, copied=True)
    if len(found) < 2:
        raise ProbeError(f"it compares blocks, and the network has {len(found)} with feature maps, expected 2 or more")
    return [output.value for output in found]


def _run(probe: Probe, x: Tensor, blocks: list[list[nn.Module]], copied: bool) -> list[Output]:
    """The last feature map of each block, in the order of the calls."""
    modules = [module for block in blocks for module in block]
    block_of = [i for i, block in enumerate(blocks) for _ in block]
    with probe.network.outputs(modules, copied) as outputs, torch.enable_grad():
        probe.network(x)
    last: dict[int, Output] = {}
    for output in outputs:
        if _is_map(output.value):
            last[block_of[output.module]] = output
    return list(last.values())


def _is_map(value: object) -> bool:
    """Whether it has channels and positions: behind global pooling there is one position, which says nothing."""
    return isinstance(value, Tensor) and value.dim() == 4 and value.shape[2] * value.shape[3] > 1


def _parts(network: nn.Module) -> Iterator[nn.Module]:
    for child in network.children():
        if type(child) in (nn.Sequential, nn.ModuleList):
            yield from _parts(child)
        else:
            yield child


def _is_single(module: nn.Module) -> bool:
    if isinstance(module, fx.GraphModule):
        return len(module.graph.nodes) <= _SINGLE_OPERATION
    return next(module.children(), None) is None


def _convolves(module: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d) for part in module.modules())
