"""Expressivity: how many linear regions of a thin network tiny crops fall into. Imports torch."""

from __future__ import annotations

import numpy as np
import torch

from PlainNet import ops
from PlainNet.ops import OpGraph
from ZeroShotProxy.teg.forward import forward
from ZeroShotProxy.teg.weights import Weights


def count_regions(graph: OpGraph, crops: torch.Tensor, weights: Weights) -> int:
    """Return the number of different activation patterns among crops (batches, n, 1, S, S).

    An activation pattern says which outputs of ReLUs are positive: of all ReLUs, also of those that do not affect the
    output. Batch-norms use the statistics of each batch.
    """
    rectified = [i for i, node in enumerate(graph.nodes, start=1) if isinstance(node.op, ops.Relu)]
    patterns = []
    for batch in crops:
        values = forward(graph, batch, weights).values
        # A ReLU of zeros is off for all crops, and separates none.
        codes = [(x > 0).flatten(1) for i in rectified if (x := values[i]) is not None]
        patterns.append(
            torch.cat(codes, 1) if codes else torch.zeros(len(batch), 1, dtype=torch.bool, device=batch.device)
        )
    bits = np.packbits(torch.cat(patterns).cpu().numpy(), axis=1)
    return len({row.tobytes() for row in bits})
