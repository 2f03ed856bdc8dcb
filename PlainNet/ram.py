"""The RAM that a network needs for its activations, computed block by block without torch.

RAM is the arena of activations for one image in bytes, in INT8, as TensorFlow Lite Micro lays it out when the file has
our plan; see `deployed/`. Blocks follow one another, and between them only one value is in use, so the RAM of a network
is the largest of its blocks'. For blocks that are chains or residual units, that is what is in use at once; others are
packed. `docs/adr/0024-ram-to-the-byte.md` has the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from typing import NamedTuple

from PlainNet.blocktype import Options
from PlainNet.cost import CostModel
from PlainNet.deployed.buffers import ALIGNMENT, aligned, buffers_of, live_bytes, scratch_bytes
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.offline import own_plan, section_bytes
from PlainNet.deployed.operators import Mean
from PlainNet.deployed.parts import Parts
from PlainNet.ir import BlockSpec, Structure
from PlainNet.lowering import lower, part_graph
from PlainNet.ops import OpGraph, Shape
from PlainNet.sizes import Size
from PlainNet.template import Template, template_of


class Peak(NamedTuple):
    """What a part of a network needs. packed: the bytes of its plan. live: the most bytes in use at once, not more."""

    packed: int
    live: int


class RamModel:
    """Computes the RAM of structures, in bytes. It caches blocks. model: that of the other costs."""

    _CAPACITY = 50_000

    def __init__(self, model: CostModel) -> None:
        self._model = model
        self._num_classes = model.num_classes
        self._parts = Parts(model, _peak, _template_peak)
        self._whole: dict[Structure, int] = {}

    def __call__(self, structure: Structure) -> int:
        """Return the bytes of the network for one image.

        Raises StructureError if it is not a network at the resolution of the model, or has no form in an INT8 file.
        """
        parts, channels, size = self._parts(structure)
        packed, live = max(parts)  # of equal plans, one that is as tight as any
        if self._num_classes is not None:
            head = head_bytes(channels, size, self._num_classes)
            if head >= packed:
                return head
        return packed if live == packed else self._exactly(structure)

    def _exactly(self, structure: Structure) -> int:
        """The bytes of our plan for a network whose blocks cannot be packed one by one as tightly as together."""
        found = self._whole.get(structure)
        if found is None:
            if len(self._whole) >= self._CAPACITY:
                self._whole.clear()
            model = self._model
            graph = lower(structure, resolution=model.resolution, num_classes=model.num_classes, options=model.options)
            found = self._whole[structure] = _planned(graph)
        return found


def part_peak(specs: Sequence[BlockSpec], size: Size, options: Options = Options()) -> Peak:
    """Return what consecutive blocks need on an input of this size in pixels, by themselves.

    Raises StructureError if the blocks do not work on such an input, or have no form in an INT8 file.
    """
    return _peak(part_graph(specs, size, options))


def _planned(graph: OpGraph) -> int:
    """The bytes of our plan of a whole network."""
    deployed = deploy(graph)
    return own_plan(buffers_of(deployed), deployed.output).bytes


def _peak(graph: OpGraph) -> Peak:
    deployed = deploy(graph)
    buffers = buffers_of(deployed)
    return Peak(section_bytes(buffers, deployed.output), max(live_bytes(buffers)))


def block_bytes(spec: BlockSpec, size: Size, options: Options = Options()) -> int:
    """Return the bytes of the plan of one block, by itself. Raises what `part_peak` raises."""
    template = template_of(spec)
    if template is not None:
        return live_form(template, size, options).of(spec.args)
    return part_peak([spec], size, options).packed


@dataclass(frozen=True, slots=True)
class LiveForm:
    """What the blocks of a template have in use at once, as sums of buffers.

    buffers: different buffers, as (factor, position of an argument, divisor): factor · argument / divisor bytes,
        rounded up to 16. The argument behind the last one is 1.
    terms: for each time, the indices of the buffers that are in use, without times when others are never less.
    """

    buffers: tuple[tuple[int, int, int], ...]
    terms: tuple[tuple[int, ...], ...]

    def of(self, args: tuple[int, ...]) -> int:
        """Return the most bytes that a block with these arguments has in use at once."""
        known = (*args, 1)
        found = [(factor * known[arg] // divisor + ALIGNMENT - 1) & -ALIGNMENT for factor, arg, divisor in self.buffers]
        most = 0
        for term in self.terms:
            total = 0
            for i in term:
                total += found[i]
            if total > most:
                most = total
        return most

    def peak(self, args: tuple[int, ...]) -> Peak:
        """Return what a block with these arguments needs; its plan takes no more than is in use at once."""
        live = self.of(args)
        return tuple.__new__(Peak, (live, live))  # in half the time, for the inner loop of a search


def _template_peak(template: Template, size: Size, options: Options) -> Callable[[tuple[int, ...]], Peak]:
    return live_form(template, size, options).peak


@cache
def live_form(template: Template, size: Size, options: Options) -> LiveForm:
    """Return what the blocks of a template have in use at once.

    Raises StructureError if they do not work on an input of this size in pixels.
    """
    deployed = deploy(part_graph([template.probe], size, options))
    named: dict[tuple[int, int, int], int] = {}
    ones = len(template.probe.args)

    def number(channels: int, elements: int) -> int:
        """The index of a buffer of so many elements for each of some channels; 0 channels for a fixed number."""
        if not channels:
            return named.setdefault((elements, ones, 1), len(named))
        arg, numerator, divisor = template.width(channels)
        return named.setdefault((elements * numerator, ones if arg < 0 else arg, divisor), len(named))

    shapes = [deployed.shape_of(i) for i in range(len(deployed.operators) + 1)]
    numbers = [number(shape[-1], prod(shape[:-1])) for shape in shapes]
    buffers = buffers_of(deployed)
    terms = []
    for time, operator in enumerate(deployed.operators, start=1):
        alive = [numbers[i] for i in range(len(shapes)) if buffers[i].first <= time <= buffers[i].last]
        if isinstance(operator.kind, Mean):
            source, channels = shapes[operator.inputs[0]], operator.shape[-1]
            first, *others = scratch_bytes(operator.kind, source, operator.shape)
            alive += [number(channels, first // channels), *(number(0, count) for count in others)]
        terms.append(tuple(sorted(alive)))
    kept = _largest(list(dict.fromkeys(terms)), list(named))
    used = sorted({i for term in kept for i in term})
    buffers_in_use = list(named)
    return LiveForm(tuple(buffers_in_use[i] for i in used), tuple(tuple(used.index(i) for i in term) for term in kept))


def _largest(terms: list[tuple[int, ...]], buffers: list[tuple[int, int, int]]) -> list[tuple[int, ...]]:
    """The terms without those that another one is at least as large as, whatever the widths are."""
    kept: list[tuple[int, ...]] = []
    for number, term in enumerate(terms):
        rivals = (*kept, *terms[number + 1 :])
        if not any(_within(term, other, buffers) for other in rivals):
            kept.append(term)
    return kept


def _within(term: tuple[int, ...], other: tuple[int, ...], buffers: list[tuple[int, int, int]]) -> bool:
    """Whether another term has, for each buffer of a term, one of its own that is as large and of the same width."""
    return all(
        len(own) <= len(theirs) and all(a <= b for a, b in zip(own, theirs, strict=False))
        for arg in {buffers[i][1] for i in term}
        for own, theirs in [(_factors(term, arg, buffers), _factors(other, arg, buffers))]
    )


def _factors(term: tuple[int, ...], arg: int, buffers: list[tuple[int, int, int]]) -> list[float]:
    """The bytes for each channel of one argument, the largest first."""
    found = (buffers[i] for i in term)
    return sorted((factor / divisor for factor, other, divisor in found if other == arg), reverse=True)


@lru_cache(maxsize=1 << 14)
def head_bytes(channels: int, size: Size, num_classes: int) -> int:
    """Return what the classifier has in use at once, from the output of the last block: a mean, then a linear layer."""
    shape = Shape(channels, size)
    _, *sides = shape.dims
    features, classes = aligned(channels), aligned(num_classes)
    pooling = aligned(4 * channels) + pooling_bytes() if sides and sides != [1, 1] else 0
    return max(aligned(shape.elements) + pooling + (features if sides else classes), features + classes)


def pooling_bytes() -> int:
    """Return the bytes of scratch memory of global pooling that do not depend on its channels."""
    _, *fixed = scratch_bytes(Mean(keep_dims=False), (1, 2, 2, 1), (1, 1))
    return sum(map(aligned, fixed))
