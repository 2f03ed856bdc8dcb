"""The smallest arena with which TensorFlow Lite Micro starts: activations, and what its interpreter keeps in the arena.

At the end of the arena, the interpreter keeps descriptions of tensors and operators, and two numbers for each output
channel of a convolution. While it prepares operators one after another, and while it plans, it needs room where
activations will be. The numbers are those of a 64-bit build with its reference kernels, found from what it reports and
from the smallest arenas with which it starts; `benchmarks/arena.py` compares. 32-bit chips need less, and kernels of a
vendor may ask for scratch memory on top.
"""

from __future__ import annotations

from PlainNet.deployed.buffers import aligned, buffers_of
from PlainNet.deployed.operators import (
    Conv2D,
    Deployed,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
    Reshape,
    Slice,
    builtin,
)

BASE = 725
"""Bytes of the interpreter, its input and its output, with what alignment may add."""
TENSOR = 24
NODE = 64
OPERATORS = {
    "ADD": 72,
    "AVERAGE_POOL_2D": 72,
    "CONCATENATION": 88,
    "CONV_2D": 108,
    "DEPTHWISE_CONV_2D": 108,
    "FULLY_CONNECTED": 115,
    "LOGISTIC": 34,
    "MAX_POOL_2D": 72,
    "MEAN": 76,
    "MUL": 34,
    "RELU": 32,
    "RELU6": 32,
    "RESHAPE": 42,
}
"""Bytes that operators keep beside their node; others keep nothing."""
PLANNED_TENSOR, PLANNED_BUFFER, PLANNED_SCRATCH = 32, 40, 48
"""Bytes of the planner's tables for each tensor of the file and each buffer, and further ones for each of scratch."""
PREPARED, PREPARED_CHANNEL, PREPARED_SCRATCH = 640, 12, 8
"""Bytes that preparing a convolution takes for a while: for each output channel, and for each scratch buffer so far."""


def startup_bytes(deployed: Deployed, activations: int) -> int:
    """Return the bytes of an arena with which the interpreter starts; 64 fewer are too few, as a rule.

    activations: the bytes of the plan of memory.
    """
    tensors, kept, preparing, scratch = len(deployed.operators) + 1, 0, 0, 0
    shared = set[tuple[int, ...]]()
    for operator in deployed.operators:
        kind = operator.kind
        kept += NODE + OPERATORS.get(builtin(kind), 0)
        if isinstance(kind, (Conv2D, DepthwiseConv2D)):
            before = preparing - _channels(kind.out_channels)  # whose place these numbers take
            own = PREPARED + PREPARED_CHANNEL * kind.out_channels + PREPARED_SCRATCH * scratch
            preparing = max(before, own)
            kept += _channels(kind.out_channels)
        if isinstance(kind, (Conv2D, DepthwiseConv2D, FullyConnected)):
            tensors += 2
        elif isinstance(kind, Mean):
            shared.add((1, 2))
            scratch += 3
        elif isinstance(kind, Reshape):
            shared.add(operator.shape)
        elif isinstance(kind, Slice):
            shared |= {operator.shape, tuple(0 for _ in operator.shape)}
    tensors += len(shared)
    tables = PLANNED_TENSOR * tensors + PLANNED_BUFFER * len(buffers_of(deployed)) + PLANNED_SCRATCH * scratch
    return aligned(BASE + TENSOR * tensors + kept + max(activations, tables, preparing))


def _channels(count: int) -> int:
    """Bytes of the multipliers and shifts of a convolution's output channels."""
    return 2 * aligned(4 * count)
