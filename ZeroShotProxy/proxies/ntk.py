"""The neural tangent kernel: its condition number (trainability) and its regression error (generalisation)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def ntk(probe: Probe) -> float:
    """Return the condition number of the batch's kernel: the largest divided by the smallest eigenvalue.

    Raises ProxyError if the batch has one image or the kernel is singular.
    """
    import torch

    if len(probe.inputs) < 2:
        raise ProxyError("the batch has one image, expected at least 2")
    eigenvalues = torch.linalg.eigvalsh(_kernel(probe))
    smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    _refuse_singular(smallest, largest, len(probe.inputs))
    return largest / smallest


def ntk_regression(probe: Probe) -> float:
    """Return the mean of |K' K⁻¹ Y - Y'|² over the second half of the batch: the error of kernel regression.

    K is the kernel of the first half, K' the kernel between the halves, and Y and Y' are the one-hot labels of the
    halves minus their mean. Raises ProxyError if the batch has fewer than 4 images, a half has only one class, or K is
    singular.
    """
    import torch
    from torch.nn import functional as F

    labels = probe.labels
    half = len(labels) // 2
    if half < 2:
        raise ProxyError(f"the batch has {len(labels)} images, expected at least 4")
    found = _kernel(probe)
    classes = int(labels.max()) + 1
    known, held_out = (_centred(F.one_hot(part, classes)) for part in (labels[:half], labels[half:]))
    if not bool(known.any()) or not bool(held_out.any()):
        raise ProxyError("half of the batch has only one class, expected at least 2")
    eigenvalues = torch.linalg.eigvalsh(found[:half, :half])
    _refuse_singular(float(eigenvalues[0]), float(eigenvalues[-1]), half)
    predicted = found[half:, :half] @ torch.linalg.solve(found[:half, :half], known)
    return float((predicted - held_out).square().sum(1).mean())


def _kernel(probe: Probe) -> Tensor:
    from ZeroShotProxy.engine.tangent_kernel import kernel

    return probe.shared(kernel)


def _refuse_singular(smallest: float, largest: float, images: int) -> None:
    """Raise ProxyError if the smallest eigenvalue is within the rounding error of single precision."""
    import torch

    if not smallest > images * torch.finfo(torch.float32).eps * largest:
        raise ProxyError(f"the kernel of {images} images is singular: eigenvalues from {smallest:.3g} to {largest:.3g}")


def _centred(targets: Tensor) -> Tensor:
    targets = targets.double()
    return targets - targets.mean(0)


register_measure(
    ProxyInfo(
        "ntk",
        "condition number of the neural tangent kernel; networks with low values are easy to train",
        source="Chen et al., TE-NAS, ICLR 2021",
        needs="batch",
        higher_is_better=False,
        aliases=("TE-NAS", "TE_NAS"),
        plain="how much faster some directions train than others: a condition number",
        initialisation="kaiming_fan_in",
    ),
    ntk,
)
register_measure(
    ProxyInfo(
        "ntk_regression",
        "error of kernel regression with the neural tangent kernel on held-out images",
        source="Chen et al., Understanding and Accelerating NAS (TEG-NAS), 2021",
        needs="labels",
        higher_is_better=False,
        initialisation="kaiming_fan_in",
    ),
    ntk_regression,
)
