"""From an op graph to the operators of an INT8 file; see `operators.py`.

Batch normalisation is folded into the convolution before it, also through a concatenation; elsewhere it becomes a 1×1
depthwise convolution. ReLU and ReLU6 belong to the operator before them if nothing else reads what that makes. Swish is
LOGISTIC and MUL. Squeeze-and-excitation is MEAN, two CONV_2D, LOGISTIC and MUL, in the order of the op graph.
"""

from __future__ import annotations

from typing import NamedTuple

from PlainNet import ops
from PlainNet.deployed import operators as to
from PlainNet.deployed.operators import Activation, Deployed, Kind, Operator, Weights
from PlainNet.deployed.simplify import Simple, simplify
from PlainNet.deployed.windows import Axis, Window, aligned
from PlainNet.ir import StructureError
from PlainNet.latest import for_the_latest
from PlainNet.ops import Node, OpGraph, Shape
from PlainNet.sizes import size_text

_ACTIVATIONS: dict[type, Activation] = {ops.Relu: "RELU", ops.Relu6: "RELU6"}


class DeployError(StructureError):
    """Raised for a network that has an operation without a form in an INT8 file."""

    def __init__(self, node: Node, why: str) -> None:
        place = f" at {node.path}" if node.path else ""
        super().__init__(f"{type(node.op).__name__}{place} has no form in an INT8 LiteRT file: {why}", node.path)


class _Tail(NamedTuple):
    """What is folded into an operator: norms, an activation, and all values of the op graph that this makes."""

    norms: tuple[tuple[int, int], ...]
    activation: Activation
    values: tuple[int, ...]


@for_the_latest
def deploy(graph: OpGraph) -> Deployed:
    """Return the operators of a network. Raises DeployError if an operation has no form in an INT8 file."""
    return _Deploying(simplify(graph)).run()


class _Deploying:
    def __init__(self, simple: Simple) -> None:
        self.simple = simple
        self.readers = simple.readers()
        self.operators: list[Operator] = []
        self.place = {0: 0}  # the deployed value of each value of the op graph

    def run(self) -> Deployed:
        for number, node in self.simple.nodes.items():
            if number not in self.place:
                self.emit(number, node)
        image = self.shape(self.simple.input)
        return Deployed(image, tuple(self.operators), self.place[self.simple.output])

    # -- values ------------------------------------------------------------------------------

    def shape(self, shape: Shape) -> tuple[int, ...]:
        channels, *sides = shape.dims
        return (1, *sides, channels)

    def shape_of(self, value: int) -> Shape:
        return self.simple.nodes[value].shape if value else self.simple.input

    def reader(self, value: int) -> int | None:
        """The only node that reads a value, if there is exactly one and the value is not the output."""
        readers = self.readers[value]
        return readers[0] if len(readers) == 1 and value != self.simple.output else None

    def op(self, value: int | None) -> ops.Op | None:
        return self.simple.nodes[value].op if value else None

    def add(self, kind: Kind, inputs: tuple[int, ...], shape: Shape | tuple[int, ...], node: Node) -> int:
        """Append an operator whose value the op graph does not have."""
        dims = self.shape(shape) if isinstance(shape, Shape) else shape
        self.operators.append(Operator(kind, inputs, dims, None, node.block))
        return len(self.operators)

    def finish(self, kind: Kind, inputs: tuple[int, ...], node: Node, values: tuple[int, ...]) -> None:
        """Append the operator that makes the values of the op graph with these numbers, which end up as one."""
        block = self.simple.nodes[values[0]].block
        self.operators.append(Operator(kind, inputs, self.shape(node.shape), values[-1], block))
        self.place.update(dict.fromkeys(values, len(self.operators)))

    # -- what follows an operator ------------------------------------------------------------

    def tail(self, value: int, folds: bool = False) -> _Tail:
        """What can be folded into the operator that makes `value`. folds: also batch normalisation."""
        values, norms = [value], []
        if folds:
            reader = self.reader(value)
            while isinstance(self.op(reader), ops.BatchNorm):
                assert reader is not None
                norms.append((reader, 0))
                values.append(reader)
                reader = self.reader(reader)
            if reader is not None and self.joins(reader):
                after = self.tail(reader, folds=True)
                offset = 0
                for source in self.simple.nodes[reader].inputs:
                    if source == values[-1]:
                        break
                    offset += self.shape_of(source).channels
                norms += [(norm, first + offset) for norm, first in after.norms]
                return _Tail(tuple(norms), after.activation, tuple(values))
        readers = self.readers[values[-1]]
        kinds = {type(self.op(reader)) for reader in readers}
        if values[-1] != self.simple.output and len(kinds) == 1:
            activation = _ACTIVATIONS.get(kinds.pop())
            if activation is not None:
                return _Tail(tuple(norms), activation, (*values, *readers))
        return _Tail(tuple(norms), "NONE", tuple(values))

    def joins(self, value: int) -> bool:
        """Whether a concatenation has a batch normalisation behind it that its convolutions can take over."""
        node = self.simple.nodes[value]
        return (
            isinstance(node.op, ops.Concat)
            and isinstance(self.op(self.reader(value)), ops.BatchNorm)
            and all(
                isinstance(self.op(source), (ops.Conv, ops.RowColumnConv)) and self.reader(source) == value
                for source in node.inputs
            )
        )

    # -- operations --------------------------------------------------------------------------

    def emit(self, number: int, node: Node) -> None:
        inputs = tuple(self.place[source] for source in node.inputs)
        match node.op:
            case ops.Conv():
                self.conv(number, node, node.op, inputs)
            case ops.RowColumnConv():
                self.row_column(number, node, node.op, inputs)
            case ops.BatchNorm():
                self.depthwise(number, node, inputs, Weights(None, norms=((number, 0),)))
            case ops.Zero():
                self.depthwise(number, node, inputs, Weights(None, fill=0.0))
            case ops.Shift():
                self.depthwise(number, node, inputs, Weights(None, origin=(1, 1)))
            case ops.Linear():
                tail = self.tail(number)
                kind = to.FullyConnected(node.op.in_features, node.op.out_features, tail.activation, Weights(number))
                self.finish(kind, inputs, node, tail.values)
            case ops.MaxPool() | ops.AvgPool():
                self.pool(number, node, node.op, inputs)
            case ops.AdaptiveAvgPool():
                self.average(number, node, inputs)
            case ops.Add():
                tail = self.tail(number)
                self.finish(to.Add(tail.activation), inputs, node, tail.values)
            case ops.Mul():
                tail = self.tail(number)
                self.finish(to.Mul(tail.activation), inputs, node, tail.values)
            case ops.Swish():
                gate = self.add(to.Logistic(), inputs, node.shape, node)
                self.finish(to.Mul("NONE"), (*inputs, gate), node, (number,))
            case ops.Sigmoid():
                self.finish(to.Logistic(), inputs, node, (number,))
            case ops.Relu():
                self.finish(to.Rectify("RELU"), inputs, node, (number,))
            case ops.Relu6():
                self.finish(to.Rectify("RELU6"), inputs, node, (number,))
            case ops.Concat():
                values = self.tail(number, folds=True).values if self.joins(number) else (number,)
                self.finish(to.Concatenation(), inputs, node, values)
            case ops.Flatten():
                self.finish(to.Reshape(), inputs, node, (number,))
            case ops.Truncate():
                self.finish(to.Slice(node.op.channels), inputs, node, (number,))
            case _:
                raise DeployError(node, "networks of this language's own blocks have one")

    def conv(self, number: int, node: Node, op: ops.Conv, inputs: tuple[int, ...]) -> None:
        before = op.padding - (number in self.simple.shifted)
        window = self.window(node, (op.kernel,) * 2, (op.dilation,) * 2, (op.stride,) * 2, (before,) * 2)
        tail = self.tail(number, folds=True)
        weights = Weights(number, taps=(op.kernel, op.kernel), origin=window.origin, norms=tail.norms)
        strides, dilation = (op.stride, op.stride), (op.dilation, op.dilation)
        kind: Kind
        if op.groups == op.in_channels and op.groups > 1:
            multiplier = op.out_channels // op.in_channels
            kind = to.DepthwiseConv2D(
                op.in_channels, multiplier, window.kernel, strides, dilation, window.padding, tail.activation, weights
            )
        else:
            kind = to.Conv2D(
                op.in_channels,
                op.out_channels,
                window.kernel,
                strides,
                dilation,
                window.padding,
                op.groups,
                tail.activation,
                weights,
            )
        self.finish(kind, inputs, node, tail.values)

    def row_column(self, number: int, node: Node, op: ops.RowColumnConv, inputs: tuple[int, ...]) -> None:
        _, height, _ = self.shape_of(node.inputs[0]).dims
        _, _, width = node.shape.dims
        between = (1, height, width, op.out_channels)
        tail = self.tail(number, folds=True)
        for index, factor in enumerate(op.factors):
            last = index == 1
            sides = ((height, width), node.shape.dims[1:])[index]
            source = (self.shape_of(node.inputs[0]).dims[1:], (height, width))[index]
            axes = [
                Axis(taps, 1, stride, before, size, positions)
                for taps, stride, before, size, positions in zip(
                    factor.kernel, factor.stride, factor.padding, source, sides, strict=True
                )
            ]
            window = self.fitting(node, (axes[0], axes[1]))
            kind = to.Conv2D(
                factor.in_channels,
                factor.out_channels,
                window.kernel,
                factor.stride,
                (1, 1),
                window.padding,
                1,
                tail.activation if last else "NONE",
                Weights(number, index, factor.kernel, window.origin, norms=tail.norms if last else ()),
            )
            if last:
                self.finish(kind, inputs, node, tail.values)
            else:
                inputs = (self.add(kind, inputs, between, node),)

    def depthwise(self, number: int, node: Node, inputs: tuple[int, ...], weights: Weights) -> None:
        """Emit a depthwise convolution that multiplies each channel by a number."""
        tail = self.tail(number)
        kernel = (weights.origin[0] + 1, weights.origin[1] + 1)
        channels = node.shape.channels
        kind = to.DepthwiseConv2D(channels, 1, kernel, (1, 1), (1, 1), "SAME", tail.activation, weights)
        if len(self.shape(node.shape)) == 2:
            raise DeployError(node, "its input is flat, and a depthwise convolution needs height and width")
        self.finish(kind, inputs, node, tail.values)

    def pool(self, number: int, node: Node, op: ops.MaxPool | ops.AvgPool, inputs: tuple[int, ...]) -> None:
        tail = self.tail(number)
        name: to.PoolKind = "MAX" if isinstance(op, ops.MaxPool) else "AVERAGE"
        kernel, stride = (op.kernel, op.kernel), (op.stride, op.stride)
        source = self.shape_of(node.inputs[0])
        window = aligned(self.axes(node, kernel, (1, 1), stride, (op.padding,) * 2), grows=False)
        if window is not None:
            self.finish(to.Pool2D(name, kernel, stride, window.padding, tail.activation), inputs, node, tail.values)
            return
        # The same windows at stride 1, of which every stride-th is kept.
        height, width = (Axis(op.kernel, 1, 1, op.padding, size, size) for size in source.dims[1:])
        every = aligned((height, width), grows=False)
        kept = aligned(self.axes(node, (1, 1), (1, 1), stride, (0, 0)), grows=False)
        if every is None or kept is None:
            raise DeployError(node, f"a window of {op.kernel} at stride {op.stride} fits none of its paddings")
        dense = self.add(to.Pool2D(name, kernel, (1, 1), every.padding, "NONE"), inputs, source, node)
        self.finish(to.Pool2D("MAX", (1, 1), stride, kept.padding, tail.activation), (dense,), node, tail.values)

    def average(self, number: int, node: Node, inputs: tuple[int, ...]) -> None:
        shape = self.shape_of(node.inputs[0])
        source, target = shape.dims[1:], node.shape.dims[1:]
        if source == target:
            self.place[number] = inputs[0]
            return
        if target == (1, 1):
            reader = self.reader(number)
            if isinstance(self.op(reader), ops.Flatten):
                assert reader is not None
                self.finish(to.Mean(keep_dims=False), inputs, self.simple.nodes[reader], (number, reader))
            else:
                self.finish(to.Mean(keep_dims=True), inputs, node, (number,))
            return
        if any(size % positions for size, positions in zip(source, target, strict=True)):
            raise DeployError(
                node, f"{size_text(shape.size)} positions are no multiple of {size_text(node.shape.size)}"
            )
        kernel = (source[0] // target[0], source[1] // target[1])
        tail = self.tail(number)
        self.finish(to.Pool2D("AVERAGE", kernel, kernel, "VALID", tail.activation), inputs, node, tail.values)

    # -- windows -----------------------------------------------------------------------------

    def window(self, node: Node, *window: tuple[int, int]) -> Window:
        return self.fitting(node, self.axes(node, *window))

    def axes(self, node: Node, *window: tuple[int, int]) -> tuple[Axis, Axis]:
        """window: taps, dilation, stride, padding before, each (height, width)."""
        source, target = self.shape_of(node.inputs[0]).dims[1:], node.shape.dims[1:]
        height, width = (Axis(*numbers) for numbers in zip(*window, source, target, strict=True))
        return height, width

    def fitting(self, node: Node, axes: tuple[Axis, Axis]) -> Window:
        window = aligned(axes, grows=True)
        if window is None:
            raise DeployError(node, "its windows fit none of the paddings")
        return window
