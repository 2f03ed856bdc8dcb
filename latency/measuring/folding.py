"""Networks as they are deployed: batch-norm folded into convolutions, zeros left out. Imports torch.

PyTorch's `torch.fx.experimental.optimization.fuse` folds batch-norm too, but it is experimental.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from latency.base import LatencyError, first_line


def traced(network: nn.Module) -> fx.GraphModule:
    """Return a copy of `network` in evaluation mode as a traced module. Raises LatencyError if tracing fails."""
    try:
        return fx.symbolic_trace(copy.deepcopy(network).eval()).requires_grad_(False)
    except Exception as error:  # fx passes on whatever the module's code raises for a symbolic value
        raise LatencyError(f"{type(network).__name__} cannot be traced by torch.fx: {first_line(error)}") from error


def folded(network: nn.Module) -> fx.GraphModule:
    """Return a copy of `network` in evaluation mode, with batch-norms folded into the convolutions before them.

    Layers keep their names. Sums with zeros, which come from the `none` edges of cells, are left out. Everything that
    is computed from zeros becomes a constant, because quantisers cannot scale it. Raises torch.fx's error if the
    network cannot be traced.
    """
    whole = traced(network)
    _fold_batch_norm(whole)
    _fold_zeros(whole)
    whole.graph.eliminate_dead_code()
    whole.delete_all_unused_submodules()
    whole.recompile()
    return whole


def _fold_batch_norm(whole: fx.GraphModule) -> None:
    modules = dict(whole.named_modules())
    for node in list(whole.graph.nodes):
        norm = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None:
            continue
        before = node.args[0]
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        conv = modules[str(before.target)]
        if not isinstance(conv, nn.Conv2d) or _calls(whole, before.target) > 1:
            continue
        fused = fuse_conv_bn_eval(conv, norm)
        _replace(whole, str(before.target), fused)
        modules[str(before.target)] = fused
        node.replace_all_uses_with(before)
        whole.graph.erase_node(node)


def _fold_zeros(whole: fx.GraphModule) -> None:
    """Follow zeros as far as each channel has the same value everywhere; sums with zeros become the other term."""
    modules = dict(whole.named_modules())
    constants: dict[fx.Node, Tensor] = {}
    for node in list(whole.graph.nodes):
        known = [x for x in node.all_input_nodes if x in constants]
        value = _constant(node, known, constants, modules)
        if value is not None:
            constants[node] = value
        elif len(known) == 1 and node.target is torch.add and not constants[known[0]].any():
            node.replace_all_uses_with(next(x for x in node.all_input_nodes if x is not known[0]))
        else:
            for x in known:
                node.replace_input_with(x, _spelled_out(whole, x, constants[x]))


def _constant(
    node: fx.Node, known: list[fx.Node], constants: dict[fx.Node, Tensor], modules: dict[str, nn.Module]
) -> Tensor | None:
    """The constant value of each channel, (1, C, 1, 1), or (1, 1, 1, 1) for zeros; None if it is not constant."""
    if node.op == "call_function" and node.target is torch.zeros_like:
        return torch.zeros(1, 1, 1, 1)
    if not known or len(known) < len(node.all_input_nodes):
        return None
    values = [constants[x] for x in known]
    if node.target is torch.add:
        return values[0] + values[-1]
    if node.target in (F.relu, F.relu6, F.silu, torch.sigmoid):
        return cast("Callable[[Tensor], Tensor]", node.target)(values[0])
    if node.target in (F.max_pool2d, F.avg_pool2d):
        return values[0]  # means only include values inside the border
    layer = modules.get(str(node.target))
    if isinstance(layer, nn.Conv2d) and not values[0].any():
        return torch.zeros(1, 1, 1, 1) if layer.bias is None else layer.bias.detach().view(1, -1, 1, 1)
    return None


def _spelled_out(whole: fx.GraphModule, node: fx.Node, value: Tensor) -> fx.Node:
    """Return a node with `value` in the shape of `node`, which compilers recognise as constant."""
    name = f"constant_{node.name}"
    whole.register_buffer(name, value)
    with whole.graph.inserting_after(node):
        zeros = whole.graph.call_function(torch.zeros_like, (node,))
    with whole.graph.inserting_after(zeros):
        held = whole.graph.get_attr(name)
    with whole.graph.inserting_after(held):
        return whole.graph.call_function(torch.add, (zeros, held))


def _calls(whole: fx.GraphModule, target: object) -> int:
    return sum(node.op == "call_module" and node.target == target for node in whole.graph.nodes)


def _replace(root: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(root.get_submodule(parent), last, module)
