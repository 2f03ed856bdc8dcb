"""Deployed networks block by block: what belongs to a block is computed once and looked up.

A block can be deployed by itself unless the block before it takes over its first operations, as a convolution does with
batch normalisation and a ReLU. Such blocks are deployed together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from PlainNet.blocktype import Options, in_channels
from PlainNet.cost import CostModel
from PlainNet.costform import cost_form
from PlainNet.deployed.simplify import simplify
from PlainNet.ir import BlockSpec, Structure, StructureError
from PlainNet.lowering import part_graph
from PlainNet.ops import BatchNorm, Flatten, OpGraph, Relu, Relu6
from PlainNet.sizes import Size
from PlainNet.template import Template, Width, template_of

FOLDED = (BatchNorm, Relu, Relu6, Flatten)
"""Operations that the operator before them can take over."""

T = TypeVar("T")
TemplateForm = Callable[[Template, Size, Options], Callable[[tuple[int, ...]], T]]
"""From a template and the size of its input to the function of a block's arguments."""


class _Known(NamedTuple, Generic[T]):
    """A block. value: what belongs to it. takes, channels, size: its input channels and its output.

    joined: whether it may be deployed together with others: front, if the block before it may take over operations of
    it, or back, if the block behind may change it.
    """

    value: T
    takes: int
    channels: int
    size: Size
    joined: bool
    front: bool
    back: bool


class _Form(NamedTuple, Generic[T]):
    """The blocks of a template at a size. of: from a block's arguments to its value. out, size: their output."""

    of: Callable[[tuple[int, ...]], T]
    out: Width
    size: Size


class Parts(Generic[T]):
    """Finds what belongs to the parts of structures, which are blocks, or blocks that are deployed together.

    model: that of the costs. of_graph: the value of an op graph. of_template: that of blocks with a template, which is
    faster.
    """

    _CAPACITY = 250_000

    def __init__(self, model: CostModel, of_graph: Callable[[OpGraph], T], of_template: TemplateForm[T]) -> None:
        self._model = model
        self._of_graph = of_graph
        self._of_template = of_template
        self._known: defaultdict[Size, dict[BlockSpec, _Known[T]]] = defaultdict(dict)
        self._forms: defaultdict[Size, dict[Template, _Form[T]]] = defaultdict(dict)
        self._runs: dict[tuple[Size, tuple[BlockSpec, ...]], T] = {}
        self._count = 0

    def __call__(self, structure: Structure) -> tuple[list[T], int, Size]:
        """Return the values of the parts in order, without the classifier, and channels and size of the last output.

        Raises StructureError if the structure is not a network at the resolution of the model, or has no form in an
        INT8 file.
        """
        # A search calls this for most candidates, so it uses plain tuples.
        size: Size = self._model.resolution
        channels, joined = 0, False
        found = []
        for spec in structure.blocks:
            block = self._known[size].get(spec)
            if block is None:
                block = self._add(structure, spec, size)
            if block[1] != channels and channels:
                self._model(structure)  # raises
            value, _, channels, size, together, _, _ = block
            if together:
                joined = True
            found.append(value)
        if not channels:
            self._model(structure)  # raises
        return self._together(structure) if joined else found, channels, size

    def _together(self, structure: Structure) -> list[T]:
        """The values of the parts of a structure some of whose blocks are deployed together."""
        found: list[T] = []
        size: Size = self._model.resolution
        run: list[BlockSpec] = []
        begins, opened = size, False
        for spec in structure.blocks:
            block = self._known[size][spec]
            if run and not (block.front or opened):
                found.append(self._run(tuple(run), begins))
                run, begins = [], size
            run.append(spec)
            opened = block.back or (opened and block.front)
            size = block.size
        return [*found, self._run(tuple(run), begins)]

    def _run(self, specs: tuple[BlockSpec, ...], size: Size) -> T:
        key = (size, specs)
        if key not in self._runs:
            self._room()
            self._runs[key] = self._of_graph(part_graph(specs, size, self._model.options))
        return self._runs[key]

    def _add(self, structure: Structure, spec: BlockSpec, size: Size) -> _Known[T]:
        self._room()
        try:
            found = self._known[size][spec] = self._block(spec, size)
        except StructureError:
            self._model(structure)  # raises with the place of the block, unless it only has no form in a file
            raise
        return found

    def _block(self, spec: BlockSpec, size: Size) -> _Known[T]:
        options, template = self._model.options, template_of(spec)
        if template is not None:
            form = self._forms[size].get(template)
            if form is None:
                costs = cost_form(template, size, options)
                form = _Form(self._of_template(template, size, options), costs.widths[costs.out], costs.size)
                self._forms[size][template] = form
            args = spec.args
            found = (form.of(args), args[0], form.out.of(args), form.size, False, False, False)
            return tuple.__new__(_Known, found)  # in half the time, for the inner loop of a search
        graph = part_graph([spec], size, options)
        simple = simplify(graph)
        front = simple.output == 0 or any(0 in node.inputs and isinstance(node.op, FOLDED) for node in graph.nodes)
        shape = graph.shape_of(graph.output)
        return _Known(self._of_graph(graph), in_channels(spec), *shape, front or simple.zero, front, simple.zero)

    def _room(self) -> None:
        if self._count >= self._CAPACITY:
            self._known.clear()
            self._runs.clear()
            self._count = 0
        self._count += 1
