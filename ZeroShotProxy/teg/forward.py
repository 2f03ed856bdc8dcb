"""Forward passes of reduced networks in training mode, with what a backward pass needs. Imports torch.

A value that is zero whatever the images are is None, and so is what layers make of it. This is exact, as layers have no
biases and batch-norms no shifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from PlainNet import ops
from PlainNet.modules import op_function
from PlainNet.ops import Node, OpGraph
from ZeroShotProxy.teg.weights import Weights

BN_EPS = 1e-5
"""Epsilon of batch-norms, PyTorch's default, as in TEG-NAS."""


@dataclass(frozen=True, eq=False)
class Normalised:
    """What a batch-norm saw: its normalised input (N, C, H, W), and one over the deviation of each channel, (C,)."""

    values: Tensor
    scale: Tensor


@dataclass(frozen=True, eq=False)
class Run:
    """A forward pass. values: by number, None for zeros; weights: by node; norms: of batch-norms; taken: positions that
    max poolings took, by node.
    """

    graph: OpGraph
    values: Mapping[int, Tensor | None]
    weights: Mapping[int, Tensor] = field(default_factory=dict)
    norms: Mapping[int, Normalised] = field(default_factory=dict)
    taken: Mapping[int, Tensor] = field(default_factory=dict)


def pruned(graph: OpGraph) -> OpGraph:
    """Return a graph without the nodes that the output does not depend on, and without zeros that are only added.

    Equal results are computed by equal graphs, so networks that differ in operations without effect have one.
    """
    zeros, sources = set[int](), list(range(len(graph.nodes) + 1))
    for number, node in enumerate(graph.nodes, start=1):
        inputs = [sources[i] for i in node.inputs]
        there = [i for i in inputs if i not in zeros]
        if isinstance(node.op, ops.Zero) or (not there and not isinstance(node.op, ops.Linear)):
            zeros.add(number)
        elif isinstance(node.op, ops.Add) and len(there) == 1:
            sources[number] = there[0]
    needed = {sources[graph.output]}
    for number in range(len(graph.nodes), 0, -1):
        if number in needed and number not in zeros:
            needed.update(sources[i] for i in graph.nodes[number - 1].inputs)
    numbers, nodes = {0: 0}, list[Node]()
    for number, node in enumerate(graph.nodes, start=1):
        if number in needed:
            if number in zeros:
                nodes.append(node._replace(op=ops.Zero(), inputs=(0,)))
            else:
                nodes.append(node._replace(inputs=tuple(numbers[sources[i]] for i in node.inputs)))
            numbers[number] = len(nodes)
    features = sources[graph.block_outputs[-1]]
    return OpGraph(graph.input, tuple(nodes), len(nodes), (numbers.get(features, len(nodes)),))


def forward(graph: OpGraph, images: Tensor, weights: Weights) -> Run:
    """Run a graph on images (N, C, H, W), up to the classifier, which is left out."""
    values: dict[int, Tensor | None] = {0: images}
    used, norms, taken = dict[int, Tensor](), dict[int, Normalised](), dict[int, Tensor]()
    for number, node in enumerate(graph.nodes, start=1):
        if isinstance(node.op, ops.Linear):
            continue
        inputs = [values[i] for i in node.inputs]
        there = [x for x in inputs if x is not None]
        op = node.op
        if not there or isinstance(op, ops.Zero):
            values[number] = None
        elif isinstance(op, ops.Conv):
            shape = (op.out_channels, op.in_channels // op.groups, op.kernel, op.kernel)
            weight = used[number] = weights(node.path, shape)
            values[number] = F.conv2d(there[0], weight, None, op.stride, op.padding, op.dilation, op.groups)
        elif isinstance(op, ops.BatchNorm):
            norms[number] = _normalised(there[0])
            values[number] = norms[number].values
        elif isinstance(op, ops.MaxPool):
            values[number], taken[number] = F.max_pool2d(
                there[0], op.kernel, op.stride, op.padding, return_indices=True
            )
        elif isinstance(op, ops.Add):
            values[number] = there[0] if len(there) == 1 else there[0] + there[1]
        elif isinstance(op, ops.Concat):
            shapes = [graph.shape_of(i).dims for i in node.inputs]
            parts = [
                there[0].new_zeros(len(images), *dims) if x is None else x
                for x, dims in zip(inputs, shapes, strict=True)
            ]
            values[number] = torch.cat(parts, 1)
        else:
            function, constants = op_function(op)
            values[number] = function(there[0], *constants)
    return Run(graph, values, used, norms, taken)


def _normalised(x: Tensor) -> Normalised:
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
    scale = (variance + BN_EPS).rsqrt()
    return Normalised((x - mean[:, None, None]) * scale[:, None, None], scale)
