"""The features between the blocks of a network, for proxies that look at how blocks follow each other. Imports torch.

What a block is: `nn.Sequential` and `nn.ModuleList` are opened, whatever else has parts is a block. Single layers in
a row are one block from a convolution to the next, so that stem, batch-norm and activation count once; a row without
a convolution, like a last batch-norm and ReLU, counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, fx, nn

from ZeroShotProxy._isolated import Output, ProbeError
from ZeroShotProxy._probe import Probe

_SINGLE_OPERATION = 3
"""Nodes of a traced block with one operation: its input, the operation, its output."""


def block_ends(network: nn.Module) -> list[nn.Module]:
    """The modules whose outputs are the features between blocks, in the order of the network's modules."""
    ends: list[nn.Module] = []
    row: list[nn.Module] = []  # single layers since the last convolution
    for module in _parts(network):
        single = _is_single(module)
        if row and (not single or _convolves(module)):
            ends.append(row[-1])
            row = []
        if not single:
            ends.append(module)
        elif row or _convolves(module):
            row.append(module)
    return ends + row[-1:]


def features(probe: Probe, x: Tensor) -> list[Tensor]:
    """The feature maps (N, C, H, W) between the blocks, of images `x`, in order, with their graph.

    Raises ProbeError where there are fewer than two.
    """
    ends = block_ends(probe.network.module)
    found = _run(probe, x, ends, copied=False)
    if any(output.overwritten for output in found):  # by an in-place ReLU at the start of the next block
        found = _run(probe, x, ends, copied=True)
    maps = [output.value for output in found if output.value.dim() == 4]
    if len(maps) < 2:
        raise ProbeError(f"the network has {len(maps)} blocks with feature maps, expected two or more")
    return maps


def _run(probe: Probe, x: Tensor, ends: list[nn.Module], copied: bool) -> list[Output]:
    with probe.network.outputs(ends, copied) as found, torch.enable_grad():
        probe.network(x)
    return found


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
