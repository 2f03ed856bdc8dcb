"""What a training minimises: a module around the network, from images and targets to losses. Imports torch.

A recipe of another kind is another such module; `distil.py` has the one with a teacher.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from PlainNet.masternet import MasterNet


class Losses(NamedTuple):
    """total: what is minimised; logits: (n, classes) of the network that is trained."""

    total: Tensor
    logits: Tensor


class Objective(nn.Module):
    """From images (n, 3, R, R), normalised, and targets, labels (n,) or probabilities (n, classes), to `Losses`.

    network: what is trained and kept; weights beside it are trained and left behind.
    """

    network: MasterNet

    @property
    def fingerprint(self) -> str:
        """Of what decides the loss besides settings and images; a training goes on with what it began with."""
        return ""


class Plain(Objective):
    """Cross-entropy with the labels."""

    def __init__(self, network: MasterNet, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self._label_smoothing = label_smoothing

    def forward(self, images: Tensor, targets: Tensor) -> Losses:
        logits = self.network(images)
        return Losses(F.cross_entropy(logits, targets, label_smoothing=self._label_smoothing), logits)
