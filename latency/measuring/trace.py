"""The operations of any convolutional network: reads an `OpGraph` from an `nn.Module`. Imports torch.

torch.fx follows the module's code, and shapes are propagated on the meta device, so that nothing is computed. Layers
without an operation in `PlainNet.ops` are refused by name. Node paths are the names of modules, as for structures.
"""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from latency.base import LatencyError, first_line
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
    Shape,
    Sigmoid,
    Swish,
)

KNOWN = (
    "Conv2d, BatchNorm2d, ReLU, ReLU6, SiLU, Sigmoid, Linear, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, flatten, "
    "mean over height and width, addition, multiplication by a gate, concatenation, Dropout, Identity"
)


def read_graph(name: str, module: nn.Module, channels: int, size: int) -> OpGraph:
    """Return the operations of `module` on images (channels, size, size), in order. The module is not changed.

    `Node.block` numbers runs of nodes from the same sub-network, where containers do not count as sub-networks; the
    classifier is `HEAD`. Raises LatencyError if a layer has no operation in the op graph, and names the layer.
    """
    try:
        traced = fx.symbolic_trace(copy.deepcopy(module).eval())
    except Exception as error:  # fx passes on whatever the module's code raises for a symbolic value
        raise LatencyError(f"{name} cannot be traced by torch.fx: {first_line(error)}") from error
    try:
        # ShapeProp sets tensor_meta; nothing is computed on the meta device. It prints failures as well as raising.
        with contextlib.redirect_stderr(io.StringIO()):
            ShapeProp(traced.to("meta")).propagate(torch.empty(1, channels, size, size, device="meta"))
    except Exception as error:
        raise LatencyError(f"{name} does not run on images of {channels}×{size}×{size}: {first_line(error)}") from error
    containers = {path for path, part in module.named_modules() if type(part) in (nn.Sequential, nn.ModuleList)}
    reader = _Reader(name, traced, Shape(channels, size), containers)
    for node in traced.graph.nodes:
        reader.read(node)
    return reader.graph()


class _Reader:
    """Reads the nodes of a traced module one after another."""

    def __init__(self, name: str, traced: fx.GraphModule, image: Shape, containers: set[str]) -> None:
        self.name = name
        self.image = image
        self.containers = containers
        self.modules = dict(traced.named_modules())
        self.nodes: list[Node] = []
        self.values: dict[fx.Node, int] = {}
        self.output = 0
        self._keys: list[str] = []

    def graph(self) -> OpGraph:
        blocks = _numbered(self.nodes, self._keys)
        nodes = tuple(node._replace(block=block) for node, block in zip(self.nodes, blocks, strict=True))
        last = {block: number for number, block in enumerate(blocks, start=1) if block != HEAD}
        return OpGraph(self.image, nodes, self.output, tuple(last[block] for block in sorted(last)))

    def read(self, node: fx.Node) -> None:
        match node.op:
            case "placeholder":
                if 0 in self.values.values():
                    raise self.refusal(node, "a second input")
                self.values[node] = 0
            case "output":
                self.output = self.value(node, node.args[0])
            case "call_module":
                self.layer(node, self.modules[str(node.target)])
            case "call_function":
                self.function(node, getattr(node.target, "__name__", str(node.target)), node.target)
            case "call_method":
                self.function(node, str(node.target), None)
            case _:
                raise self.refusal(node, f"a tensor of the module, {node.target},")

    def layer(self, node: fx.Node, layer: nn.Module) -> None:
        """Read a module of torch.nn, or a module that does nothing in evaluation mode."""
        match layer:
            case nn.Conv2d():
                self.emit(node, self.conv(node, layer))
            case nn.BatchNorm2d():
                self.emit(node, BatchNorm(layer.num_features, layer.affine))
            case nn.Linear():
                self.emit(node, Linear(layer.in_features, layer.out_features, layer.bias is not None))
            case nn.ReLU():
                self.emit(node, Relu())
            case nn.Hardtanh():  # ReLU6 too; a clip of other limits takes the same time
                self.emit(node, Relu6())
            case nn.SiLU():
                self.emit(node, Swish())
            case nn.Sigmoid():
                self.emit(node, Sigmoid())
            case nn.MaxPool2d():
                window = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
                self.emit(node, self.max_pool(node, *window))
            case nn.AvgPool2d():
                self.emit(
                    node,
                    self.avg_pool(
                        node, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, layer.count_include_pad
                    ),
                )
            case nn.AdaptiveAvgPool2d():
                self.emit(node, AdaptiveAvgPool(self.shape(node).size))
            case nn.Flatten():
                self.flatten(node)
            case nn.Identity() | nn.Dropout() | nn.Dropout2d():
                self.same(node)
            case _ if type(layer).__name__ in ("StochasticDepth", "DropPath"):
                self.same(node)
            case _:
                raise self.refusal(node, type(layer).__name__)

    def function(self, node: fx.Node, name: str, target: object) -> None:
        """Read a function of torch, an operator, or a method of a tensor."""
        del target
        simple: dict[str, Callable[[], Op]] = {
            "relu": Relu, "relu_": Relu, "relu6": Relu6, "hardtanh": Relu6, "hardtanh_": Relu6,
            "silu": Swish, "sigmoid": Sigmoid, "sigmoid_": Sigmoid,
        }  # fmt: skip
        if name in simple:
            self.emit(node, simple[name]())
        elif name in ("add", "iadd", "add_"):
            self.emit(node, self.sum(node), *self.operands(node))
        elif name in ("mul", "imul", "mul_"):
            self.product(node)
        elif name in ("cat", "concat"):
            self.concat(node)
        elif name in ("adaptive_avg_pool2d",):
            self.emit(node, AdaptiveAvgPool(self.shape(node).size))
        elif name in ("max_pool2d", "boolean_dispatch"):
            x = _arguments(node, ("input", "kernel_size", "stride", "padding", "dilation"), (None, 0, 1))
            self.emit(node, self.max_pool(node, *x))
        elif name == "avg_pool2d":
            x = _arguments(
                node,
                ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
                (None, 0, False, True),
            )
            self.emit(node, self.avg_pool(node, *x))
        elif name in ("flatten", "view", "reshape"):
            self.flatten(node)
        elif name == "mean":
            self.mean(node)
        elif name in ("dropout", "dropout2d", "stochastic_depth", "contiguous"):
            self.same(node)
        else:
            raise self.refusal(node, name)

    # -- single operations -------------------------------------------------------------------

    def conv(self, node: fx.Node, layer: nn.Conv2d) -> Conv:
        kernel, stride = self.square(node, layer.kernel_size), self.square(node, layer.stride)
        dilation = self.square(node, layer.dilation)
        op = Conv(layer.in_channels, layer.out_channels, kernel, stride, layer.groups, layer.bias is not None, dilation)
        if isinstance(layer.padding, str):
            padding = op.padding if layer.padding == "same" and op.extent % 2 else 0
        else:
            padding = self.square(node, layer.padding)
        self.check_padding(node, padding, op.extent)
        if layer.padding_mode != "zeros" and padding:
            raise self.refusal(node, f"padding with {layer.padding_mode}")
        return op

    def max_pool(self, node: fx.Node, kernel: Any, stride: Any, padding: Any, dilation: Any) -> MaxPool:
        op = MaxPool(self.square(node, kernel), self.square(node, kernel if stride is None else stride))
        self.check_padding(node, self.square(node, padding), op.kernel)
        if self.square(node, dilation) != 1:
            raise self.refusal(node, "a dilated pooling layer")
        before = self.shape(self.first(node)).size
        if (before + 2 * op.padding - op.kernel) // op.stride + 1 != self.shape(node).size:
            raise self.refusal(node, "max-pooling with rounding up")
        return op

    def avg_pool(self, node: fx.Node, kernel: Any, stride: Any, padding: Any, ceil: bool, counted: bool) -> AvgPool:
        op = AvgPool(self.square(node, kernel), self.square(node, kernel if stride is None else stride), ceil)
        self.check_padding(node, self.square(node, padding), op.kernel)
        if op.padding and counted:
            raise self.refusal(node, "average pooling that includes the border")
        return op

    def check_padding(self, node: fx.Node, padding: int, extent: int) -> None:
        if padding != (extent - 1) // 2:
            raise self.refusal(node, f"padding {padding} with a window of {extent}, expected {(extent - 1) // 2},")

    def sum(self, node: fx.Node) -> Add:
        shapes = [self.shape(x) for x in self.operands(node)]
        if len(shapes) != 2 or shapes[0] != shapes[1] or node.kwargs.get("alpha", 1) != 1:
            raise self.refusal(node, "an addition of anything but two values of the same shape")
        return Add()

    def product(self, node: fx.Node) -> None:
        # The gate comes second, whatever its position in the module.
        values = sorted(self.operands(node), key=lambda x: self.shape(x).size, reverse=True)
        if len(values) != 2 or self.shape(values[1]) != Shape(self.shape(values[0]).channels, 1):
            raise self.refusal(node, "a multiplication by anything but a gate for each channel")
        self.emit(node, Mul(), *values)

    def concat(self, node: fx.Node) -> None:
        arguments = dict(zip(("tensors", "dim"), node.args, strict=False)) | node.kwargs
        if arguments.get("dim", 0) not in (1, -3):
            raise self.refusal(node, "a concatenation along anything but the channels")
        values = arguments["tensors"]
        assert isinstance(values, (list, tuple))
        self.emit(node, Concat(), *values)

    def flatten(self, node: fx.Node) -> None:
        if self.shape(self.first(node)).size == FLAT:
            self.same(node)
        elif self.shape(node) == Shape(self.shape(self.first(node)).elements, FLAT):
            self.emit(node, Flatten())
        else:
            raise self.refusal(node, "a change of shape other than flattening")

    def mean(self, node: fx.Node) -> None:
        arguments = dict(zip(("input", "dim", "keepdim"), node.args, strict=False)) | node.kwargs
        axes = arguments.get("dim")
        if not isinstance(axes, (list, tuple)) or {int(str(axis)) % 4 for axis in axes} != {2, 3}:
            raise self.refusal(node, "a mean over anything but height and width")
        shape = self.shape(self.first(node))
        self.emit(node, AdaptiveAvgPool(1), shape=Shape(shape.channels, 1))
        if not arguments.get("keepdim", False):
            self.emit(node, Flatten(), reads=(len(self.nodes),))

    # -- the graph ---------------------------------------------------------------------------

    def emit(
        self, node: fx.Node, op: Op, *inputs: Any, shape: Shape | None = None, reads: tuple[int, ...] | None = None
    ) -> None:
        """Append an operation that reads `inputs`, or the node's first input if none are given."""
        if reads is None:
            reads = tuple(self.value(node, x) for x in inputs or (self.first(node),))
        where = _place(node)
        path = str(node.target) if node.op == "call_module" else where
        self.nodes.append(Node(op, reads, shape or self.shape(node), path, 0))
        self._keys.append(self._block_key(where if node.op != "call_module" else path.rpartition(".")[0]))
        self.values[node] = len(self.nodes)

    def same(self, node: fx.Node) -> None:
        self.values[node] = self.value(node, self.first(node))

    def first(self, node: fx.Node) -> fx.Node:
        found = node.args[0] if node.args else node.kwargs.get("input")
        if not isinstance(found, fx.Node):
            raise self.refusal(node, f"a call with {found!r}")
        return found

    def operands(self, node: fx.Node) -> list[fx.Node]:
        found = [*node.args, *(node.kwargs[key] for key in ("input", "other") if key in node.kwargs)]
        values = [x for x in found if isinstance(x, fx.Node)]
        if len(values) != len(found):
            raise self.refusal(node, f"{node.target} with a number")
        return values

    def value(self, node: fx.Node, x: Any) -> int:
        if x not in self.values:
            raise self.refusal(node, f"the value {x}")
        return self.values[x]

    def shape(self, node: fx.Node) -> Shape:
        meta = node.meta.get("tensor_meta")
        dims: Sequence[int] = tuple(getattr(meta, "shape", ()))
        if len(dims) == 2:
            return Shape(dims[1], FLAT)
        if len(dims) == 4 and dims[2] == dims[3]:
            return Shape(dims[1], dims[2])
        raise self.refusal(node, f"a value of {'×'.join(map(str, dims)) or 'unknown shape'}, not square,")

    def square(self, node: fx.Node, value: Any) -> int:
        sides = set(value) if isinstance(value, (list, tuple)) else {value}
        if len(sides) != 1:
            raise self.refusal(node, f"a window of {value}")
        return int(sides.pop())

    def refusal(self, node: fx.Node, what: str) -> LatencyError:
        place = str(node.target) if node.op == "call_module" else f"{node.name} in {_place(node) or 'the network'}"
        return LatencyError(f"{self.name}: {what} at {place} has no operation in the op graph; supported: {KNOWN}")

    def _block_key(self, path: str) -> str:
        """The outermost sub-network around `path` that is not just a container."""
        parts = path.split(".") if path else []
        for depth in range(1, len(parts) + 1):
            outer = ".".join(parts[:depth])
            if outer not in self.containers:
                return outer
        return path


def _numbered(nodes: list[Node], keys: list[str]) -> list[int]:
    """A number for each run of equal keys; `HEAD` after the last convolution, from where features are pooled."""
    last = max((i for i, node in enumerate(nodes) if isinstance(node.op, Conv)), default=-1)
    pooled = (AdaptiveAvgPool, Flatten, Linear)
    head = next((i for i in range(last + 1, len(nodes)) if isinstance(nodes[i].op, pooled)), len(nodes))
    numbers: list[int] = []
    for i, key in enumerate(keys):
        if i >= head:
            numbers.append(HEAD)
        elif i and key == keys[i - 1]:
            numbers.append(numbers[-1])
        else:
            numbers.append(numbers[-1] + 1 if numbers else 0)
    return numbers


def _place(node: fx.Node) -> str:
    """The name of the module whose code calls the function."""
    stack = list(node.meta.get("nn_module_stack") or {})
    return str(stack[-1]) if stack else ""


def _arguments(node: fx.Node, names: tuple[str, ...], defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a call after the first one, whether passed by position or by name."""
    given = dict(zip(names, node.args, strict=False)) | node.kwargs
    late = names[len(names) - len(defaults) :]
    return tuple(given.get(name, dict(zip(late, defaults, strict=True)).get(name)) for name in names[1:])
