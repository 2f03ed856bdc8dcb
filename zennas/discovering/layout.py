"""Where the statistics of a network lie in its file, and how large it becomes. This file does not import torch.

A file has the tensors one after the other in float32, unit by unit, each at a multiple of 64 bytes, as torch has its
own: libraries of linear algebra may round differently elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PlainNet import Structure, lower
from PlainNet.sizes import Size
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy.programs.shapes import Dims, shapes_of_units

ALIGNED = 16
"""Tensors begin at multiples of this many floats."""
FLOAT = 4
"""The bytes of a float."""


@dataclass(frozen=True)
class Place:
    """Where a tensor lies. offset: of its first element in the file, in floats."""

    offset: int
    shape: Dims

    @property
    def floats(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Layout:
    """The places of the statistics of each unit, by name. floats: the length of the file, in floats."""

    units: tuple[Mapping[str, Place], ...]
    floats: int


def layout_of(shapes: Sequence[Mapping[str, Dims]]) -> Layout:
    """Return the layout of statistics with these shapes, by name, unit by unit."""
    end, units = 0, []
    for unit in shapes:
        places = {}
        for name, shape in unit.items():
            places[name] = Place(-(-end // ALIGNED) * ALIGNED, shape)
            end = places[name].offset + places[name].floats
        units.append(places)
    return Layout(tuple(units), end)


def bytes_of(structure: Structure, settings: CollectingSettings, resolution: Size) -> int:
    """Return the bytes that the statistics of a network will take, without running it; 0 if it has no units.

    resolution: the size of the images, in pixels. The small index of the network is not counted. A network that turns
    out to have no gradients takes nothing.

    Raises StructureError if the structure is not a network at this resolution.
    """
    graph = lower(structure, resolution=resolution, num_classes=settings.num_classes, options=settings.options)
    return layout_of(shapes_of_units(graph, settings.statistics, settings.batch)).floats * FLOAT
