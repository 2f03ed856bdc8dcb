"""The memory that a program sets aside for TensorFlow Lite Micro: activations, and the interpreter's own tables.

An upper bound, from what the interpreter takes on a 64-bit machine with its reference kernels; 32-bit chips need less.
Kernels of a vendor, such as CMSIS-NN's, may ask for scratch memory on top.
"""

from __future__ import annotations

from PlainNet.deployed.buffers import aligned, buffers_of
from PlainNet.deployed.operators import Conv2D, Deployed, DepthwiseConv2D, FullyConnected

OPERATOR = 144
"""Bytes of an operator, with the numbers that its kernel prepares."""
TENSOR = 36
"""Bytes of a tensor, with its place in the plan."""
CHANNEL = 4
"""Bytes of each of the two numbers by which the sums of an output channel are scaled."""
BASE = 1024
PLANNED_TENSOR, PLANNED_BUFFER = 32, 40
"""Bytes that the planner takes for a tensor and for a buffer, where activations will be."""


def arena_bytes(deployed: Deployed, activations: int, tensors: int) -> int:
    """Return the bytes of an arena in which the interpreter starts.

    activations: the bytes of the plan of memory. tensors: of the file, constants included.
    """
    weighted = [
        one.kind for one in deployed.operators if isinstance(one.kind, (Conv2D, DepthwiseConv2D, FullyConnected))
    ]
    tables = BASE + OPERATOR * len(deployed.operators) + TENSOR * tensors
    tables += sum(2 * aligned(CHANNEL * kind.out_channels) for kind in weighted)
    planner = PLANNED_TENSOR * tensors + PLANNED_BUFFER * len(buffers_of(deployed))
    return aligned(tables + max(activations, planner))
