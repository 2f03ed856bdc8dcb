"""Trainability and generalisation: what the tangent kernels of a network say. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class NoValue:
    """There is no value. reason: why, in one clause."""

    reason: str


Found: TypeAlias = "float | NoValue"


def kernel(left: Tensor, right: Tensor) -> Tensor:
    """Return the products of gradients (N, weights) and (M, weights), (N, M) in double precision."""
    return left.double() @ right.double().T


def condition_number(found: Tensor) -> Found:
    """Return the largest eigenvalue of a kernel (N, N) divided by the smallest; no value if it is singular."""
    eigenvalues = torch.linalg.eigvalsh(found)
    smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    return _singular(smallest, largest, len(found)) or largest / smallest


def regression_error(found: Tensor, across: Tensor, labels: Tensor, held_out: Tensor, classes: int) -> Found:
    """Return the mean of |K' K⁻¹ Y − Y'|² over images that are held out: the error of kernel regression.

    found: the kernel K of known images, (N, N). across: K', between those held out and the known ones, (M, N). labels,
    held_out: their classes, (N,) and (M,). Y, Y' are one-hot targets less the mean of their batch. There is no value if
    K is singular.
    """
    eigenvalues = torch.linalg.eigvalsh(found)
    singular = _singular(float(eigenvalues[0]), float(eigenvalues[-1]), len(found))
    if singular is not None:
        return singular
    targets, wanted = (_centred(part, classes) for part in (labels, held_out))
    predicted = across @ torch.linalg.solve(found, targets)
    return float((predicted - wanted).square().sum(1).mean())


def _centred(labels: Tensor, classes: int) -> Tensor:
    targets = F.one_hot(labels, classes).double()
    return targets - targets.mean(0)


def _singular(smallest: float, largest: float, images: int) -> NoValue | None:
    """No value if the smallest eigenvalue is within the rounding error of the gradients, which are in single precision.

    Such an eigenvalue can come out negative, and a condition number with it, which would then be the best of all.
    """
    if smallest > images * torch.finfo(torch.float32).eps * largest:
        return None
    if largest == 0:
        return NoValue("the logits do not depend on the weights")
    return NoValue(f"the kernel of {images} images is singular: eigenvalues from {smallest:.3g} to {largest:.3g}")
