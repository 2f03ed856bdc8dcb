"""SynFlow: the flow through each weight if all weights are positive. Needs no data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def synflow(probe: Probe) -> list[Tensor]:
    """Return |weight × gradient of the summed logits|, element by element, for each layer.

    The network runs on an image of ones in double precision, with the absolute values of all parameters and buffers and
    without batch-norms. Raises ProxyError if nothing flows from the input to the output.
    """
    return probe.shared(_flow)


def log_synflow(probe: Probe) -> float:
    """Return the natural logarithm of `synflow`, whose values can reach 1e61.

    Raises ProxyError if nothing flows from the input to the output.
    """
    return math.log(sum(float(part.sum()) for part in probe.shared(_flow)))


def _flow(probe: Probe) -> list[Tensor]:
    """|weight × gradient of the summed logits| for each layer; `synflow` describes the pass."""
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
        "sum of |weight × gradient of the output| for an image of ones, with all weights positive and no batch-norm",
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
