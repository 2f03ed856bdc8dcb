"""Attributing time: which nodes of an op graph a runtime's steps and kernels compute.

`matched` finds the nodes that the steps of an exported or traced network compute. `attributed` assigns all nodes to the
kernels of a runtime, which fuses operations and names each kernel after one or a few of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from PlainNet.ops import (
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
    Op,
    OpGraph,
    Relu,
    Relu6,
    RowColumnConv,
    Shift,
    Sigmoid,
    Swish,
    Truncate,
    Zero,
)
from PlainNet.read_ops import Activation, FreeConv, FreePool


class Step(NamedTuple):
    """One step of an exported network: its kind in ONNX, the tensors it reads, the tensor it produces, its weights."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    weights: tuple[str, ...] = ()


class Match(NamedTuple):
    """The node that a step computes. whole: False if the step computes only its first part and another completes it."""

    node: int
    whole: bool


def matched(graph: OpGraph, steps: Sequence[Step], image: str) -> list[Match | None]:
    """Return the node of `graph` that each step computes, or None. `image` is the name of the input tensor.

    Layers with weights are recognised by the names of their weights, other layers by their operation and inputs. Order
    alone would confuse branches, and exporters merge equal operations, fold batch-norms and omit sums with zeros.
    """
    matcher = _Matcher(graph, image)
    return [matcher.step(step) for step in steps]


_NOTHING = -1
"""The number of all values that do not depend on the image: zeros, and what is computed from them."""

_KINDS: dict[str, tuple[type[Op], ...]] = {
    "Conv": (Conv, RowColumnConv, FreeConv),
    "Gemm": (Linear,),
    "MatMul": (Linear,),
    "BatchNormalization": (BatchNorm,),
    "Relu": (Relu,),
    "Clip": (Relu6, Activation),
    "Sigmoid": (Sigmoid, Swish),
    "Swish": (Swish,),
    "MaxPool": (MaxPool, FreePool),
    "AveragePool": (AvgPool, AdaptiveAvgPool, FreePool),
    "GlobalAveragePool": (AdaptiveAvgPool,),
    "ReduceMean": (AdaptiveAvgPool,),
    "Reshape": (Flatten,),
    "Flatten": (Flatten,),
    "Squeeze": (Flatten,),
    "Pad": (Shift,),
    "Slice": (Shift, Truncate),
    "Add": (Add,),
    "Mul": (Mul, Swish),
    "Concat": (Concat,),
    **dict.fromkeys(
        (
            "HardSwish",
            "HardSigmoid",
            "Gelu",
            "Mish",
            "LeakyRelu",
            "Elu",
            "Tanh",
            "Softplus",
            "Erf",
            "Sqrt",
            "Exp",
            "Abs",
        ),
        (Activation,),
    ),
}
_WEIGHTED = (Conv, RowColumnConv, FreeConv, Linear)
_SAME_VALUE = ("Reshape", "Cast", "Identity", "Expand", "Pad")


class _Matcher:
    """Numbers the values of the graph, equal values alike, and tracks which tensors hold them."""

    def __init__(self, graph: OpGraph, image: str) -> None:
        self.graph = graph
        self.numbers = [0]
        self.makers: defaultdict[tuple[type[Op], tuple[int, ...]], list[int]] = defaultdict(list)
        self.weighted: defaultdict[str, list[int]] = defaultdict(list)
        self.tensors = {image: 0}
        self.unfinished: dict[str, int] = {}  # tensors between the steps of one node, and the index of that node
        self.used: set[int] = set()
        seen: dict[tuple[Op, tuple[int, ...]], int] = {}
        for index, node in enumerate(graph.nodes):
            reads = tuple(sorted(self.numbers[value] for value in node.inputs))
            number = index + 1
            if isinstance(node.op, (*_WEIGHTED, BatchNorm)):
                self.weighted[node.path].append(index)
            else:
                self.makers[type(node.op), reads].append(index)
                number = seen.setdefault((node.op, reads), number)
            self.numbers.append(_number(node.op, number, reads))

    def step(self, step: Step) -> Match | None:
        match = self._which(step)
        if match is not None:
            self.used.add(match.node)
            self.tensors[step.output] = self.numbers[match.node + 1]
            if not match.whole:
                self.unfinished[step.output] = match.node
        elif all(x not in self.tensors for x in step.inputs):
            self.tensors[step.output] = _NOTHING
        elif step.kind in _SAME_VALUE:
            self.tensors[step.output] = next(self.tensors[x] for x in step.inputs if x in self.tensors)
        return match

    def _which(self, step: Step) -> Match | None:
        kinds = _KINDS.get(step.kind, ())
        for name in step.weights:
            found = [i for i in self._with_weights(name) if isinstance(self.graph.nodes[i].op, kinds)]
            if found:
                index = self._first_free(found)
                first_of_two = isinstance(self.graph.nodes[index].op, RowColumnConv) and ".row." in f".{name}"
                return Match(index, not first_of_two)
        begun = [self.unfinished[x] for x in step.inputs if x in self.unfinished]
        if begun:  # the second part of a swish or of a factorised convolution
            return Match(begun[0], whole=True)
        several = step.kind in ("Add", "Concat")  # inputs that are not weights may be constant
        reads = tuple(sorted(self.tensors.get(x, _NOTHING) for x in step.inputs if several or x in self.tensors))
        for kind in kinds:
            if self.makers.get((kind, reads)):
                index = self._first_free(self.makers[kind, reads])
                return Match(index, whole=not (kind is Swish and step.kind == "Sigmoid"))
        return None

    def _with_weights(self, name: str) -> list[int]:
        """The nodes whose weights have that name in the module."""
        path = name.rpartition(".")[0]
        inner = path.removeprefix("blocks.")
        factored = inner.removesuffix(".row").removesuffix(".column")
        for candidate in (path, inner, inner.removesuffix(".op"), factored, factored.removesuffix(".op")):
            if candidate in self.weighted:
                return self.weighted[candidate]
        return []

    def _first_free(self, candidates: list[int]) -> int:
        return next((i for i in candidates if i not in self.used), candidates[-1])


def _number(op: Op, number: int, reads: tuple[int, ...]) -> int:
    """The number of a node's value: its own, or that of an input if exporters omit the node."""
    useful = [x for x in reads if x != _NOTHING]
    if isinstance(op, Zero) or not useful:
        return _NOTHING
    left_out = isinstance(op, BatchNorm) or (isinstance(op, Add) and len(useful) == 1)
    return useful[0] if left_out else number


def attributed(
    graph: OpGraph, anchors: Sequence[Sequence[int]], results: Sequence[Sequence[int]] = ()
) -> list[tuple[int, ...]]:
    """Return the nodes that each kernel computes; kernels are in order of execution.

    anchors: the nodes in each kernel's name. A convolution or linear layer that no kernel is named after belongs to the
    first kernel named after a later node, together with everything in between, because that kernel was named after its
    last operation. results: for each kernel, the nodes whose results it stores, which it computes if no kernel is named
    after them: a ReLU may be nothing but the rounding of its result. Every other node without a kernel was fused into
    the kernel that computes its input, the later one if there are two. Kernels without anchors get no nodes. Layers
    that no kernel is named after at all were not run, because they only compute zeros.
    """
    owner: dict[int, int] = {}
    for kernel, named in enumerate(anchors):
        for index in named:
            owner[index] = kernel
    readers: defaultdict[int, list[int]] = defaultdict(list)
    for index, node in enumerate(graph.nodes):
        for value in node.inputs:
            readers[value].append(index)
    for index, node in enumerate(graph.nodes):
        if isinstance(node.op, _WEIGHTED) and index not in owner:
            chain = [index]
            while chain[-1] not in owner and len(readers[chain[-1] + 1]) == 1:
                chain.append(readers[chain[-1] + 1][0])
            if chain[-1] in owner:
                owner.update(dict.fromkeys(chain, owner[chain[-1]]))
    for kernel, stored in enumerate(results):
        for index in stored:
            owner.setdefault(index, kernel)
    for index, node in enumerate(graph.nodes):
        before = [owner[value - 1] for value in node.inputs if value and value - 1 in owner]
        if index not in owner and before and not isinstance(node.op, _WEIGHTED):
            owner[index] = max(before)
    nodes: list[set[int]] = [set(named) for named in anchors]
    for index, kernel in owner.items():
        nodes[kernel].add(index)
    return [tuple(sorted(of_kernel)) for of_kernel in nodes]
