"""SynFlow: how much flows through each weight of the network with all weights positive. Needs no data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def synflow(probe: Probe) -> list[Tensor]:
    """What flows through each weight, see `_flow`."""
    return probe.shared(_flow)


def log_synflow(probe: Probe) -> float:
    """Natural logarithm of `synflow`, whose values reach 1e61."""
    return math.log(sum(float(part.sum()) for part in probe.shared(_flow)))


def _flow(probe: Probe) -> list[Tensor]:
    """|weight × gradient of the summed logits|, for each weight, on an image of ones, in double precision,
    with every parameter and buffer replaced by its absolute value and batch-norms left out."""
    import torch

    from ZeroShotProxy.engine.isolated import WithoutBatchNorm
    from ZeroShotProxy.engine.probe import or_zero

    network = probe.network
    values = {
        name: value.detach().double().abs() if value.is_floating_point() else value.clone()
        for name, value in {**network.parameters, **network.buffers}.items()
    }
    names = {id(parameter): name for name, parameter in network.parameters.items()}
    weights = [values[names[id(weight)]].requires_grad_() for weight in network.weights]
    x = torch.ones_like(probe.inputs[:1], dtype=torch.float64)
    with WithoutBatchNorm():
        flow = network(x, values).sum()
    found = torch.autograd.grad(flow, weights, allow_unused=True)
    products = [(w * g).abs().detach() for w, g in zip(weights, or_zero(found, weights), strict=True)]
    if not any(bool(product.any()) for product in products):
        raise ProxyError("nothing flows from the input to the output")
    return products


_SOURCE = "Tanaka et al., SynFlow, NeurIPS 2020, equation 1; as in Abdelfattah et al., ICLR 2021"
register_measure(
    ProxyInfo(
        "synflow",
        "sum of |weight × gradient of the output| with all weights positive, no batch-norm, an image of ones",
        source=_SOURCE,
        needs="module",
        aliases=("Syncflow",),
    ),
    synflow,
)
register_measure(
    ProxyInfo("log_synflow", "logarithm of synflow", source=_SOURCE, needs="module", aliases=("synflow_log",)),
    log_synflow,
)
