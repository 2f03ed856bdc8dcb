"""Supernets: reduced networks whose weights belong to an operation of an edge, whatever the rest of the architecture.

A space writes its reduced networks as op graphs. The path of a node names a place of the supernet, such as an operation
on an edge; its weights are drawn from the seed and this name (`weights.py`). So a supernet exists without being built,
and two architectures that share an operation on an edge share its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from PlainNet import Structure
from PlainNet.blocktype import Options
from PlainNet.lowering import Builder, Value
from PlainNet.ops import OpGraph, Shape
from PlainNet.registry import Registry
from PlainNet.sizes import Size
from ZeroShotProxy.base import ProxyError

CELLS = "cells."
"""How the paths of all parameters of cells begin, those of reductions among them."""

Architecture: TypeAlias = Any
"""What decides an architecture within its space: any hashable value. Equal ones have equal indicators."""


@dataclass(frozen=True)
class Supernet:
    """The reduced networks of a space.

    space: its name, for messages.
    read: returns the architecture of a structure; None if the structure is of another space.
    full: adds the network for kernels to a builder, from images (3, R, R) to the value before the classifier.
    thin: adds the network whose regions are counted, from images (1, S, S).
    """

    space: str
    read: Callable[[Structure], Architecture | None]
    full: Callable[[Builder, Value, Architecture], Value]
    thin: Callable[[Builder, Value, Architecture], Value]

    def full_graph(self, architecture: Architecture, resolution: Size, classes: int) -> OpGraph:
        """Return the network for kernels, with global average pooling and a classifier."""
        builder = Builder(Shape(3, resolution), Options())
        last = self.full(builder, builder.input, architecture)
        return _graph(builder, builder.head(last, classes), last)

    def thin_graph(self, architecture: Architecture, side: int) -> OpGraph:
        """Return the network whose regions are counted. side: of its images, in pixels."""
        builder = Builder(Shape(1, side), Options())
        last = self.thin(builder, builder.input, architecture)
        return _graph(builder, last, last)


def _graph(builder: Builder, output: Value, last: Value) -> OpGraph:
    return OpGraph(builder.input.shape, tuple(builder.nodes), output.number, (last.number,))


SUPERNETS: Registry[Supernet] = Registry(
    "supernet", "ZeroShotProxy.teg.spaces", "zennas.supernets", lambda found: (found.space,)
)
"""The supernets by space; each file of `spaces/` adds its own."""


def architecture_of(structure: Structure) -> tuple[Supernet, Architecture]:
    """Return the supernet of a structure's space, and its architecture. Raises ProxyError if there is none."""
    for supernet in SUPERNETS:
        found = supernet.read(structure)
        if found is not None:
            return supernet, found
    raise ProxyError(
        f"{str(structure)[:60]} is of no space with a supernet, which the indicators of TEG-NAS need: choose one of "
        f"{', '.join(SUPERNETS.names())}"
    )
