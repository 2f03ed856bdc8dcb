"""From structure to operations: `lower` makes the `OpGraph` that every other part interprets.

Blocks (see `blocks/`) call the methods of `Builder`; the builder checks shapes, so that a structure
that lowers is a network. No torch here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from PlainNet.blocktype import Options, block_type, in_channels
from PlainNet.ir import BlockSpec, Structure, StructureError, does_not_join
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
    RowColumnConv,
    Shape,
    Shift,
    Sigmoid,
    Swish,
    Truncate,
    Zero,
    positions,
)

# More than this is a mistake in the text; lowering stops there, before a machine runs out of memory.
MAX_NODES = 50_000
MAX_WEIGHTS = 2**31


class Value(NamedTuple):
    """A value under construction: its number in the graph and its shape."""

    number: int
    shape: Shape


class Builder:
    """Appends operations to a graph, checking shapes. Blocks get one to write into."""

    def __init__(self, shape: Shape, options: Options) -> None:
        self.options = options
        self.input = Value(0, shape)
        self.nodes: list[Node] = []
        self._path: list[str] = []
        self._block = 0
        self._weights = 0
        self._weighted: set[str] = set()

    # -- where we are ------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return ".".join(self._path)

    @contextmanager
    def at(self, name: str | int) -> Iterator[None]:
        """Everything made inside stands below `name` in the path."""
        self._path.append(str(name))
        try:
            yield
        finally:
            self._path.pop()

    def fail(self, message: str) -> StructureError:
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
        channels, size = self._image(x, "a convolution")
        if channels % groups or out_channels % groups:
            raise self.fail(f"{groups} groups do not divide {channels} input and {out_channels} output channels")
        self._count(out_channels * (channels // groups) * kernel * kernel)
        op = Conv(channels, out_channels, kernel, stride, groups, bias, dilation)
        return self._emit(op, (x,), Shape(out_channels, positions(op, size)))

    def row_column_conv(self, x: Value, out_channels: int, kernel: int, stride: int = 1) -> Value:
        """A convolution of 1 × kernel, then one of kernel × 1."""
        channels, size = self._image(x, "a convolution")
        self._count((channels + out_channels) * out_channels * kernel)
        op = RowColumnConv(channels, out_channels, kernel, stride, size)
        return self._emit(op, (x,), Shape(out_channels, positions(op, size)))

    def batch_norm(self, x: Value) -> Value:
        self._image(x, "batch normalisation")
        return self._emit(BatchNorm(x.shape.channels), (x,), x.shape)

    def relu(self, x: Value) -> Value:
        return self._emit(Relu(), (x,), x.shape)

    def swish(self, x: Value) -> Value:
        return self._emit(Swish(), (x,), x.shape)

    def sigmoid(self, x: Value) -> Value:
        return self._emit(Sigmoid(), (x,), x.shape)

    def max_pool(self, x: Value, kernel: int, stride: int) -> Value:
        return self._pool(x, MaxPool(kernel, stride))

    def avg_pool(self, x: Value, kernel: int, stride: int, ceil: bool = False) -> Value:
        return self._pool(x, AvgPool(kernel, stride, ceil))

    def _pool(self, x: Value, op: MaxPool | AvgPool) -> Value:
        channels, size = self._image(x, "pooling")
        kernel = op.kernel
        if size + 2 * op.padding < kernel:
            raise self.fail(f"a {kernel}×{kernel} pooling window does not fit an input of {size}×{size}")
        return self._emit(op, (x,), Shape(channels, positions(op, size)))

    def adaptive_avg_pool(self, x: Value, size: int) -> Value:
        channels, _ = self._image(x, "pooling")
        return self._emit(AdaptiveAvgPool(size), (x,), Shape(channels, size))

    def flatten(self, x: Value) -> Value:
        channels, size = self._image(x, "Flatten")
        if size != 1:  # its length would depend on the resolution, and so would the weights behind it
            raise self.fail(
                f"Flatten takes 1×1 features and gets {x.shape}: put AdaptiveAvgPool({channels},1) before it"
            )
        return self._emit(Flatten(), (x,), Shape(channels, FLAT))

    def linear(self, x: Value, out_features: int, bias: bool = True) -> Value:
        if x.shape.size != FLAT:
            raise self.fail(f"Linear needs a flat input and gets {x.shape}: put AdaptiveAvgPool and Flatten before it")
        self._count(x.shape.channels * out_features)
        return self._emit(Linear(x.shape.channels, out_features, bias), (x,), Shape(out_features, FLAT))

    def zero(self, x: Value) -> Value:
        return self._emit(Zero(), (x,), x.shape)

    def shift(self, x: Value) -> Value:
        self._image(x, "a shift")
        return self._emit(Shift(), (x,), x.shape)

    def truncate(self, x: Value, channels: int) -> Value:
        """The first `channels` channels of `x`; `x` itself where it has no more."""
        if channels > x.shape.channels:
            raise self.fail(f"{x.shape} has no {channels} channels to keep")
        if channels == x.shape.channels:
            return x
        return self._emit(Truncate(channels), (x,), Shape(channels, x.shape.size))

    def add(self, x: Value, y: Value) -> Value:
        if x.shape != y.shape:
            raise self.fail(f"cannot add {x.shape} and {y.shape}")
        return self._emit(Add(), (x, y), x.shape)

    def mul(self, x: Value, gate: Value) -> Value:
        if gate.shape != Shape(x.shape.channels, 1):
            raise self.fail(f"a gate of {gate.shape} does not fit {x.shape}")
        return self._emit(Mul(), (x, gate), x.shape)

    def concat(self, values: Sequence[Value]) -> Value:
        sizes = {v.shape.size for v in values}
        if len(sizes) > 1:
            raise self.fail("cannot concatenate " + " and ".join(str(v.shape) for v in values))
        channels = sum(v.shape.channels for v in values)
        return self._emit(Concat(), tuple(values), Shape(channels, sizes.pop()))

    # -- blocks ------------------------------------------------------------------------------

    def block(self, x: Value, spec: BlockSpec) -> Value:
        """Lower one block at the current path."""
        try:
            kind, takes = block_type(spec.kind), in_channels(spec)
        except StructureError as error:
            raise self.fail(error.message) from None
        if takes != x.shape.channels:
            raise self.fail(does_not_join(spec.kind, takes, x.shape.channels))
        if kind.expand is not None:
            return self.sequence(x, kind.expand(spec, self.options))
        assert kind.lower is not None  # a BlockType has one of the two
        return kind.lower(self, x, spec)

    def sequence(self, x: Value, specs: Sequence[BlockSpec], first: int = 0) -> Value:
        """Lower blocks one after another, numbered from `first` below the current path."""
        for i, spec in enumerate(specs, first):
            self._path.append(str(i))
            x = self.block(x, spec)
            self._path.pop()
        return x

    def top_level(self, x: Value, specs: Sequence[BlockSpec]) -> Iterator[Value]:
        """Lower the blocks of a structure, giving the output of each."""
        for i, spec in enumerate(specs):
            self._block = i
            x = self.sequence(x, [spec], first=i)
            yield x

    def head(self, x: Value, num_classes: int) -> Value:
        """The classifier: global average pooling, flatten (both unless flat already), linear with bias."""
        self._block = HEAD
        with self.at("fc_linear"):
            if x.shape.size != FLAT:
                x = self.flatten(self.adaptive_avg_pool(x, 1))
            return self.linear(x, num_classes)

    # -- inside ------------------------------------------------------------------------------

    def _emit(self, op: Op, inputs: tuple[Value, ...], shape: Shape) -> Value:
        if len(self.nodes) >= MAX_NODES:
            raise self.fail(f"the structure has more than {MAX_NODES} operations")
        if isinstance(op, (Conv, RowColumnConv, BatchNorm, Linear)):
            if self.path in self._weighted:
                raise ValueError(
                    f"two layers with weights stand at {self.path!r}: give each a place with builder.at(...)"
                )
            self._weighted.add(self.path)
        self.nodes.append(Node(op, tuple(v.number for v in inputs), shape, self.path, self._block))
        return Value(len(self.nodes), shape)

    def _count(self, weights: int) -> None:
        self._weights += weights
        if self._weights > MAX_WEIGHTS:
            raise self.fail(f"the structure has more than {MAX_WEIGHTS:.2g} weights")

    def _image(self, x: Value, what: str) -> Shape:
        if x.shape.size == FLAT:
            raise self.fail(f"{what} needs height and width, its input is flat ({x.shape})")
        return x.shape


def lower(
    structure: Structure, *, resolution: int, num_classes: int | None = None, options: Options = Options()
) -> OpGraph:
    """The op graph of `structure` on images of `resolution` × `resolution`.

    With `num_classes` the classifier head is appended; without, the graph ends before global pooling.
    The input has as many channels as the first block takes. Raises StructureError.
    """
    if not structure.blocks:
        raise StructureError("a structure has at least one block")
    if resolution < 1:
        raise StructureError(f"the resolution is {resolution}, expected at least 1")
    if num_classes is not None and num_classes < 1:
        raise StructureError(f"the number of classes is {num_classes}, expected at least 1")
    builder = Builder(Shape(in_channels(structure.blocks[0]), resolution), options)
    outputs = list(builder.top_level(builder.input, structure.blocks))
    last = outputs[-1] if num_classes is None else builder.head(outputs[-1], num_classes)
    return OpGraph(builder.input.shape, tuple(builder.nodes), last.number, tuple(x.number for x in outputs))


def part_graph(specs: Sequence[BlockSpec], size: int, options: Options = Options()) -> OpGraph:
    """The op graph of some blocks, at least one, on an input of `size` × `size`, `FLAT` for a vector.

    Raises StructureError.
    """
    builder = Builder(Shape(in_channels(specs[0]), size), options)
    outputs = tuple(out.number for out in builder.top_level(builder.input, specs))
    return OpGraph(builder.input.shape, tuple(builder.nodes), outputs[-1], outputs)


def lower_block(spec: BlockSpec, size: int, options: Options = Options()) -> tuple[Sequence[Node], Shape]:
    """The operations of one block on an input of `size` × `size`, and the shape they make."""
    graph = part_graph([spec], size, options)
    return graph.nodes, graph.shape_of(graph.output)
