"""The evaluator: from a structure to its three indicators. Imports torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from PlainNet import Structure
from PlainNet.ops import OpGraph
from PlainNet.sizes import size_of
from ZeroShotProxy.teg.forward import forward, pruned
from ZeroShotProxy.teg.kernels import Found, NoValue, condition_number, kernel, regression_error
from ZeroShotProxy.teg.regions import count_regions
from ZeroShotProxy.teg.rows import Rows, gradient_rows
from ZeroShotProxy.teg.supernets import Architecture, Supernet, architecture_of
from ZeroShotProxy.teg.weights import Weights

NETWORKS = 3
"""Supernets, whose indicators are averaged."""
REMEMBERED = 1 << 14
"""Architectures whose indicators are kept: as many as a search meets again."""


@dataclass(frozen=True, eq=False)
class TegImages:
    """The images that every architecture sees.

    known, held_out: normalised images (N, 3, R, R) in float32, for kernels and for the regression.
    known_labels, held_out_labels: their classes, (N,). classes: how many classes there are.
    crops: (batches, n, 1, S, S) in float32, for regions.
    """

    known: NDArray[np.float32]
    known_labels: NDArray[np.int64]
    held_out: NDArray[np.float32]
    held_out_labels: NDArray[np.int64]
    crops: NDArray[np.float32]
    classes: int

    @property
    def digest(self) -> str:
        """A digest, because a search that is continued must use the same images."""
        found = hashlib.sha256(str(self.classes).encode())
        for part in (self.known, self.known_labels, self.held_out, self.held_out_labels, self.crops):
            found.update(np.ascontiguousarray(part).tobytes())
        return found.hexdigest()


class Indicators(NamedTuple):
    """The indicators of an architecture; low trainability and generalisation are good, as they are published.

    trainability: condition number of the tangent kernel of all weights. expressivity: number of linear regions.
    generalisation: error of kernel regression with the kernel of the cells' parameters. Means over the supernets.
    """

    trainability: Found
    expressivity: Found
    generalisation: Found


class Evaluator:
    """A function from structures to indicators, which does not depend on the order in which structures come.

    seed: of the weights. networks: how many supernets there are. device: where they run.
    """

    def __init__(
        self, images: TegImages, *, seed: int = 0, networks: int = NETWORKS, device: torch.device = torch.device("cpu")
    ) -> None:
        self._classes = images.classes
        height, width = images.known.shape[-2:]
        self._resolution, self._side = size_of(height, width), images.crops.shape[-1]
        self._known, self._held_out, self._crops, self._known_labels, self._held_out_labels = (
            torch.from_numpy(part).to(device)
            for part in (images.known, images.held_out, images.crops, images.known_labels, images.held_out_labels)
        )
        self._full = [Weights(seed, f"full {number}", device) for number in range(networks)]
        self._thin = [Weights(seed, f"thin {number}", device) for number in range(networks)]
        self._indicators = lru_cache(maxsize=REMEMBERED)(self._evaluated)
        self._kernels = lru_cache(maxsize=REMEMBERED)(self._by_kernels)

    def __call__(self, structure: Structure) -> Indicators:
        """Return the indicators of a structure. Raises ProxyError if its space has no supernet."""
        return self._indicators(*architecture_of(structure))

    def _evaluated(self, supernet: Supernet, architecture: Architecture) -> Indicators:
        graph = pruned(supernet.full_graph(architecture, self._resolution, self._classes))
        thin = supernet.thin_graph(architecture, self._side)
        with torch.inference_mode():
            trainability, generalisation = self._kernels(graph)
            regions = [float(count_regions(thin, self._crops, weights)) for weights in self._thin]
        return Indicators(trainability, _mean(regions), generalisation)

    def _by_kernels(self, graph: OpGraph) -> tuple[Found, Found]:
        """Trainability and generalisation; networks that differ in operations without effect share a graph."""
        trainability, generalisation = zip(*(self._of_network(graph, one) for one in self._full), strict=True)
        return _mean(trainability), _mean(generalisation)

    def _of_network(self, graph: OpGraph, weights: Weights) -> tuple[Found, Found]:
        """The same of one network. The kernel of the cells is a part of that of all weights."""
        known = self._rows(graph, weights, self._known, cells_only=False)
        cells = kernel(known.cells, known.cells)
        everything = cells + kernel(known.others, known.others)
        held_out = self._rows(graph, weights, self._held_out, cells_only=True)
        across = kernel(held_out.cells, known.cells)
        error = regression_error(cells, across, self._known_labels, self._held_out_labels, self._classes)
        return condition_number(everything), error

    @staticmethod
    def _rows(graph: OpGraph, weights: Weights, images: Tensor, cells_only: bool) -> Rows:
        head = graph.nodes[graph.output - 1]
        run = forward(graph, images, weights)
        readout = weights(head.path, (head.shape.channels, graph.shape_of(head.inputs[0]).channels))
        return gradient_rows(run, readout, cells_only)


def _mean(found: Sequence[Found]) -> Found:
    """The mean over networks; no value if one of them has none."""
    for number, one in enumerate(found, start=1):
        if isinstance(one, NoValue):
            return NoValue(f"network {number} of {len(found)}: {one.reason}")
    return sum(one for one in found if not isinstance(one, NoValue)) / len(found)
