"""DeepMAD: entropy of a structure from its widths, and whether it is too deep for its width. Closed form, no torch.

A convolution of c input channels, kernel k and g groups has width w = c k² / g. Down to c' channels of r × r pixels, a
network has the entropy log(r² c') × sum of log w over the convolutions on the way there; of several ways, the one with
the largest sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PlainNet import Options, lower, ops
from PlainNet.ops import OpGraph
from ZeroShotProxy.base import ProxyError, ProxyInfo, Score, ScoreSettings, Target, register, structure_of

_LAST_STAGE = 8.0
"""Weight of the last stage's entropy, the others' being 1."""
_UNEVENNESS = 10.0
"""Weight of exp(variance of the stages' depths)."""


@dataclass(frozen=True)
class Way:
    """The convolutions on the way to a value: how many, and the sum of the logarithms of their widths."""

    depth: int = 0
    log_widths: float = 0.0


def deepmad(target: Target, settings: ScoreSettings) -> Score:
    """Sum over stages of weight × entropy, less 10 exp(variance of the stages' depths); a stage is a resolution."""
    graph, ways = _graph_and_ways(target, "deepmad", settings)
    ends: dict[int, int] = {}
    for value in graph.block_outputs:
        ends[graph.shape_of(value).size] = value  # the last block at each resolution
    entropies: list[float] = []
    depths: list[int] = []
    before = 0
    for size, value in ends.items():
        way = ways[value]
        if way.depth > before:
            entropies.append(math.log(max(1, size) ** 2 * graph.shape_of(value).channels) * way.log_widths)
            depths.append(way.depth - before)
            before = way.depth
    weights = [1.0] * (len(entropies) - 1) + [_LAST_STAGE]
    mean = sum(depths) / len(depths)
    variance = sum((depth - mean) ** 2 for depth in depths) / len(depths)
    entropy = sum(w * h for w, h in zip(weights, entropies, strict=True))
    return Score(entropy - _UNEVENNESS * math.exp(variance))


def effectiveness(target: Target, settings: ScoreSettings) -> Score:
    """Depth over the geometric mean of the widths: small is easy to train, in a large one gradients get lost."""
    graph, ways = _graph_and_ways(target, "deepmad_effectiveness", settings)
    way = ways[graph.block_outputs[-1]]
    return Score(way.depth / math.exp(way.log_widths / way.depth))


def _graph_and_ways(target: Target, name: str, settings: ScoreSettings) -> tuple[OpGraph, list[Way]]:
    options = Options(use_se=settings.use_se)
    graph = lower(structure_of(target, name), resolution=settings.resolution, options=options)
    ways = _ways(graph)
    if not ways[graph.block_outputs[-1]].depth:
        raise ProxyError(f"proxy {name} looks at convolutions, and none leads to the output")
    return graph, ways


def _ways(graph: OpGraph) -> list[Way]:
    """For the input and every node, the way there with the largest sum; what is always zero is no way."""
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
    ProxyInfo("deepmad", "entropy by widths, over stages, less their unevenness", source=_SOURCE),
    deepmad,
)
register(
    ProxyInfo(
        "deepmad_effectiveness",
        "depth over mean width: a limit to keep in view, not a goal",
        source=_SOURCE,
        higher_is_better=False,
    ),
    effectiveness,
)
