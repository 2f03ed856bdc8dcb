"""What a training is asked for: what is trained on what, and where."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PlainNet import Structure
from zennas.training.recipe import Distillation, Recipe, RecipeError


@dataclass(frozen=True)
class Job:
    """What is trained on what.

    weights: a file to begin with instead of freshly drawn weights. data_folder: where CIFAR or ImageNet is.
    crop: of the evaluation's protocol, for photographs, in pixels; None for `resolution`.
    """

    structure: Structure
    dataset: str
    recipe: Recipe = field(default_factory=Recipe)
    distillation: Distillation | None = None
    resolution: int = 32
    crop: int | None = None
    use_se: bool = False
    data_folder: Path | None = None
    weights: Path | None = None

    def __post_init__(self) -> None:
        taught = self.distillation
        if taught and not taught.logit_weight and (taught.ratio is None or not taught.feature_weight):
            raise RecipeError(
                f"the teacher {taught.teacher} has nothing to say: logit-weight is 0, and features are compared where "
                "a downsample-ratio and a feature-weight above 0 are given"
            )


@dataclass(frozen=True)
class Where:
    """What does not change a training's outcome, or only in its last digits.

    workers: processes that load images. skip_corrupt: go on without images that cannot be read. resume: "never";
    "auto", go on from the folder's checkpoint if there is one; or a checkpoint's path. checkpoint_minutes: between
    checkpoints within an epoch; there is one after each epoch too. keep_best: also keep the weights of the epoch that
    was best on the test images, which flatters it.
    """

    device: str = "auto"
    workers: int = 0
    skip_corrupt: bool = False
    resume: str = "never"
    checkpoint_minutes: float = 10.0
    keep_best: str | None = None
    tensorboard: bool = False


def settings_of(job: Job) -> dict[str, Any]:
    """What has to be the same for a training to be the same, of JSON's kinds."""
    settings = {
        "structure": str(job.structure),
        "use_se": job.use_se,
        "resolution": job.resolution,
        "recipe": asdict(job.recipe),
        "distillation": None if job.distillation is None else asdict(job.distillation),
    }
    return dict(json.loads(json.dumps(settings)))
