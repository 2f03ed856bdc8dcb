"""Lowering: from a structure to the `OpGraph` that all other parts interpret.

Blocks (see `blocks/`) call the methods of `Builder`, which checks shapes: a structure that can be lowered is a network.
This file does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from PlainNet.blocktype import Options, block_type, in_channels
from PlainNet.ir import BlockSpec, Structure, StructureError, does_not_join
from PlainNet.latest import REMEMBERED
from PlainNet.ops import (
    FLAT,
    HEAD,
    AdaptiveAvgPool,
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Flatten,
    Linear,
    MaxPool,
    Mul,
    Node,
    Op,
    OpGraph,
    Relu,
    Relu6,
    RowColumnConv,
    Shape,
    Shift,
    Sigmoid,
    Swish,
    Truncate,
    Zero,
    positions,
)
from PlainNet.sizes import Size, SizeLike, checked_size, sides, size_text

# Larger structures are mistakes in the text. Lowering stops before the machine runs out of memory.
MAX_NODES = 50_000
MAX_WEIGHTS = 2**31
_MOST_UNITS = 64
"""Families of blocks with more units than this may be too large, which only all of their operations together show."""


class Value(NamedTuple):
    """A value of the graph under construction: its number and its shape."""

    number: int
    shape: Shape


class _Made(NamedTuple):
    """What a unit of a super-block made of the value with the number `taken`.

    out: its output. weights: how many its operations have. place: the length of the path of the unit.
    """

    nodes: Sequence[Node]
    taken: int
    out: Value
    weights: int
    place: int


_WEIGHTED = (Conv, RowColumnConv, BatchNorm, Linear)


class Builder:
    """Appends operations to a graph and checks their shapes. Each block writes its operations with it.

    All methods raise StructureError if an input has the wrong shape or the graph becomes too large.
    """

    def __init__(self, shape: Shape, options: Options, open_choices: bool = False) -> None:
        self.options = options
        self.open_choices = open_choices
        self.input = Value(0, shape)
        self.nodes: list[Node] = []
        self._path: list[str] = []
        self._block = 0
        self._weights = 0
        self._weighted: set[str] = set()

    # -- where we are ------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The dotted index of the current block."""
        return ".".join(self._path)

    @contextmanager
    def at(self, name: str | int) -> Iterator[None]:
        """Add `name` to the path of all operations that are made inside the `with` block."""
        self._path.append(str(name))
        try:
            yield
        finally:
            self._path.pop()

    def fail(self, message: str) -> StructureError:
        """Return an error for the block at the current path; the caller raises it."""
        return StructureError(message, self.path)

    # -- operations --------------------------------------------------------------------------

    def conv(
        self,
        x: Value,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        dilation: int = 1,
    ) -> Value:
        """Add a 2-D convolution with a square kernel and padding (extent - 1) // 2."""
        channels, size = self._image(x, "a convolution")
        if channels % groups or out_channels % groups:
            raise self.fail(f"{groups} groups do not divide {channels} input and {out_channels} output channels")
        self._count(out_channels * (channels // groups) * kernel * kernel)
        op = Conv(channels, out_channels, kernel, stride, groups, bias, dilation)
        return self._emit(op, (x,), Shape(out_channels, positions(op, size)))

    def row_column_conv(self, x: Value, out_channels: int, kernel: int, stride: int = 1) -> Value:
        """Add a convolution of 1 × kernel, followed by one of kernel × 1."""
        channels, size = self._image(x, "a convolution")
        self._count((channels + out_channels) * out_channels * kernel)
        op = RowColumnConv(channels, out_channels, kernel, stride, size)
        return self._emit(op, (x,), Shape(out_channels, positions(op, size)))

    def batch_norm(self, x: Value) -> Value:
        """Add batch normalisation."""
        self._image(x, "batch normalisation")
        return self._emit(BatchNorm(x.shape.channels), (x,), x.shape)

    def relu(self, x: Value) -> Value:
        """Add a ReLU."""
        return self._emit(Relu(), (x,), x.shape)

    def relu6(self, x: Value) -> Value:
        """Add a ReLU that is limited to 6."""
        return self._emit(Relu6(), (x,), x.shape)

    def swish(self, x: Value) -> Value:
        """Add Swish, x * sigmoid(x)."""
        return self._emit(Swish(), (x,), x.shape)

    def sigmoid(self, x: Value) -> Value:
        """Add a sigmoid."""
        return self._emit(Sigmoid(), (x,), x.shape)

    def max_pool(self, x: Value, kernel: int, stride: int) -> Value:
        """Add max pooling with padding (kernel - 1) // 2."""
        return self._pool(x, MaxPool(kernel, stride))

    def avg_pool(self, x: Value, kernel: int, stride: int, ceil: bool = False) -> Value:
        """Add average pooling with padding (kernel - 1) // 2, which averages exclude."""
        return self._pool(x, AvgPool(kernel, stride, ceil))

    def _pool(self, x: Value, op: MaxPool | AvgPool) -> Value:
        channels, size = self._image(x, "pooling")
        kernel = op.kernel
        if min(sides(size)) + 2 * op.padding < kernel:
            raise self.fail(f"a {kernel}×{kernel} pooling window does not fit an input of {size_text(size)}")
        return self._emit(op, (x,), Shape(channels, positions(op, size)))

    def adaptive_avg_pool(self, x: Value, size: int) -> Value:
        """Add average pooling to an output of `size` × `size` positions."""
        channels, _ = self._image(x, "pooling")
        return self._emit(AdaptiveAvgPool(size), (x,), Shape(channels, size))

    def flatten(self, x: Value) -> Value:
        """Reshape features of 1×1 positions to a flat vector."""
        channels, size = self._image(x, "Flatten")
        if size != 1:  # the length, and the weights of the next layer, would depend on the resolution
            raise self.fail(f"Flatten takes 1×1 features, got {x.shape}: put AdaptiveAvgPool({channels},1) before it")
        return self._emit(Flatten(), (x,), Shape(channels, FLAT))

    def linear(self, x: Value, out_features: int, bias: bool = True) -> Value:
        """Add a fully connected layer on a flat input."""
        if x.shape.size != FLAT:
            raise self.fail(f"Linear needs a flat input, got {x.shape}: put AdaptiveAvgPool and Flatten before it")
        self._count(x.shape.channels * out_features)
        return self._emit(Linear(x.shape.channels, out_features, bias), (x,), Shape(out_features, FLAT))

    def zero(self, x: Value) -> Value:
        """Add zeros in the shape of `x`."""
        return self._emit(Zero(), (x,), x.shape)

    def shift(self, x: Value) -> Value:
        """Shift `x` by one position up and one to the left, and fill with zeros."""
        self._image(x, "a shift")
        return self._emit(Shift(), (x,), x.shape)

    def truncate(self, x: Value, channels: int) -> Value:
        """Return the first `channels` channels of `x`, or `x` itself if it has exactly that many."""
        if channels > x.shape.channels:
            raise self.fail(f"cannot keep {channels} channels of {x.shape}, which has fewer")
        if channels == x.shape.channels:
            return x
        return self._emit(Truncate(channels), (x,), Shape(channels, x.shape.size))

    def add(self, x: Value, y: Value) -> Value:
        """Add two values of the same shape."""
        if x.shape != y.shape:
            raise self.fail(f"cannot add {x.shape} and {y.shape}")
        return self._emit(Add(), (x, y), x.shape)

    def mul(self, x: Value, gate: Value) -> Value:
        """Multiply `x` by a gate of shape (channels, 1, 1)."""
        if gate.shape != Shape(x.shape.channels, 1):
            raise self.fail(f"a gate of {gate.shape} does not fit {x.shape}")
        return self._emit(Mul(), (x, gate), x.shape)

    def concat(self, values: Sequence[Value]) -> Value:
        """Concatenate values along channels."""
        sizes = {v.shape.size for v in values}
        if len(sizes) > 1:
            raise self.fail("cannot concatenate " + " and ".join(str(v.shape) for v in values))
        channels = sum(v.shape.channels for v in values)
        return self._emit(Concat(), tuple(values), Shape(channels, sizes.pop()))

    # -- blocks ------------------------------------------------------------------------------

    def block(self, x: Value, spec: BlockSpec) -> Value:
        """Lower one block at the current path and return its output."""
        try:
            kind, takes = block_type(spec.kind), in_channels(spec)
        except StructureError as error:
            raise self.fail(error.message) from None
        if takes != x.shape.channels:
            raise self.fail(does_not_join(spec.kind, takes, x.shape.channels))
        if kind.expand is not None:
            return self._repeating(x, kind.expand(spec, self.options))
        assert kind.lower is not None  # a BlockType has one of the two
        return kind.lower(self, x, spec)

    def sequence(self, x: Value, specs: Sequence[BlockSpec], first: int = 0) -> Value:
        """Lower consecutive blocks, numbered from `first` below the current path, and return the last output."""
        for i, spec in enumerate(specs, first):
            self._path.append(str(i))
            x = self.block(x, spec)
            self._path.pop()
        return x

    def top_level(self, x: Value, specs: Sequence[BlockSpec]) -> Iterator[Value]:
        """Lower the blocks of a structure and yield the output of each."""
        for i, spec in enumerate(specs):
            self._block = i
            x = self.sequence(x, [spec], first=i)
            yield x

    def head(self, x: Value, num_classes: int) -> Value:
        """Add the classifier: global average pooling and flatten, unless `x` is flat, then a linear layer with bias."""
        self._block = HEAD
        with self.at("fc_linear"):
            if x.shape.size != FLAT:
                x = self.flatten(self.adaptive_avg_pool(x, 1))
            return self.linear(x, num_classes)

    # -- inside ------------------------------------------------------------------------------

    def _repeating(self, x: Value, specs: Sequence[BlockSpec]) -> Value:
        """Do what `sequence` does for the units of a super-block; what a unit that is repeated made is copied."""
        known: dict[tuple[int, Shape], _Made] = {}
        for i, spec in enumerate(specs):
            self._path.append(str(i))
            taken, before, weights = x, len(self.nodes), self._weights
            made = known.get((id(spec), x.shape))
            if x.number != before:  # a branch that begins here: the operations before are of another one
                x = self.block(x, spec)
            elif made is None:
                x = self.block(x, spec)
                nodes = self.nodes[before:]
                known[id(spec), taken.shape] = _Made(nodes, before, x, self._weights - weights, len(self.path))
            else:
                x = self._copied(x, made)
            self._path.pop()
        return x

    def _copied(self, x: Value, made: _Made) -> Value:
        """Append the operations of an earlier unit once more, on the input `x`."""
        place, further = self.path, x.number - made.taken
        if len(self.nodes) + len(made.nodes) > MAX_NODES:
            raise self.fail(f"the structure has more than {MAX_NODES} operations")
        self._count(made.weights)
        for op, inputs, shape, path, block in made.nodes:
            path = place + path[made.place :]
            if isinstance(op, _WEIGHTED):
                self._weighted.add(path)
            self.nodes.append(Node(op, tuple([number + further for number in inputs]), shape, path, block))
        return Value(made.out.number + further, made.out.shape)

    def _emit(self, op: Op, inputs: tuple[Value, ...], shape: Shape) -> Value:
        if len(self.nodes) >= MAX_NODES:
            raise self.fail(f"the structure has more than {MAX_NODES} operations")
        path = self.path
        if isinstance(op, _WEIGHTED):
            if path in self._weighted:
                raise ValueError(
                    f"two layers with weights have the path {path!r}: give each its own with builder.at(...)"
                )
            self._weighted.add(path)
        self.nodes.append(Node(op, tuple(v.number for v in inputs), shape, path, self._block))
        return Value(len(self.nodes), shape)

    def _count(self, weights: int) -> None:
        self._weights += weights
        if self._weights > MAX_WEIGHTS:
            raise self.fail(f"the structure has more than {MAX_WEIGHTS:.2g} weights")

    def _image(self, x: Value, what: str) -> Shape:
        if x.shape.size == FLAT:
            raise self.fail(f"{what} needs height and width, but its input is flat ({x.shape})")
        return x.shape


def lower(
    structure: Structure,
    *,
    resolution: SizeLike,
    num_classes: int | None = None,
    options: Options = Options(),
    open_choices: bool = False,
) -> OpGraph:
    """Return the op graph of `structure` for images of one resolution.

    resolution: height and width of the images in pixels; one number for a square.
    num_classes: the outputs of the classifier, or None for a graph that ends before global pooling.
    options: see `Options`.
    open_choices: only check the structure, which may have choices; the graph then has all of their alternatives.
        Without it, a structure with a choice is refused.

    The number of input channels is that of the first block. Raises StructureError if the structure is not a network at
    this resolution.
    """
    if not structure.blocks:
        raise StructureError("the structure has no blocks, expected at least one")
    size = checked_size(resolution, StructureError, "the resolution")
    if num_classes is not None and num_classes < 1:
        raise StructureError(f"the number of classes is {num_classes}, expected at least 1")
    builder = Builder(Shape(in_channels(structure.blocks[0]), size), options, open_choices)
    outputs = list(builder.top_level(builder.input, structure.blocks))
    last = outputs[-1] if num_classes is None else builder.head(outputs[-1], num_classes)
    return OpGraph(builder.input.shape, tuple(builder.nodes), last.number, tuple(x.number for x in outputs))


def part_graph(specs: Sequence[BlockSpec], size: Size, options: Options = Options()) -> OpGraph:
    """Return the op graph of one or more consecutive blocks.

    size: of the input in pixels, or `FLAT` for a vector. Raises StructureError if the blocks do not work on
    such an input.
    """
    return _part_graph(tuple(specs), size, options)


@lru_cache(maxsize=REMEMBERED)
def _part_graph(specs: tuple[BlockSpec, ...], size: Size, options: Options) -> OpGraph:
    builder = Builder(Shape(in_channels(specs[0]), size), options)
    outputs = tuple(out.number for out in builder.top_level(builder.input, specs))
    return OpGraph(builder.input.shape, tuple(builder.nodes), outputs[-1], outputs)


def lower_block(spec: BlockSpec, size: Size, options: Options = Options()) -> tuple[Sequence[Node], Shape]:
    """Return the operations of one block on an input of this size in pixels, and its output shape.

    Raises StructureError if the block does not work on such an input.
    """
    graph = part_graph([spec], size, options)
    return graph.nodes, graph.shape_of(graph.output)


def lower_family(probe: BlockSpec, size: Size, options: Options = Options()) -> tuple[Sequence[Node], Shape]:
    """Do what `lower_block` does for the probe of a template, but for the paths of operations, which are not complete.

    Probes of different depths have the same units, which are lowered once.
    """
    units = family_units(probe, size, options)
    if not units:
        return lower_block(probe, size, options)
    nodes: list[Node] = []
    last = 0
    for unit in units:
        taken, before = last, len(nodes)
        for op, inputs, shape, path, block in unit.nodes:
            own = tuple([before + number if number else taken for number in inputs])
            nodes.append(Node(op, own, shape, path, block))
        last = before + unit.output if unit.output else last
    return nodes, units[-1].shape


@dataclass(frozen=True, eq=False)
class Unit:
    """A unit of a super-block: its operations, the number of its output among them, and the output's shape.

    Equal units are the same object, as long as they are remembered, and quick keys.
    """

    nodes: Sequence[Node]
    output: int
    shape: Shape


@lru_cache(maxsize=1 << 8)
def family_units(probe: BlockSpec, size: Size, options: Options) -> tuple[Unit, ...]:
    """Return the units of the probe of a template; none if it has too many, if it is no super-block, or if it does not
    work on such an input.
    """
    expand = block_type(probe.kind).expand
    specs = () if expand is None else expand(probe, options)
    found: list[Unit] = []
    try:
        for spec in specs if len(specs) <= _MOST_UNITS else ():
            found.append(_unit(spec, found[-1].shape.size if found else size, options))
    except StructureError:  # `lower_block` says where
        return ()
    return tuple(found)


@lru_cache(maxsize=1 << 11)
def _unit(spec: BlockSpec, size: Size, options: Options) -> Unit:
    graph = part_graph([spec], size, options)
    return Unit(graph.nodes, graph.output, graph.shape_of(graph.output))
