"""Linear regions: the number of regions of the input space in which a network is linear.

As in TE-NAS, regions are counted with tiny images in a thin version of the structure, which has each kind of block once
with one channel. In a whole network almost every image has its own region, so the count has little meaning.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from PlainNet import BlockSpec, Options, Structure, lower
from PlainNet.blocktype import block_type
from ZeroShotProxy.base import ProxyError, ProxyInfo, Score, ScoreSettings, Target, register, structure_of
from ZeroShotProxy.interval import mean_score

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_IMAGES = 1000
_BATCHES = 3
_SIDE = 3
_ONE_WIDE = ("in_channels", "out_channels", "channels", "bottleneck_channels", "stride", "sub_layers")


def thin(structure: Structure, settings: ScoreSettings) -> Structure:
    """Return the thin version of a structure: each block with more than one operation, with one channel and stride 1.

    Blocks are not repeated, and equal blocks appear once. Raises ProxyError if no block has several operations.
    """
    graph = lower(structure, resolution=settings.resolution, options=Options(use_se=settings.use_se))
    operations = Counter(node.block for node in graph.nodes)
    blocks = [_thin(spec) for i, spec in enumerate(structure.blocks) if operations[i] > 1]
    if not blocks:
        raise ProxyError("proxy linear_regions needs blocks of several operations, but the structure has none")
    return Structure(tuple(dict.fromkeys(blocks)))


def _thin(spec: BlockSpec) -> BlockSpec:
    names = [param.name for param in block_type(spec.kind).params]
    args = tuple(1 if name in _ONE_WIDE else value for name, value in zip(names, spec.args, strict=True))
    branches = tuple(tuple(map(_thin, branch)) for branch in spec.branches)
    return BlockSpec(spec.kind, args, branches)


def linear_regions(target: Target, settings: ScoreSettings) -> Score:
    """Return the mean number of linear regions of the thin network, over `settings.repeats` repetitions."""
    import torch

    from PlainNet.device import device_of
    from ZeroShotProxy.engine.measures import network_of
    from ZeroShotProxy.engine.probe import Probe

    structure = thin(structure_of(target, "linear_regions"), settings)
    blank = torch.zeros(1, 1, _SIDE, _SIDE, device=device_of(settings.device))
    counts = []
    for repeat in range(settings.repeats):
        once = settings.repetition(repeat)
        network = network_of(structure, once)
        counts.append(count(Probe(network, blank, None, seed=once.seed, initialisation="kaiming_fan_in")))
    return mean_score(counts)


def count(probe: Probe) -> float:
    """Return the number of different activation patterns of a network among 3,000 images of 3 × 3 pixels from N(0, 1).

    An activation pattern says which ReLU inputs are positive. Raises ProxyError if the network has no ReLU.
    """
    import torch

    from ZeroShotProxy.engine.isolated import ReluCodes

    generator = torch.Generator().manual_seed(probe.seed)
    seen: set[bytes] = set()
    for _ in range(_BATCHES):
        x = torch.randn(_IMAGES, probe.inputs.shape[1], _SIDE, _SIDE, generator=generator).to(probe.inputs)
        with ReluCodes() as recorder, torch.no_grad():
            probe.network(x)
        if not recorder.codes:
            raise ProxyError("the network has no ReLU")
        bits = np.packbits(torch.cat(recorder.codes, 1).cpu().numpy(), axis=1)
        seen |= {row.tobytes() for row in bits}
    return float(len(seen))


register(
    ProxyInfo(
        "linear_regions",
        "different activation patterns of the thin network among 3,000 tiny noise images",
        source="Chen et al., TE-NAS, ICLR 2021",
        torch=True,
        random=True,
        initialisation="kaiming_fan_in",
    ),
    linear_regions,
    count,
)
