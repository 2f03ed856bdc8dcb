"""Structures as graphs with features, which networks learn from: a cell, a chain of decisions, or a chain of blocks.

A space can say itself what the graph of a structure is, with a method `graph` (`GraphSpace`); the spaces of cells do.
Any other list of decisions is a chain of them, and a structure of an open space is a chain of its blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol, TypeAlias, runtime_checkable

from PlainNet import BlockSpec, Structure
from PlainNet.blocktype import BLOCKS, block_type
from SearchSpace.base import SearchSpace
from SearchSpace.decisions import DecisionSpace

Features: TypeAlias = tuple[float, ...]
Link: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Graph:
    """A directed graph.

    nodes: the features of each node; of equal length for all structures of a space.
    links: pairs (from, to) of nodes, sorted; to is larger than from. A link can be there several times.
    """

    nodes: tuple[Features, ...]
    links: tuple[Link, ...]


@runtime_checkable
class GraphSpace(SearchSpace, Protocol):
    """A search space that says itself what the graph of a structure is."""

    def graph(self, structure: Structure) -> Graph:
        """Return the graph of a structure, which is equal for equal structures.

        Different structures have different graphs, unless they are known to compute the same function.

        Raises SearchSpaceError if `structure` is not in the space.
        """


def graphs_of(space: SearchSpace) -> Callable[[Structure], Graph]:
    """Return the function from the structures of a space to their graphs."""
    if isinstance(space, GraphSpace):
        return space.graph
    if isinstance(space, DecisionSpace):
        return _Decisions(space)
    return _Blocks()


def one_hot(place: int, places: int) -> Features:
    """Return `places` features that are 0, but for the one at `place`, which is 1."""
    return tuple(float(i == place) for i in range(places))


class _Decisions:
    """The chain of the decisions of a space. The features name decision and option, so a node knows its place."""

    def __init__(self, space: DecisionSpace) -> None:
        self._encode = space.encode
        before = [0, *accumulate(len(decision.options) for decision in space.decisions())]
        self._nodes = [[one_hot(i, before[-1]) for i in range(low, high)] for low, high in pairwise(before)]
        self._links = tuple(pairwise(range(len(self._nodes))))

    def __call__(self, structure: Structure) -> Graph:
        choices = self._encode(structure)
        return Graph(tuple(own[choice] for own, choice in zip(self._nodes, choices, strict=True)), self._links)


class _Blocks:
    """The chain of the blocks of a structure; the branches of a block are paths from it to what comes next.

    Features: the kind of a block, and log2(1 + value) of each of its arguments at the place of the argument's name.
    """

    def __init__(self) -> None:
        self._kinds = {kind: place for place, kind in enumerate(sorted(BLOCKS.names()))}
        names = sorted({param.name for kind in BLOCKS for param in kind.params})
        self._names = {name: place for place, name in enumerate(names, start=len(self._kinds))}
        self._known: dict[tuple[str, tuple[int, ...]], Features] = {}

    def __call__(self, structure: Structure) -> Graph:
        nodes: list[Features] = []
        links: list[Link] = []
        self._add(structure.blocks, (), nodes, links)
        return Graph(tuple(nodes), tuple(sorted(links)))

    def _add(
        self, blocks: Sequence[BlockSpec], ends: tuple[int, ...], nodes: list[Features], links: list[Link]
    ) -> tuple[int, ...]:
        """Add blocks one after the other behind the nodes `ends`, and return the nodes that they end with."""
        for spec in blocks:
            here = len(nodes)
            nodes.append(self._features(spec))
            links += [(end, here) for end in ends]
            ends = (here,)
            if spec.branches:
                ends = tuple(end for branch in spec.branches for end in self._add(branch, (here,), nodes, links))
        return ends

    def _features(self, spec: BlockSpec) -> Features:
        key = spec.kind, spec.args
        if key not in self._known:
            found = [0.0] * (len(self._kinds) + len(self._names))
            found[self._kinds[spec.kind]] = 1.0
            for param, value in zip(block_type(spec.kind).params, spec.args, strict=True):
                found[self._names[param.name]] = math.log2(1 + value)
            self._known[key] = tuple(found)
        return self._known[key]
