"""Where the statistics of a network lie in its file, and how large it becomes. This file does not import torch.

A file has the tensors that are stored, one after the other in float32, each at a multiple of 64 bytes, as torch has its
own: libraries of linear algebra may round differently elsewhere. The other statistics follow from them (`parts.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from PlainNet import Structure, lower
from PlainNet.sizes import Size
from zennas.discovering.parts import Plan, plan_of, stored_whole
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy.programs.convolutions import shapes_of
from ZeroShotProxy.programs.shapes import Dims

ALIGNED = 16
"""Tensors begin at multiples of this many floats."""
FLOAT = 4
"""The bytes of a float."""


@dataclass(frozen=True)
class Layout:
    """The places of what is stored of a network.

    offsets: for each part of the plan, where its first element is in the file, in floats; None if it is not stored.
    floats: the length of the file, in floats.
    """

    plan: Plan
    offsets: tuple[int | None, ...]
    floats: int

    @cached_property
    def shapes(self) -> list[dict[str, Dims]]:
        """The shapes of the statistics of each unit, by name."""
        return [{name: self.plan.parts[i].shape for name, i in unit.items()} for unit in self.plan.units]

    @cached_property
    def elements(self) -> int:
        """The number of elements that programs may read."""
        return sum(math.prod(shape) for unit in self.shapes for shape in unit.values())


def layout_of(plan: Plan) -> Layout:
    """Return the layout of what is stored of a network."""
    end, offsets = 0, list[int | None]()
    for part in plan.parts:
        if part.how != "stored":
            offsets.append(None)
            continue
        start = -(-end // ALIGNED) * ALIGNED
        offsets.append(start)
        end = start + part.elements
    return Layout(plan, tuple(offsets), end)


def bytes_of(structure: Structure, settings: CollectingSettings, resolution: Size) -> int:
    """Return the bytes that the statistics of a network will take, without running it; 0 if it has no units.

    resolution: the size of the images, in pixels. The small index of the network is not counted. A network that turns
    out to have no gradients takes nothing, and of closed forms, convolutions without gradients take nothing.

    Raises StructureError if the structure is not a network at this resolution.
    """
    graph = lower(structure, resolution=resolution, num_classes=settings.num_classes, options=settings.options)
    if settings.closed_form:
        unit: Mapping[str, Dims] = shapes_of(graph, settings.statistics)
        return layout_of(stored_whole([unit])).floats * FLOAT
    return layout_of(plan_of(graph, settings)).floats * FLOAT
