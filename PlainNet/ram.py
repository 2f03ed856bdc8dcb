"""The RAM that a network needs for its activations, computed block by block without torch.

RAM is the arena of activations for one image in bytes, in INT8, as TensorFlow Lite Micro lays it out when the file has
our plan; see `deployed/`. Blocks follow one another, and between them only one value is in use, so the RAM of a network
is the largest of its blocks'. For blocks that are chains or residual units, that is what is in use at once; others are
packed. `docs/adr/0024-ram-to-the-byte.md` has the reasons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from PlainNet.blocktype import Options, in_channels
from PlainNet.cost import CostModel
from PlainNet.deployed.buffers import ALIGNMENT, aligned, buffers_of, live_bytes, scratch_bytes
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.memory import memory_of
from PlainNet.deployed.offline import section_bytes
from PlainNet.deployed.operators import Mean
from PlainNet.deployed.simplify import simplify
from PlainNet.ir import BlockSpec, Structure, StructureError
from PlainNet.lowering import lower, part_graph
from PlainNet.ops import BatchNorm, Flatten, OpGraph, Relu, Relu6, Shape
from PlainNet.sizes import Size
from PlainNet.template import Template, Width, template_of

FOLDED = (BatchNorm, Relu, Relu6, Flatten)
"""Operations that the operator before them can take over."""


class Peak(NamedTuple):
    """What a part of a network needs. live: the most bytes in use at once. packed: the bytes of its plan."""

    live: int
    packed: int


class _Known(NamedTuple):
    """A block. front: whether the block before it may take over operations of it. back: whether it may be changed by
    the block behind it."""

    live: int
    packed: int
    takes: int
    channels: int
    size: Size
    front: bool
    back: bool


@dataclass(frozen=True, slots=True)
class LiveForm:
    """What the blocks of a template have in use at once, as sums of buffers.

    buffers: different buffers, as (factor, position of an argument, divisor): factor · argument / divisor bytes,
        rounded up to 16. The argument behind the last one is 1.
    terms: for each time, the indices of the buffers that are in use, without those of which another time has all.
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


class RamModel:
    """Computes the RAM of structures, in bytes. It caches blocks. model: that of the other costs."""

    _CAPACITY = 250_000

    def __init__(self, model: CostModel) -> None:
        self._model = model
        self._known: defaultdict[Size, dict[BlockSpec, _Known]] = defaultdict(dict)
        self._runs: dict[tuple[Size, tuple[BlockSpec, ...]], Peak] = {}
        self._whole: dict[Structure, int] = {}
        self._count = 0

    def __call__(self, structure: Structure) -> int:
        """Return the bytes of the network for one image.

        Raises StructureError if it is not a network at the resolution of the model, or has no form in an INT8 file.
        """
        # A search calls this for most candidates, so it uses plain tuples.
        size: Size = self._model.resolution
        channels = live = packed = 0
        joined = False
        for spec in structure.blocks:
            block = self._known[size].get(spec)
            if block is None:
                block = self._add(structure, spec, size)
            if block[0] > live:
                live = block[0]
            if block[1] > packed:
                packed = block[1]
            if block[2] != channels and channels:
                self._model(structure)  # raises
            channels, size = block[3], block[4]
            joined = joined or block[5] or block[6]
        if not channels:
            self._model(structure)  # raises
        if joined:
            live, packed = self._joined(structure)
        if self._model.num_classes is not None:
            head = head_bytes(Shape(channels, size), self._model.num_classes)
            live, packed = max(live, head), max(packed, head)
        return live if live == packed else self._exactly(structure)

    def _joined(self, structure: Structure) -> Peak:
        """The peak of a structure some of whose blocks can only be seen together."""
        found = Peak(0, 0)
        size: Size = self._model.resolution
        run: list[BlockSpec] = []
        begins, open_ = size, False
        for spec in structure.blocks:
            block = self._known[size][spec]
            if run and not (block.front or open_):
                found = _largest(found, self._run(tuple(run), begins))
                run, begins = [], size
            run.append(spec)
            open_, size = block.back or (open_ and block.front), block.size
        return _largest(found, self._run(tuple(run), begins))

    def _run(self, specs: tuple[BlockSpec, ...], size: Size) -> Peak:
        found = self._runs.get((size, specs))
        if found is None:
            self._room()
            found = self._runs[size, specs] = part_peak(specs, size, self._model.options)
        return found

    def _exactly(self, structure: Structure) -> int:
        """The bytes of our plan for a network whose blocks cannot be packed one by one as tightly as together."""
        found = self._whole.get(structure)
        if found is None:
            self._room()
            model = self._model
            graph = lower(structure, resolution=model.resolution, num_classes=model.num_classes, options=model.options)
            found = self._whole[structure] = memory_of(deploy(graph)).ram_bytes
        return found

    def _add(self, structure: Structure, spec: BlockSpec, size: Size) -> _Known:
        self._room()
        try:
            found = self._known[size][spec] = _known_block(spec, size, self._model.options)
        except StructureError:
            self._model(structure)  # raises with the place of the block, unless it only has no form in a file
            raise
        return found

    def _room(self) -> None:
        if self._count >= self._CAPACITY:
            self._known.clear()
            self._runs.clear()
            self._whole.clear()
            self._count = 0
        self._count += 1


def _largest(one: Peak, other: Peak) -> Peak:
    return Peak(max(one.live, other.live), max(one.packed, other.packed))


def _known_block(spec: BlockSpec, size: Size, options: Options) -> _Known:
    template = template_of(spec)
    if template is not None:
        form, shape = live_form(template, size, options)
        channels = template.width(shape.channels).of(spec.args)
        live = form.of(spec.args)
        return _Known(live, live, in_channels(spec), channels, shape.size, False, False)
    graph = part_graph([spec], size, options)
    simple = simplify(graph)
    front = simple.output == 0 or any(0 in node.inputs and isinstance(node.op, FOLDED) for node in graph.nodes)
    shape = graph.shape_of(graph.output)
    peak = _peak(graph)
    return _Known(*peak, in_channels(spec), shape.channels, shape.size, front, simple.zero)


def part_peak(specs: Sequence[BlockSpec], size: Size, options: Options = Options()) -> Peak:
    """Return what consecutive blocks need on an input of this size in pixels, by themselves.

    Raises StructureError if the blocks do not work on such an input, or have no form in an INT8 file.
    """
    return _peak(part_graph(specs, size, options))


def _peak(graph: OpGraph) -> Peak:
    deployed = deploy(graph)
    buffers = buffers_of(deployed)
    return Peak(max(live_bytes(buffers)), section_bytes(buffers, deployed.output))


def block_bytes(spec: BlockSpec, size: Size, options: Options = Options()) -> int:
    """Return the bytes of the plan of one block, by itself. Raises what `part_peak` raises."""
    template = template_of(spec)
    if template is not None:
        return live_form(template, size, options)[0].of(spec.args)
    return part_peak([spec], size, options).packed


@cache
def live_form(template: Template, size: Size, options: Options) -> tuple[LiveForm, Shape]:
    """Return what the blocks of a template have in use at once, and the shape of the output of the template's probe."""
    graph = part_graph([template.probe], size, options)
    deployed = deploy(graph)
    named: dict[tuple[int, int, int], int] = {}
    ones = len(template.probe.args)

    def number(channels: int, positions: int) -> int:
        arg, numerator, divisor = template.width(channels) if channels > 1 else Width(-1, 1, 1)
        return named.setdefault((positions * numerator, ones if arg < 0 else arg, divisor), len(named))

    def values(shape: tuple[int, ...]) -> int:
        positions = 1
        for side in shape[1:-1]:
            positions *= side
        return number(shape[-1], positions)

    numbers = [values(deployed.shape_of(i)) for i in range(len(deployed.operators) + 1)]
    scratch: dict[int, list[int]] = {}
    for time, operator in enumerate(deployed.operators, start=1):
        if isinstance(operator.kind, Mean):
            first, *others = scratch_bytes(operator.kind, deployed.shape_of(operator.inputs[0]), operator.shape)
            channels = operator.shape[-1]
            scratch[time] = [number(channels, first // channels), *(number(1, count) for count in others)]
    buffers = buffers_of(deployed)[: len(numbers)]
    terms = []
    for time in range(1, len(deployed.operators) + 1):
        alive = [numbers[i] for i, buffer in enumerate(buffers) if buffer.first <= time <= buffer.last]
        terms.append(tuple(sorted(alive + scratch.get(time, []))))
    kept = [term for term in dict.fromkeys(terms) if not any(_within(term, other) for other in terms if other != term)]
    return LiveForm(tuple(named), tuple(kept)), graph.shape_of(graph.output)


def _within(term: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether a time has all buffers of another one, each as often."""
    return all(term.count(i) <= other.count(i) for i in term)


def head_bytes(shape: Shape, num_classes: int) -> int:
    """Return what the classifier has in use at once, from the output of the last block: a mean, then a linear layer."""
    channels, *sides = shape.dims
    features, classes = aligned(channels), aligned(num_classes)
    pooling = aligned(4 * channels) + pooling_bytes() if sides and sides != [1, 1] else 0
    return max(aligned(shape.elements) + pooling + (features if sides else classes), features + classes)


def pooling_bytes() -> int:
    """Return the bytes of scratch memory of global pooling that do not depend on its channels."""
    _, *fixed = scratch_bytes(Mean(keep_dims=False), (1, 2, 2, 1), (1, 1))
    return sum(map(aligned, fixed))
