"""The feature maps between the blocks of a network, for proxies that compare consecutive blocks. Imports torch.

`nn.Sequential`, `nn.ModuleList` and wrappers, of whose children only one has parameters, are opened; every other module
with children is a block. Consecutive single layers form one block from each convolution up to the next one, so a stem
with its batch-norm and activation is one block. Single layers without a convolution before them, such as a final
batch-norm and ReLU, are ignored. Blocks are found while the network runs, so that it does not matter how it
is written.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, fx, nn

from ZeroShotProxy.engine.calls import Call, layer_calls
from ZeroShotProxy.engine.isolated import ProbeError
from ZeroShotProxy.engine.probe import Probe

_SINGLE_OPERATION = 3
"""The number of nodes in a traced block with one operation: input, operation, output."""


def features(probe: Probe, x: Tensor) -> list[Tensor]:
    """Return the output (N, C, H, W) of each block for images `x`, in running order, with gradients enabled.

    Raises ProbeError if fewer than two blocks have feature maps, or if one is overwritten.
    """
    found = _run(probe, x, copied=False)
    if any(call.overwritten for call in found):  # for example by an in-place ReLU at the start of the next block
        found = _run(probe, x, copied=True)
        if any(call.overwritten for call in found):
            raise ProbeError("it compares blocks, but the network overwrites one of their outputs in place")
    if len(found) < 2:
        raise ProbeError(f"it compares blocks, but the network has {len(found)} with feature maps, expected at least 2")
    return [call.value for call in found]


def _run(probe: Probe, x: Tensor, copied: bool) -> list[Call]:
    """The last call of each block that has a feature map, in running order."""
    with layer_calls(_parts(_opened(probe.network.module)), copied) as calls, torch.enable_grad():
        probe.network(x)
    blocks: list[Call] = []
    within = False  # a block of single layers
    for call in calls:
        if not _is_map(call.value):
            continue
        single = call.module is None or _is_single(call.module)
        if not single or call.convolves:
            blocks.append(call)
            within = single
        elif within:
            blocks[-1] = call
    return blocks


def _is_map(value: Tensor) -> bool:
    """Whether a value is a feature map with more than one position. After global pooling it is not."""
    return value.dim() == 4 and value.shape[2] * value.shape[3] > 1


def _opened(network: nn.Module) -> nn.Module:
    """The network inside a wrapper."""
    while True:
        children = [child for child in network.children() if next(child.parameters(), None) is not None]
        if len(children) != 1 or _is_single(children[0]) or next(network.parameters(recurse=False), None) is not None:
            return network
        network = children[0]


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
