"""The interval of the predicted latency of each of many structures. No torch.

As in `predictor.py`, blocks are computed once. Structures are chunked as there.
"""

from __future__ import annotations

from typing import NamedTuple

from latency.kernels import Kernel
from latency.predicting.posterior import Term, summed
from latency.predicting.predictor import Predictor, chunks
from PlainNet import BlockSpec, Structure
from PlainNet.lowering import part_graph
from PlainNet.sizes import Size


class _Part(NamedTuple):
    """Part of a network. ms: its time by terms. outside: whether it lies outside of what was measured. channels, size:
    of its output."""

    ms: dict[Term, float]
    outside: bool
    channels: int
    size: Size


class Intervals:
    """Finds from and to which latency a structure takes with the probability that the profile's `trust` tells."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._chunks: dict[tuple[tuple[BlockSpec, ...], Size], _Part] = {}
        self._heads: dict[tuple[int, Size], _Part] = {}

    def __call__(self, structure: Structure, ms: float) -> tuple[float, float] | None:
        """Return the interval of a prediction of `ms`, in its unit; None if the profile was not tested there.

        Raises what `Predictor` raises.
        """
        profile = self._predictor.profile
        if profile.posterior is None:
            return None if profile.trust is None else profile.trust.interval(ms)
        channels, size, parts = 0, self._predictor.resolution, []
        for chunk in chunks(structure.blocks):
            part = self._chunks.get((chunk, size)) or self._add(chunk, size)
            parts.append(part)
            channels, size = part.channels, part.size
        if self._predictor.num_classes is not None:
            if (channels, size) not in self._heads:
                self._heads[channels, size] = self._part(self._predictor.head_kernels(channels, size), channels, size)
            parts.append(self._heads[channels, size])
        if any(part.outside for part in parts):
            return None
        found = summed([*profile.constant_parts(), *(one for part in parts for one in part.ms.items())])
        return profile.posterior.interval(ms, found)

    def _add(self, chunk: tuple[BlockSpec, ...], size: Size) -> _Part:
        graph = part_graph(chunk, size, self._predictor.options)
        shape = graph.shape_of(graph.output)
        found = self._part(self._predictor.kernels(graph), shape.channels, shape.size)
        self._chunks[chunk, size] = found
        return found

    def _part(self, kernels: list[Kernel], channels: int, size: Size) -> _Part:
        profile = self._predictor.profile
        return _Part(summed(profile.kernel_parts(kernels)), bool(profile.beyond(kernels)), channels, size)
