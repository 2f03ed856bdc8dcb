"""The RAM that a network needs for its activations, computed block by block without torch.

RAM is the most bytes of values that are in memory at once for one image, at one byte for each element, as in INT8
networks on microcontrollers. `liveness.py` says which values that are. It is a lower bound of the arena of a planner
such as TensorFlow Lite Micro's, which adds padding, workspace and gaps. Blocks follow one another, so the RAM of a
network is the largest of its blocks'.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from PlainNet.blocktype import Options
from PlainNet.cost import CostModel
from PlainNet.ir import BlockSpec, Structure
from PlainNet.liveness import kept_values
from PlainNet.lowering import part_graph
from PlainNet.ops import Shape
from PlainNet.sizes import Size
from PlainNet.template import Template, Width, template_of

BYTES = 1
"""Of an element in INT8."""

Term = tuple[tuple[int, Width], ...]
"""Elements that are kept at one time: for each width, the elements for each channel."""


class RamModel:
    """Computes the RAM of structures, in bytes. It caches blocks. model: that of the other costs."""

    _CAPACITY = 250_000

    def __init__(self, model: CostModel) -> None:
        self._model = model
        self._known: defaultdict[tuple[Size, bool], dict[BlockSpec, int]] = defaultdict(dict)
        self._count = 0

    def __call__(self, structure: Structure) -> int:
        """Return the bytes of the network for one image.

        Raises StructureError if it is not a network at the resolution of the model.
        """
        blocks = self._model.blocks(structure)
        size: Size = self._model.resolution
        most = 0
        for i, (spec, block) in enumerate(zip(structure.blocks, blocks, strict=True)):
            most = max(most, self._block(spec, size, first=i == 0))
            size = block.shape.size
        if self._model.num_classes is not None:
            most = max(most, head_elements(blocks[-1].shape, self._model.num_classes))
        return BYTES * most

    def _block(self, spec: BlockSpec, size: Size, first: bool) -> int:
        key = (size, first)
        found = self._known[key].get(spec)
        if found is None:
            if self._count >= self._CAPACITY:
                self._known.clear()
                self._count = 0
            self._count += 1
            found = self._known[key][spec] = block_elements(spec, size, self._model.options, first)
        return found


def block_elements(spec: BlockSpec, size: Size, options: Options = Options(), first: bool = False) -> int:
    """Return the most elements that are kept at once while a block runs on an input of this size in pixels.

    first: whether its input is the image. Raises StructureError if the block does not work on such an input.
    """
    template = template_of(spec)
    if template is not None:
        known = (*spec.args, 1)  # the 1 is for constant widths, whose argument is -1
        terms = block_terms(template, size, options, first)
        return max(sum(n * known[arg] * over // under for n, (arg, over, under) in term) for term in terms)
    graph = part_graph([spec], size, options)
    elements = [graph.input.elements, *(node.shape.elements for node in graph.nodes)]
    return max((sum(elements[value] for value in kept) for kept in kept_values(graph, first)), default=elements[0])


@cache
def block_terms(template: Template, size: Size, options: Options, first: bool = False) -> tuple[Term, ...]:
    """Return sums of elements of the blocks of a template, of which the largest is what a block keeps at once."""
    graph = part_graph([template.probe], size, options)
    shapes = [graph.input, *(node.shape for node in graph.nodes)]
    terms: dict[Term, None] = {}
    for kept in kept_values(graph, first):
        sums: dict[Width, int] = {}
        for shape in (shapes[value] for value in kept):
            width = template.width(shape.channels)
            sums[width] = sums.get(width, 0) + shape.elements // shape.channels
        terms[tuple((positions, width) for width, positions in sorted(sums.items()))] = None
    return tuple(terms)


def head_elements(shape: Shape, num_classes: int) -> int:
    """Return what the classifier keeps at once, from the output of the last block: pooling, then a linear layer."""
    return max(shape.elements + shape.channels, shape.channels + num_classes)
