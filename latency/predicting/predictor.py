"""The latency of a structure from a profile: the sum over its kernels, each of which is computed once. No torch.

A mutated network only needs its one or two new blocks computed, and a block only its new kernels, which takes
microseconds. `profile.py` contains the models; `zennas/budget/meters.py` uses the predictor in searches.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from latency.kernels import Kernel, group
from latency.predicting.kernelform import Family, family_of, kernel_form
from latency.predicting.profile import Profile
from PlainNet import BlockSpec, Options, Structure, StructureError
from PlainNet.lowering import Builder, lower, part_graph
from PlainNet.ops import OpGraph, Shape
from PlainNet.sizes import Size, SizeLike, checked_size
from PlainNet.template import Template, Width, template_of

FUSED_ACROSS = ("BN", "RELU", "RELU6", "Swish", "Sigmoid")
"""Blocks of a single operation that may be fused with the preceding block. Structures with such blocks are predicted in
chunks."""


def chunks(blocks: Sequence[BlockSpec]) -> list[tuple[BlockSpec, ...]]:
    """Return the blocks, each grouped with those after it that are fused into it."""
    found: list[list[BlockSpec]] = []
    for spec in blocks:
        if spec.kind in FUSED_ACROSS and found:
            found[-1].append(spec)
        else:
            found.append([spec])
    return [tuple(chunk) for chunk in found]


@dataclass(frozen=True, slots=True)
class Form:
    """A `KernelForm` with times: a constant plus ms per channel for kernels without weights, tables for the others.

    tables: count, family, the family's known times by channels, and the indices of both widths.
    """

    widths: tuple[Width, ...]
    out: int
    size: Size
    constant: float
    rates: tuple[tuple[int, float], ...]
    tables: tuple[tuple[int, Family, dict[tuple[int, int], float], int, int], ...]


Timed: TypeAlias = "tuple[float, int, Size]"
"""The time of blocks in milliseconds for a whole batch, and the channels and the size of their output."""


class Predictor:
    """Predicts milliseconds per image with a profile, at a batch size and resolution.

    resolution: height and width of the input in pixels; one number for a square. num_classes: None leaves out the
    classifier. batch_size: None for the profile's own. Calls raise ProfileError for a network with kernels that the
    profile does not know.
    """

    _CAPACITY = 250_000  # blocks

    def __init__(
        self,
        profile: Profile,
        *,
        resolution: SizeLike,
        num_classes: int | None,
        options: Options = Options(),
        batch_size: int | None = None,
    ) -> None:
        self.profile = profile
        self.resolution = checked_size(resolution, StructureError, "the resolution")
        self.num_classes = num_classes
        self.options = options
        self.batch_size = batch_size or profile.batch
        self._times: defaultdict[Family, dict[tuple[int, int], float]] = defaultdict(dict)
        self._forms: defaultdict[Size, dict[Template, Form]] = defaultdict(dict)
        self._blocks: defaultdict[Size, dict[BlockSpec, Timed]] = defaultdict(dict)
        self._chunks: defaultdict[Size, dict[tuple[BlockSpec, ...], Timed]] = defaultdict(dict)
        self._heads: dict[tuple[int, Size], float] = {}
        self._count = 0

    def __call__(self, structure: Structure) -> float:
        """Return the latency of a network in milliseconds per image.

        Does not check that the blocks' channels match. Raises StructureError if a block does not work at its
        resolution, and ProfileError for kernels that the profile does not know, or if its numbers lead to no time.
        """
        size: Size = self.resolution
        total, channels = 0.0, 0
        for spec in structure.blocks:
            known = self._blocks[size].get(spec)
            if known is None:
                if spec.kind in FUSED_ACROSS:
                    return self._in_chunks(structure)
                known = self._add(spec, size)
            ms, channels, size = known
            total += ms
        if self.num_classes is not None:
            total += self.head_ms(channels, size)
        return self._whole(total)

    def _in_chunks(self, structure: Structure) -> float:
        """The latency in milliseconds per image of a structure whose blocks may be fused with preceding blocks."""
        size: Size = self.resolution
        total, channels = 0.0, 0
        for chunk in chunks(structure.blocks):
            known = self._chunks[size].get(chunk)
            if known is None:
                known = self._chunks[size][chunk] = self._of_graph(chunk, size)
            ms, channels, size = known
            total += ms
        if self.num_classes is not None:
            total += self.head_ms(channels, size)
        return self._whole(total)

    def graph_ms(self, graph: OpGraph) -> float:
        """Return the latency in milliseconds per image of an op graph, which need not consist of blocks."""
        return self._whole(sum(map(self._kernel_ms, self.kernels(graph))))

    def blocks_ms(self, graph: OpGraph) -> dict[int, float]:
        """Return each top-level block's part of `graph_ms`. The overhead of the network belongs to no block."""
        found: dict[int, float] = {}
        for kernel, nodes in group(graph, self.profile.fusion, self.batch_size):
            block = graph.nodes[nodes[0]].block
            found[block] = found.get(block, 0.0) + self.profile.scale * self._kernel_ms(kernel) / self.batch_size
        return found

    def kernels(self, graph: OpGraph) -> list[Kernel]:
        """Return the kernels that are run for an op graph."""
        return [kernel for kernel, _ in group(graph, self.profile.fusion, self.batch_size)]

    def lowered(self, structure: Structure) -> OpGraph:
        """Return the op graph of a structure, as it is predicted. Raises StructureError if it is not a network."""
        return lower(structure, resolution=self.resolution, num_classes=self.num_classes, options=self.options)

    def _whole(self, kernels_ms: float) -> float:
        profile = self.profile
        ms = (profile.scale * kernels_ms + profile.overhead_ms) / self.batch_size
        return ms if 0 < ms < math.inf else profile.refuse(ms, "a network")

    def _add(self, spec: BlockSpec, size: Size) -> Timed:
        template = template_of(spec)
        found = self._of_graph((spec,), size) if template is None else self._of_form(template, spec, size)
        if self._count >= self._CAPACITY:
            self._blocks.clear()
            self._count = 0
        self._count += 1
        self._blocks[size][spec] = found
        return found

    def _of_graph(self, specs: tuple[BlockSpec, ...], size: Size) -> Timed:
        graph = part_graph(specs, size, self.options)
        return sum(map(self._kernel_ms, self.kernels(graph))), *graph.shape_of(graph.output)

    def block_ms(self, spec: BlockSpec, size: Size) -> float:
        """Return the time of a block on inputs of this size in pixels for a whole batch. Raises ProfileError."""
        return (self._blocks[size].get(spec) or self._add(spec, size))[0]

    def form(self, template: Template, size: Size) -> Form:
        """Return the formula for the times of a family of blocks. Raises ProfileError."""
        form = self._forms[size].get(template)
        if form is None:
            form = self._forms[size][template] = self._timed(template, size)
        return form

    def _of_form(self, template: Template, spec: BlockSpec, size: Size) -> Timed:
        form = self.form(template, size)
        widths = [width.of(spec.args) for width in form.widths]
        total = form.constant
        for i, rate in form.rates:
            total += rate * widths[i]
        for count, family, known, i, j in form.tables:
            channels = widths[i], widths[j]
            ms = known.get(channels)
            if ms is None:
                ms = known[channels] = self.profile.kernel_ms(family.member(*channels))
            total += count * ms
        return total, widths[form.out], form.size

    def _timed(self, template: Template, size: Size) -> Form:
        made = kernel_form(template, size, self.options, self.profile.fusion, self.batch_size)
        constant, rates = 0.0, [0.0] * len(made.widths)
        tables = []
        for count, family, i, j in made.kernels:
            if not self.profile.is_affine(family.kind):
                tables.append((count, family, self._times[family], i, j))
                continue
            least = self.profile.kernel_ms(family.member(0, 0))
            constant += count * least
            rates[i] += count * (self.profile.kernel_ms(family.member(1, 0)) - least)
            rates[j] += count * (self.profile.kernel_ms(family.member(0, 1)) - least)
        paid = tuple((i, rate) for i, rate in enumerate(rates) if rate)
        return Form(made.widths, made.out, made.size, constant, paid, tuple(tables))

    def _kernel_ms(self, kernel: Kernel) -> float:
        known = self._times[family_of(kernel)]
        channels = kernel.in_channels, kernel.out_channels
        ms = known.get(channels)
        if ms is None:
            ms = known[channels] = self.profile.kernel_ms(kernel)
        return ms

    def head_ms(self, channels: int, size: Size) -> float:
        """Return the time of the classifier for a whole batch: pooling, unless the features are flat, and a linear
        layer. Raises ProfileError.
        """
        known = self._heads.get((channels, size))
        if known is None:
            kernels = self.head_kernels(channels, size)
            known = self._heads[channels, size] = sum(map(self._kernel_ms, kernels))
        return known

    def head_kernels(self, channels: int, size: Size) -> list[Kernel]:
        """Return the kernels of the classifier."""
        assert self.num_classes is not None
        builder = Builder(Shape(channels, size), self.options)
        out = builder.head(builder.input, self.num_classes)
        return self.kernels(OpGraph(builder.input.shape, tuple(builder.nodes), out.number, ()))
