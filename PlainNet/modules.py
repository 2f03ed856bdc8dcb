"""Modules from an op graph: one `torch.fx.GraphModule` for each block of a structure. Imports torch.

`masternet.py` combines the blocks and the classifier. Weights are named after the path of their node: the convolution
at "1.0.3" is `blocks.1.0.3` of the network.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from PlainNet import ops
from PlainNet.ops import BN_EPS, BN_MOMENTUM, OpGraph, UnknownOperationError


def op_module(op: ops.Op, bn_eps: float = BN_EPS) -> nn.Module | None:
    """Return the module with the weights of an operation, or None if it has no weights."""
    match op:
        case ops.Conv():
            return nn.Conv2d(
                op.in_channels,
                op.out_channels,
                op.kernel,
                stride=op.stride,
                padding=op.padding,
                dilation=op.dilation,
                groups=op.groups,
                bias=op.bias,
            )
        case ops.RowColumnConv():
            return nn.Sequential(OrderedDict((factor.name, _factor_module(factor)) for factor in op.factors))
        case ops.BatchNorm():
            return nn.BatchNorm2d(op.channels, eps=bn_eps, momentum=BN_MOMENTUM)
        case ops.Linear():
            return nn.Linear(op.in_features, op.out_features, bias=op.bias)
        case _:
            return None


def _factor_module(factor: ops.Factor) -> nn.Conv2d:
    return nn.Conv2d(
        factor.in_channels,
        factor.out_channels,
        factor.kernel,
        stride=factor.stride,
        padding=factor.padding,
        bias=False,
    )


def op_function(op: ops.Op) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the torch function of an operation without weights, and the arguments that follow its tensors.

    Raises UnknownOperationError for an operation that is not handled here.
    """
    match op:
        case ops.Relu():
            return F.relu, ()
        case ops.Relu6():
            return F.relu6, ()
        case ops.Swish():
            return F.silu, ()
        case ops.Sigmoid():
            return torch.sigmoid, ()
        case ops.MaxPool():
            return F.max_pool2d, (op.kernel, op.stride, op.padding)
        case ops.AvgPool():
            return F.avg_pool2d, (op.kernel, op.stride, op.padding, op.ceil, False)
        case ops.AdaptiveAvgPool():
            return F.adaptive_avg_pool2d, (op.size,)
        case ops.Flatten():
            return torch.flatten, (1,)
        case ops.Zero():
            return torch.zeros_like, ()
        case ops.Shift():
            return F.pad, ((-1, 1, -1, 1),)
        case ops.Truncate():
            return torch.narrow, (1, 0, op.channels)
        case ops.Add():
            return torch.add, ()
        case ops.Mul():
            return torch.mul, ()
    raise UnknownOperationError(op, "op_function")


def block_module(graph: OpGraph, index: int, bn_eps: float = BN_EPS) -> fx.GraphModule:
    """Return the block `index` of the structure of `graph`, as a module from its input to its output tensor."""
    traced = fx.Graph()
    entry = graph.block_outputs[index - 1] if index else 0
    values = {entry: traced.placeholder("x")}
    root = nn.Module()
    for number, node in enumerate(graph.nodes, start=1):
        if node.block != index:
            continue
        inputs = tuple(values[i] for i in node.inputs)
        module = op_module(node.op, bn_eps)
        if module is not None:
            name = node.path.partition(".")[2] or "op"
            add_nested(root, name, module)
            values[number] = traced.call_module(name, inputs)
        elif isinstance(node.op, ops.Concat):
            values[number] = traced.call_function(torch.cat, (inputs, 1))
        else:
            function, constants = op_function(node.op)
            values[number] = traced.call_function(function, inputs + constants)
    traced.output(values[graph.block_outputs[index]])
    return fx.GraphModule(root, traced, class_name="Block")


def add_nested(root: nn.Module, name: str, module: nn.Module) -> None:
    """Add `module` to `root` under a dotted name and make the modules in between."""
    *parents, last = name.split(".")
    for parent in parents:
        if not hasattr(root, parent):
            root.add_module(parent, nn.Module())
        root = root.get_submodule(parent)
    root.add_module(last, module)
