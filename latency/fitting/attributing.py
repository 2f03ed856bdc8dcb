"""Which kernel of a network the time of each of a back end's layers belongs to. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from latency.base import LayerTime
from latency.kernels import WEIGHTED, Fusion, Group, Kernel, group
from PlainNet.ops import OpGraph

_LEAST_SHARE = 0.3
"""The least share of the profiler's time that a kernel is assumed to take after the overhead is subtracted."""


def kernel_times(
    graph: OpGraph, fusion: Fusion, batch: int, layers: Sequence[LayerTime], whole_ms: float
) -> list[tuple[Kernel, float]]:
    """Return each kernel of the graph with its time in ms for the whole batch, without the profiler's overhead.

    layers: as the back end or compiler runs the graph. whole_ms: the latency of the whole batch. Operations that the
    back end adds, such as changes of layout, count towards a neighbour without weights. Kernels that the back end did
    not run separately are left out.
    """
    groups = group(graph, fusion, batch)
    times = _assigned(groups, layers)
    excess = max(0.0, math.fsum(layer.ms for layer in layers) - whole_ms) / max(1, len(layers))
    counts = {i: len(found) for i, found in times.items()}
    net = {i: sum(max(ms - excess, _LEAST_SHARE * ms) for ms in found) for i, found in times.items()}
    return [(groups[i].kernel, net[i]) for i in sorted(net) if counts[i] and net[i] > 0]


def _assigned(groups: Sequence[Group], layers: Sequence[LayerTime]) -> dict[int, list[float]]:
    """For each group, by its index, the times of the back end's kernels that belong to it."""
    owner = {node: i for i, one in enumerate(groups) for node in one.nodes}
    owners: list[int | None] = []
    for layer in layers:
        mine = [owner[node] for node in layer.nodes if node in owner]
        weighted = [i for i in mine if groups[i].kernel.kind in WEIGHTED]
        owners.append(next(iter(weighted or mine), None))
    times: dict[int, list[float]] = {}
    for at, layer in enumerate(layers):
        own = owners[at]
        index = _neighbour(owners, at, groups) if own is None else own
        if index is not None:
            times.setdefault(index, []).append(layer.ms)
    return times


def _neighbour(owners: Sequence[int | None], at: int, groups: Sequence[Group]) -> int | None:
    """The group for a kernel without one: the nearest before or after it, preferably without weights."""
    before = next((i for i in reversed(owners[:at]) if i is not None), None)
    behind = next((i for i in owners[at + 1 :] if i is not None), None)
    near = [i for i in (before, behind) if i is not None]
    light = [i for i in near if groups[i].kernel.kind not in WEIGHTED]
    return next(iter(light or near), None)
