"""The LiteRT model of a network, in float32: the deployed operators with the weights of its module.

Values have the numbers that they have in `PlainNet.deployed`, in whose order the planner of memory thinks; constants
follow. Batch normalisation is folded in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latency.litert import model as to
from latency.litert.model import Builtin, Fused, Model, Options, Padding, Tensor
from latency.measuring.onnx_files import INPUT, OUTPUT
from PlainNet.deployed import operators as of
from PlainNet.deployed.operators import Deployed, Operator, Weights
from PlainNet.ops import HEAD, OpGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from PlainNet.masternet import MasterNet

DESCRIPTION = "zennas"
POSITIONS = (1, 2)
"""The axes of height and width."""


def float_model(deployed: Deployed, graph: OpGraph, network: MasterNet) -> Model:
    """Return the model of a network, for one image.

    deployed: the operators of `graph`. graph: the op graph of `network`.
    """
    file = _File(Layers(graph, network))
    file.tensors += [Tensor(value_name(deployed, value), deployed.shape_of(value)) for value in _values(deployed)]
    for value, operator in enumerate(deployed.operators, start=1):
        file.add(value, operator, [deployed.shape_of(source) for source in operator.inputs])
    return Model(tuple(file.tensors), tuple(file.operators), (0,), (deployed.output,), DESCRIPTION)


def _values(deployed: Deployed) -> range:
    return range(len(deployed.operators) + 1)


def value_name(deployed: Deployed, value: int) -> str:
    """Return the name of the tensor of a value, given its number."""
    return INPUT if value == 0 else OUTPUT if value == deployed.output else f"v{value}"


@dataclass
class _File:
    layers: Layers
    tensors: list[Tensor] = field(default_factory=list)
    operators: list[to.Operator] = field(default_factory=list)
    whole: dict[tuple[int, ...], int] = field(default_factory=dict)
    """The tensors of whole numbers, such as axes, by content."""

    def constant(self, name: str, data: NDArray[Any]) -> int:
        self.tensors.append(Tensor(name, data.shape, data.dtype.name, data))
        return len(self.tensors) - 1

    def numbers(self, *numbers: int) -> int:
        if numbers not in self.whole:
            self.whole[numbers] = self.constant(f"n{len(self.whole)}", np.array(numbers, np.int32))
        return self.whole[numbers]

    def add(self, value: int, operator: Operator, shapes: list[tuple[int, ...]]) -> None:
        """Append the operator that makes `value`. shapes: of its inputs."""
        kind, inputs = operator.kind, operator.inputs
        if isinstance(kind, of.Conv2D | of.DepthwiseConv2D | of.FullyConnected):
            weights, bias = self.layers.of(kind)
            inputs = (*inputs, self.constant(f"w{value}", weights), self.constant(f"b{value}", bias))
        elif isinstance(kind, of.Mean):
            inputs = (*inputs, self.numbers(*POSITIONS))
        elif isinstance(kind, of.Reshape):
            inputs = (*inputs, self.numbers(*operator.shape))
        elif isinstance(kind, of.Slice):
            inputs = (*inputs, self.numbers(*(0 for _ in operator.shape)), self.numbers(*operator.shape))
        code = Builtin[of.builtin(kind)]
        self.operators.append(to.Operator(code, inputs, (value,), _options(kind, len(shapes[0]))))


def _options(kind: of.Kind, rank: int) -> Options | None:
    """The options of an operator whose first input has `rank` dimensions."""
    match kind:
        case of.Conv2D():
            return to.conv_options(Padding[kind.padding], kind.stride, Fused[kind.activation], kind.dilation)
        case of.DepthwiseConv2D():
            return to.depthwise_options(
                Padding[kind.padding], kind.stride, Fused[kind.activation], kind.dilation, kind.multiplier
            )
        case of.Pool2D():
            return to.pool_options(Padding[kind.padding], kind.stride, kind.kernel, Fused[kind.activation])
        case of.FullyConnected():
            return to.linear_options(Fused[kind.activation])
        case of.Add():
            return to.add_options(Fused[kind.activation])
        case of.Mul():
            return to.mul_options(Fused[kind.activation])
        case of.Mean():
            return to.mean_options(kind.keep_dims)
        case of.Concatenation():
            return to.concatenation_options(rank - 1)
        case of.Reshape():
            return to.RESHAPE_OPTIONS
        case of.Slice():
            return to.SLICE_OPTIONS
        case of.Logistic() | of.Rectify():
            return None


class Layers:
    """The layers of a network, by the numbers of the values that they make in its op graph."""

    def __init__(self, graph: OpGraph, network: MasterNet) -> None:
        self._graph = graph
        self._network = network

    def of(self, kind: of.Weighted) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the weights of an operator, in the shape that it wants, and its biases."""
        source = kind.weights
        weights, bias = self._layer(source, kind.out_channels)  # weights: (out, ...), as in PyTorch
        for number, first in source.norms:
            scale, shift = self._norm(number, slice(first, first + kind.out_channels))
            weights = weights * scale.reshape(-1, *[1] * (weights.ndim - 1))
            bias = bias * scale + shift
        if not isinstance(kind, of.FullyConnected):
            weights = _placed(weights, source, kind)
        return weights.astype(np.float32), bias.astype(np.float32)

    def _layer(self, source: Weights, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if source.layer is None:
            return np.full((channels, 1, 1, 1), source.fill), np.zeros(channels)
        module: Any = self._module(source.layer)
        if source.factor is not None:
            module = module[source.factor]
        bias = np.zeros(channels) if module.bias is None else _array(module.bias)
        return _array(module.weight), bias

    def _norm(self, number: int, channels: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The factors and summands of a batch normalisation."""
        norm: Any = self._module(number)
        scale = 1 / np.sqrt(_array(norm.running_var) + norm.eps)
        if norm.weight is not None:
            scale = scale * _array(norm.weight)
        shift = -_array(norm.running_mean) * scale
        if norm.bias is not None:
            shift = shift + _array(norm.bias)
        return scale[channels], shift[channels]

    def _module(self, number: int) -> nn.Module:
        node = self._graph.nodes[number - 1]
        if node.block == HEAD:
            return self._network.fc_linear
        block, _, path = node.path.partition(".")
        return self._network.blocks[int(block)].get_submodule(path or "op")


def _placed(weights: NDArray[np.float64], source: Weights, kind: of.Conv2D | of.DepthwiseConv2D) -> NDArray[np.float64]:
    """The taps (out, in, height, width) in the kernel of the operator, in its shape."""
    (height, width), (top, left) = source.taps, source.origin
    taps = np.zeros((*weights.shape[:2], *kind.kernel))
    taps[:, :, top : top + height, left : left + width] = weights
    return np.transpose(taps, (1, 2, 3, 0) if isinstance(kind, of.DepthwiseConv2D) else (0, 2, 3, 1))


def _array(tensor: Any) -> NDArray[np.float64]:
    found: NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return found
