"""The feature maps between the blocks of a network, for proxies that compare consecutive blocks. Imports torch.

`nn.Sequential` and `nn.ModuleList` are opened; every other module with children is a block. Consecutive single layers
form one block from each convolution up to the next one, so a stem with its batch-norm and activation is one block.
Single layers without a convolution before them, such as a final batch-norm and ReLU, are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, fx, nn

from ZeroShotProxy.engine.isolated import Output, ProbeError
from ZeroShotProxy.engine.probe import Probe

_SINGLE_OPERATION = 3
"""The number of nodes in a traced block with one operation: input, operation, output."""


def blocks_of(network: nn.Module) -> list[list[nn.Module]]:
    """Return the modules of each block, in order: either one module or several single layers."""
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
    """Return the output (N, C, H, W) of each block for images `x`, in order, with gradients enabled.

    Raises ProbeError if fewer than two blocks have feature maps.
    """
    blocks = blocks_of(probe.network.module)
    found = _run(probe, x, blocks, copied=False)
    if any(output.overwritten for output in found):  # for example by an in-place ReLU at the start of the next block
        found = _run(probe, x, blocks, copied=True)
    if len(found) < 2:
        raise ProbeError(f"it compares blocks, but the network has {len(found)} with feature maps, expected at least 2")
    return [output.value for output in found]


def _run(probe: Probe, x: Tensor, blocks: list[list[nn.Module]], copied: bool) -> list[Output]:
    """The last feature map of each block, in the order of calls."""
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
    """Whether a value is a feature map with more than one position. After global pooling it is not."""
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
