"""The blocks of NAS-Bench-201 networks (Dong and Yang, ICLR 2020): the cell, and the residual reduction.

`NB201Cell(channels,e10,e20,e21,e30,e31,e32)` has four nodes: node 0 is the input, node 3 the output, and every other
value is the sum of a node's edges. `eij` is the operation on the edge from node j to node i, as an index into
`OPERATIONS`. `NB201Reduction(in,out)` halves the resolution. SearchSpace/nasbench201.py has the notation
`|nor_conv_3x3~0|+|…|` and makes whole networks.
"""

from __future__ import annotations

from functools import reduce

from PlainNet.blocktype import CHANNELS, IN, OUT, BlockType, Param, register
from PlainNet.ir import BlockSpec
from PlainNet.lowering import Builder, Value

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""(to, from) for each edge, in the order of the notation."""

_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


def relu_conv_bn(b: Builder, x: Value, out_channels: int, kernel: int, stride: int = 1) -> Value:
    x = b.relu(x)
    with b.at("conv"):
        x = b.conv(x, out_channels, kernel, stride)
    with b.at("bn"):
        return b.batch_norm(x)


def edge(b: Builder, x: Value, operation: str) -> Value:
    if operation in _KERNELS:
        # As in the benchmark, each edge has a ReLU of its own. Proxies that count ReLUs depend on this.
        return relu_conv_bn(b, x, x.shape.channels, _KERNELS[operation])
    if operation == "avg_pool_3x3":
        return b.avg_pool(x, kernel=3, stride=1)
    return b.zero(x) if operation == "none" else x


def cell(b: Builder, x: Value, spec: BlockSpec) -> Value:
    nodes = [x]
    for node in (1, 2, 3):
        arriving = []
        for (to, source), chosen in zip(EDGES, spec.args[1:], strict=True):
            if to == node:
                with b.at(f"edge{to}{source}"):
                    arriving.append(edge(b, nodes[source], OPERATIONS[chosen]))
        nodes.append(reduce(b.add, arriving))
    return nodes[-1]


def cell_layers(spec: BlockSpec) -> int:
    """Convolutions on the longest path from the input to the output; edges that lead nowhere do not count."""
    longest: list[int | None] = [0, None, None, None]
    for (to, source), chosen in zip(EDGES, spec.args[1:], strict=True):
        before, operation = longest[source], OPERATIONS[chosen]
        if before is not None and operation != "none":
            longest[to] = max(longest[to] or 0, before + (operation in _KERNELS))
    return longest[3] or 0


def reduction(b: Builder, x: Value, spec: BlockSpec) -> Value:
    _, out_channels = spec.args
    with b.at("conv_a"):
        y = relu_conv_bn(b, x, out_channels, kernel=3, stride=2)
    with b.at("conv_b"):
        y = relu_conv_bn(b, y, out_channels, kernel=3)
    shortcut = b.avg_pool(x, kernel=2, stride=2, ceil=True)  # ceil, to match the convolutions' output for odd sizes
    with b.at("downsample"):
        shortcut = b.conv(shortcut, out_channels, kernel=1)
    return b.add(shortcut, y)


def reduction_layers(spec: BlockSpec) -> int:
    return 2


_edges = tuple(
    Param(f"e{to}{source}", maximum=len(OPERATIONS) - 1, minimum=0, words=OPERATIONS) for to, source in EDGES
)
register(BlockType("NB201Cell", (CHANNELS, *_edges), lower=cell, layers=cell_layers))
register(BlockType("NB201Reduction", (IN, OUT), lower=reduction, layers=reduction_layers))
