"""Which nodes of many graphs have equal surroundings, so that a graph network computes them once.

After l layers, a node's values depend on its surroundings up to l links away only. Nodes whose surroundings are equal,
in one graph or in several, are one row (the colour refinement of Weisfeiler and Leman). The whole of NAS-Bench-201 has
140,625 nodes, and about 32,000 rows in its largest layer.

A node takes its own values and those of the nodes behind it, as in the code of BRP-NAS (Dudziak et al., 2020). A global
node, which every graph gets here, takes those of all nodes; its values in the last layer stand for the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from SearchSpace.graphs import Graph

Ints: TypeAlias = NDArray[np.int64]
Floats32: TypeAlias = NDArray[np.float32]

_NONE = -1


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows that some graphs need.

    features: (rows, features + 1); the last feature marks the global node.
    layers: for each layer, for each of its rows, the rows before it that it is the sum of, filled up with -1:
        (rows, most).
    graphs: the row of each graph in the last layer.
    """

    features: Floats32
    layers: tuple[Ints, ...]
    graphs: Ints

    @classmethod
    def of(cls, graphs: Sequence[Graph], depth: int) -> Rows:
        """Return the rows of at least one graph for a network of `depth` layers."""
        features, colours = _features(graphs)
        sources, globals_ = _sources(graphs)
        layers = []
        for layer in range(depth):
            taken = sources[globals_] if layer == depth - 1 else sources
            before = np.append(colours, _NONE)[taken]  # a place that is filled up is the last one
            rows, colours = np.unique(np.sort(before, axis=1), axis=0, return_inverse=True)
            layers.append(rows.astype(np.int64))
            colours = colours.reshape(-1).astype(np.int64)
        return cls(features, tuple(layers), colours)

    def part(self, places: Ints) -> Rows:
        """Return the rows that the graphs at some places need."""
        needed, graphs = np.unique(self.graphs[places], return_inverse=True)
        layers: list[Ints] = []
        for layer in reversed(self.layers):
            taken = layer[needed]
            there = taken != _NONE
            needed, renamed = np.unique(taken[there], return_inverse=True)
            own = np.full_like(taken, _NONE)
            own[there] = renamed.reshape(-1)
            layers.append(own)
        return Rows(self.features[needed], tuple(layers[::-1]), graphs.reshape(-1))


@lru_cache(maxsize=4)
def known_rows(graphs: tuple[Graph, ...], depth: int) -> Rows:
    """Return the rows of some graphs; searches with several seeds rank the same graphs, which takes a second."""
    return Rows.of(graphs, depth)


def _features(graphs: Sequence[Graph]) -> tuple[Floats32, Ints]:
    """The different features of nodes, and which of them each node has; the global node comes first in its graph."""
    marked = (*(0.0 for _ in graphs[0].nodes[0]), 1.0)
    places = {marked: 0}
    colours: list[int] = []
    for graph in graphs:
        colours.append(0)
        colours += [places.setdefault((*node, 0.0), len(places)) for node in graph.nodes]
    return np.array(list(places), dtype=np.float32), np.array(colours, dtype=np.int64)


def _sources(graphs: Sequence[Graph]) -> tuple[Ints, Ints]:
    """The nodes that each node takes values of, filled up with the number of nodes, and which nodes are global."""
    taken: list[list[int]] = []
    globals_ = []
    for graph in graphs:
        here = len(taken)
        globals_.append(here)
        taken.append(list(range(here, here + len(graph.nodes) + 1)))
        taken += [[here + 1 + i] for i in range(len(graph.nodes))]
        for source, to in graph.links:
            taken[here + 1 + source].append(here + 1 + to)
    most = max(map(len, taken))
    filled = np.full((len(taken), most), len(taken), dtype=np.int64)
    for i, nodes in enumerate(taken):
        filled[i, : len(nodes)] = nodes
    return filled, np.array(globals_, dtype=np.int64)
