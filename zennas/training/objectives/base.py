"""Training objectives: modules around the network that turn images and targets into losses. Imports torch.

An objective lives in a file of this folder, or in an installed distribution with an entry point in the group
`zennas.training_objectives`. It adds itself to `OBJECTIVES`, and `--objective NAME` selects it.
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
    """Output of an objective. total: the loss to minimise; logits: those of the trained network, (n, classes)."""

    total: Tensor
    logits: Tensor


class Objective(nn.Module):
    """A module from normalised images (n, 3, R, R) and targets to `Losses`.

    Targets are labels (n,) or probabilities (n, classes). network: the network to train and store; other weights of the
    module are trained with it but not stored in the result.
    """

    network: MasterNet

    @property
    def taught_classes(self) -> tuple[str, ...] | None:
        """The names of the classes that a teacher's logits belong to; None if there are none or they do not matter."""
        return None

    @property
    def fingerprint(self) -> str:
        """A hash of everything else that decides the loss, such as a teacher's weights; a training resumes only with
        an equal one.
        """
        return ""


class MakeObjective(Protocol):
    """A function that makes an objective; the registry contains such functions."""

    def __call__(self, network: MasterNet, job: TrainingJob, shown: Shown) -> Objective:
        """Return the objective. shown: how images are prepared for the network. Raises TrainingError if it does not
        fit the job.
        """


OBJECTIVES: Registry[MakeObjective] = Registry(
    "training objective", "zennas.training.objectives", "zennas.training_objectives"
)
"""The objectives by name; the files of this folder add theirs."""
