"""SynFlow: the flow through each weight if all weights are positive. Needs no data."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
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
    """Return the natural logarithm of `synflow`, also if `synflow` itself is too large for a number.

    Raises ProxyError if nothing flows from the input to the output, or if the flow is too large and does not grow in
    proportion to the image, so that it cannot be computed for a small image instead.
    """
    flow = _sum(lambda: probe.shared(_flow))
    if math.isfinite(flow):
        return math.log(flow)
    # ReLU networks are homogeneous: if image and biases are scaled, activations are scaled, and so are the gradients
    # if the summed logits are.
    flow, half = (_sum(partial(_flow, probe, image, _SMALL)) for image in (_SMALL, _SMALL / 2))
    if not math.isfinite(flow) or not math.isclose(half, flow / 2, rel_tol=1e-9):
        raise ProxyError("the flow is too large for double precision")
    return math.log(flow) - 2 * math.log(_SMALL)


def _sum(flow: Callable[[], list[Tensor]]) -> float:
    """The sum over all layers; infinity if it is too large for a number."""
    from ZeroShotProxy.engine.isolated import ProbeError

    try:
        total = sum(float(part.sum()) for part in flow())
    except ProbeError:  # the output of the network is too large
        return math.inf
    return total if math.isfinite(total) else math.inf


def _flow(probe: Probe, image: float = 1.0, logits: float = 1.0) -> list[Tensor]:
    """|weight × gradient of the summed logits| for each layer; `synflow` describes the pass.

    image, logits: factors of the image and all biases, and of the summed logits.
    """
    import torch

    from ZeroShotProxy.engine.isolated import WithoutBatchNorm
    from ZeroShotProxy.engine.probe import or_zero

    network = probe.network
    values = {
        name: value.detach().double().abs() if value.is_floating_point() else value.clone()
        for name, value in {**network.parameters, **network.buffers}.items()
    }
    for name in network.biases:
        values[name] *= image
    names = {id(parameter): name for name, parameter in network.parameters.items()}
    weights = [values[names[id(weight)]].requires_grad_() for weight in network.weights]
    x = torch.full_like(probe.inputs[:1], image, dtype=torch.float64)
    with WithoutBatchNorm():
        flow = network(x, values).sum() * logits
    found = torch.autograd.grad(flow, weights, allow_unused=True)
    products = [(w * g).abs().detach() for w, g in zip(weights, or_zero(found, weights), strict=True)]
    if not any(bool(product.any()) for product in products):
        raise ProxyError("nothing flows from the input to the output")
    return products


_SMALL = 2.0**-900
"""The factor for flows that are too large for double precision, which ends at 2 to the power of 1024."""

_SOURCE = "Tanaka et al., SynFlow, NeurIPS 2020, equation 1; as in Abdelfattah et al., ICLR 2021"
register_measure(
    ProxyInfo(
        "synflow",
        "sum of |weight × gradient of the output| for an image of ones, with all weights positive and no batch-norm",
        source=_SOURCE,
        needs="module",
        aliases=("Syncflow",),
        plain="how much flows through all weights if they are positive, for an image of ones",
    ),
    synflow,
)
register_measure(
    ProxyInfo(
        "log_synflow",
        "logarithm of synflow",
        source=_SOURCE,
        needs="module",
        aliases=("synflow_log",),
        plain="how much flows through all weights if they are positive, as a logarithm",
    ),
    log_synflow,
)
