"""Learning from labels alone. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from PlainNet.masternet import MasterNet
from zennas.training.objectives.base import OBJECTIVES, Losses, Objective
from zennas.training.recipe import RecipeError

if TYPE_CHECKING:
    from zennas.data.base import Shown
    from zennas.training.job import TrainingJob


class Plain(Objective):
    """Cross-entropy with the labels."""

    def __init__(self, network: MasterNet, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self._label_smoothing = label_smoothing

    def forward(self, images: Tensor, targets: Tensor) -> Losses:
        logits = self.network(images)
        return Losses(F.cross_entropy(logits, targets, label_smoothing=self._label_smoothing), logits)


def plain(network: MasterNet, job: TrainingJob, shown: Shown) -> Plain:
    """Return the objective for a job without a teacher. Raises RecipeError if the job has one."""
    if job.distillation is not None:
        raise RecipeError(
            f"the objective plain uses no teacher, but {job.distillation.teacher} is given: leave out --objective or "
            "--teacher"
        )
    return Plain(network, job.recipe.label_smoothing)


OBJECTIVES.add("plain", plain)
