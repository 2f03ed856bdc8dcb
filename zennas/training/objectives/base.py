"""What a training minimises: a module around the network, from images and targets to losses. Imports torch.

Each stands in a file of this folder, or in an installed distribution (entry points of `zennas.training_objectives`),
and adds itself to `OBJECTIVES`; `--objective NAME` chooses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from torch import Tensor, nn

from PlainNet.masternet import MasterNet
from PlainNet.registry import Registry

if TYPE_CHECKING:
    from zennas.data.base import Shown
    from zennas.training.job import TrainingJob


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


class MakeObjective(Protocol):
    """What the registry holds."""

    def __call__(self, network: MasterNet, job: TrainingJob, shown: Shown) -> Objective:
        """The objective of a training; the network sees images as `shown`. Raises TrainingError."""


OBJECTIVES: Registry[MakeObjective] = Registry(
    "training objective", "zennas.training.objectives", "zennas.training_objectives"
)
"""The objectives by name; the files of this folder add theirs."""
