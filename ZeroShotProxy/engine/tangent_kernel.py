"""The neural tangent kernel of a network on a batch. Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor

from ZeroShotProxy.engine.probe import Probe, or_zero


def gradient_rows(probe: Probe) -> Tensor:
    """Return the gradients of each image's summed logits by all weights, without biases and shifts: (N, weights).

    There is one backward pass per image, because batch-norms make the logits of an image depend on the whole batch.
    """
    weights = [value for name, value in probe.network.parameters.items() if name.endswith("weight")]
    by_image = probe.network(probe.inputs).sum(1)
    rows = []
    for i in range(len(by_image)):
        found = torch.autograd.grad(by_image[i], weights, retain_graph=i + 1 < len(by_image), allow_unused=True)
        rows.append(torch.cat([g.ravel() for g in or_zero(found, weights)]))
    return torch.stack(rows)


def kernel(probe: Probe) -> Tensor:
    """Return the neural tangent kernel of the batch, (N, N), in double precision."""
    rows = probe.shared(gradient_rows)
    # In blocks of columns, as converting everything to double precision would triple the memory.
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for part in rows.split(1 << 16, dim=1):
        total += part.double() @ part.double().T
    return total
