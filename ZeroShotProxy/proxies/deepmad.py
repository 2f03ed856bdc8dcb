"""DeepMAD: the entropy of a structure, computed from its widths, and its depth relative to its width. Without torch.

A convolution with c input channels, kernel k and g groups has the width w = c k² / g. The entropy of a feature map with
c' channels and r × r pixels is log(r² c') times the sum of log w over the convolutions on the path to it. If there are
several paths, the one with the largest sum counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PlainNet import Options, lower, ops
from PlainNet.ops import OpGraph
from PlainNet.sizes import Size, area
from ZeroShotProxy.base import ProxyError, ProxyInfo, Score, ScoreSettings, Target, register, structure_of

_LAST_STAGE = 8.0
"""Weight of the last stage's entropy. The other stages have weight 1."""
_UNEVENNESS = 10.0
"""Weight of exp(variance of the stages' depths)."""


@dataclass(frozen=True)
class Way:
    """The convolutions on a path to a value: their number, and the sum of the logarithms of their widths."""

    depth: int = 0
    log_widths: float = 0.0


def deepmad(target: Target, settings: ScoreSettings) -> Score:
    """Return the sum over stages of weight × entropy, minus 10 exp(variance of the stages' depths).

    A stage is the part of the network at one resolution.
    """
    graph, ways = _graph_and_ways(target, "deepmad", settings)
    ends: dict[Size, int] = {}
    for value in graph.block_outputs:
        ends[graph.shape_of(value).size] = value  # the last block at each resolution
    entropies: list[float] = []
    depths: list[int] = []
    before = 0
    for size, value in ends.items():
        way = ways[value]
        if way.depth > before:
            entropies.append(math.log(max(1, area(size)) * graph.shape_of(value).channels) * way.log_widths)
            depths.append(way.depth - before)
            before = way.depth
    weights = [1.0] * (len(entropies) - 1) + [_LAST_STAGE]
    mean = sum(depths) / len(depths)
    variance = sum((depth - mean) ** 2 for depth in depths) / len(depths)
    entropy = sum(w * h for w, h in zip(weights, entropies, strict=True))
    return Score(entropy - _UNEVENNESS * math.exp(variance))


def effectiveness(target: Target, settings: ScoreSettings) -> Score:
    """Return the depth divided by the geometric mean of the widths. Gradients vanish if it is large."""
    graph, ways = _graph_and_ways(target, "deepmad_effectiveness", settings)
    way = ways[graph.block_outputs[-1]]
    return Score(way.depth / math.exp(way.log_widths / way.depth))


def _graph_and_ways(target: Target, name: str, settings: ScoreSettings) -> tuple[OpGraph, list[Way]]:
    options = Options(use_se=settings.use_se)
    graph = lower(structure_of(target, name), resolution=settings.resolution, options=options)
    ways = _ways(graph)
    if not ways[graph.block_outputs[-1]].depth:
        raise ProxyError(f"proxy {name} needs convolutions, but none is on a path to the output")
    return graph, ways


def _ways(graph: OpGraph) -> list[Way]:
    """The path with the largest sum for the input and for every node. Zeros interrupt a path."""
    ways = [Way()]
    for node in graph.nodes:
        before = max((ways[i] for i in node.inputs), key=lambda way: way.log_widths)
        match node.op:
            case ops.Conv() as conv:
                width = conv.in_channels // conv.groups * conv.kernel**2
                ways.append(Way(before.depth + 1, before.log_widths + math.log(width)))
            case ops.RowColumnConv() as pair:
                log_widths = sum(math.log(factor.in_channels * pair.kernel) for factor in pair.factors)
                ways.append(Way(before.depth + len(pair.factors), before.log_widths + log_widths))
            case ops.Zero():
                ways.append(Way())
            case _:
                ways.append(before)
    return ways


_SOURCE = "Shen et al., DeepMAD, CVPR 2023"
register(
    ProxyInfo(
        "deepmad", "entropy from the widths, summed over stages, minus a penalty for uneven stages", source=_SOURCE
    ),
    deepmad,
)
register(
    ProxyInfo(
        "deepmad_effectiveness",
        "depth divided by mean width; use it as a limit, not as a goal",
        source=_SOURCE,
        higher_is_better=False,
    ),
    effectiveness,
)
