"""EZNAS-A: a program found by genetic programming, applied to gradients of ReLU–convolution–batch-norm units.

    |sigmoid(logdet(sign(X)))|_F, averaged over the units

The paper and the released code define X differently. `eznas_a` follows the code, which reproduces the published
figures: X is the gradient at the ReLU's input for the batch. `eznas_a_weight` follows the text: X is the gradient of
the convolution's weight for Gaussian noise. Gradients are those of the sum of all logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import Need, ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe
    from ZeroShotProxy.engine.units import Unit

_SOURCE = "Akhauri et al., EZNAS, NeurIPS 2022, table 5"


def eznas_a(probe: Probe) -> float:
    """Return EZNAS-A of the gradients (N, C, H, W) at the inputs of the ReLUs, for the batch.

    Raises ProxyError if there are no units or all gradients are zero.
    """
    import torch

    from ZeroShotProxy.engine.probe import or_zero

    units, total = _units(probe, probe.inputs)
    read = [unit.relu.made for unit in units]
    # Tensors that do not depend on any weight, such as the ReLU of zeros, have gradient zero.
    found = iter(torch.autograd.grad(total, [x for x in read if x.requires_grad], allow_unused=True))
    gradients = [next(found) if x.requires_grad else None for x in read]
    return _mean([g * (x > 0) for g, x in zip(or_zero(gradients, read), read, strict=True)])


def eznas_a_weight(probe: Probe) -> float:
    """Return EZNAS-A of the gradients (C', C, K, K) of the convolutions' weights, for noise.

    Raises ProxyError if there are no units or all gradients are zero.
    """
    import torch

    from ZeroShotProxy.engine.probe import or_zero

    units, total = _units(probe, probe.noise)
    weights = [unit.weight for unit in units]
    return _mean(or_zero(torch.autograd.grad(total, weights, allow_unused=True), weights))


def _units(probe: Probe, x: Tensor) -> tuple[list[Unit], Tensor]:
    """The units of the network, and the sum of the logits of images `x`."""
    import torch

    from ZeroShotProxy.engine.units import Units

    with Units() as units, torch.enable_grad():
        total = probe.network(x).sum()
    if not units.found:
        raise ProxyError("the network has no convolution between a ReLU and a batch-norm")
    return units.found, total


def _mean(gradients: list[Tensor]) -> float:
    if not any(bool(gradient.any()) for gradient in gradients):
        raise ProxyError("the gradient of the logits is zero everywhere")
    return sum(_program(gradient) for gradient in gradients) / len(gradients)


def _program(x: Tensor) -> float:
    """|sigmoid(logdet(sign(x)))|_F, where the last two dimensions of x are square matrices.

    A negative determinant has no logarithm and counts as 1, whose sigmoid is 0.5. A singular matrix counts as 0.
    """
    from ZeroShotProxy.programs.determinants import logdet

    if x.shape[-1] != x.shape[-2]:
        raise ProxyError(
            f"it needs square gradients for determinants, but one has {x.shape[-2]} × {x.shape[-1]} elements"
        )
    return float(logdet(x.sign()).sigmoid().norm())


def _info(name: str, summary: str, needs: Need, of: str) -> ProxyInfo:
    plain = f"a formula that genetic programming found, of the gradients {of}"
    return ProxyInfo(name, summary, source=_SOURCE, needs=needs, initialisation="kaiming_fan_out", plain=plain)


register_measure(
    _info("eznas_a", "EZNAS-A of the gradients at the ReLUs, as in the released code", "batch", "at the ReLUs"), eznas_a
)
register_measure(
    _info(
        "eznas_a_weight", "EZNAS-A of the gradients of weights for noise, as in the paper", "module", "of the weights"
    ),
    eznas_a_weight,
)
