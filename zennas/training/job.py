"""What a training is asked for: what is trained on what, and how it is run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PlainNet import Structure
from zennas.common.limits import MAX_RESOLUTION
from zennas.common.settings import check, setting
from zennas.common.settings_text import to_json
from zennas.training.recipe import Distillation, Recipe, RecipeError

_IMAGES, _MACHINE = "Images", "Machine and files"
NETWORK = "network"
"""What files of settings call the structure."""


@dataclass(frozen=True)
class TrainingJob:
    """What is trained on what; each field says what it is. Raises RecipeError.

    weights: instead of freshly drawn ones. crop: of the evaluation's protocol, for photographs.
    """

    structure: Structure
    dataset: str = setting(
        "digits",
        "digits (bundled), cifar10, cifar100, imagenet, a folder with train/ and val/, or an .npz of JPEG files.",
        panel=_IMAGES,
    )
    recipe: Recipe = field(default_factory=Recipe)
    distillation: Distillation | None = None
    resolution: int = setting(
        32,
        "Side of the square input image.",
        least=1,
        most=MAX_RESOLUTION,
        unit="pixels",
        shown="the network's own, else 32",
        panel=_IMAGES,
    )
    crop: int | None = setting(
        None,
        "Side of the centre crop of photographs in tests.",
        least=1,
        most=MAX_RESOLUTION,
        unit="pixels",
        shown="the resolution",
        flag="",
    )
    use_se: bool = setting(False, "Squeeze and excitation (SE) in the super-blocks.", shown="the network's own")
    data_folder: Path | None = setting(
        None, "Folder with CIFAR or ImageNet.", flag="--data", metavar="FOLDER", shown="in ~/data", panel=_IMAGES
    )
    weights: Path | None = setting(
        None, "Start from the weights in this file.", existing=True, panel="Learning", shown="drawn by --init"
    )
    objective: str | None = setting(
        None,
        "Objective to minimise: plain, distillation, or one of your own.",
        metavar="NAME",
        shown="distillation with a teacher, else plain",
        panel="Learning",
    )

    def __post_init__(self) -> None:
        check(self, RecipeError, flags=True)
        taught = self.distillation
        if taught and not taught.logit_weight and (taught.ratio is None or not taught.feature_weight):
            raise RecipeError(
                f"the teacher {taught.teacher} would have no effect: logit-weight is 0, and features are not compared; "
                "raise logit-weight, or set a downsample-ratio and a feature-weight above 0"
            )

    @property
    def objective_name(self) -> str:
        """Of the objective, in the registry of `objectives/`."""
        return self.objective or ("distillation" if self.distillation else "plain")


@dataclass(frozen=True)
class RunOptions:
    """How a training is run: what does not change its outcome, or only in its last digits. Raises RecipeError."""

    device: str = setting(
        "auto", "Device to run on: auto (CUDA if available), cpu, cuda, or one GPU such as cuda:1.", panel=_MACHINE
    )
    workers: int = setting(0, "Number of processes that load images.", least=0, panel=_MACHINE)
    skip_corrupt: bool = setting(False, "Skip images that cannot be read.", panel=_IMAGES)
    resume: str = setting(
        "never",
        "never; auto, to resume from the folder's checkpoint if there is one; or a checkpoint file.",
        stored=False,
        panel=_MACHINE,
    )
    checkpoint_minutes: float = setting(
        10.0, "Minutes between checkpoints within an epoch; each epoch also ends with one.", least=0, panel=_MACHINE
    )
    keep_best: str | None = setting(
        None,
        "File for the weights of the epoch with the best test accuracy, an optimistic choice.",
        shown="not kept",
        flag="",
    )
    tensorboard: bool = setting(False, "Write events for TensorBoard.", panel=_MACHINE)

    def __post_init__(self) -> None:
        check(self, RecipeError, flags=True)


def settings_of(job: TrainingJob) -> dict[str, Any]:
    """What has to be the same for a training to be the same, of JSON's kinds."""
    settings = {
        "structure": str(job.structure),
        "use_se": job.use_se,
        "resolution": job.resolution,
        "recipe": to_json(job.recipe),
        "distillation": None if job.distillation is None else to_json(job.distillation),
    }
    return settings if job.objective is None else {**settings, "objective": job.objective}


def settled(job: TrainingJob, dataset: str) -> TrainingJob:
    """The same as it is written down, to be repeated from any folder: full paths. dataset: its full name."""
    taught = job.distillation
    if taught is not None:
        checkpoint = None if taught.checkpoint is None else str(Path(taught.checkpoint).resolve())
        teacher = str(Path(taught.teacher).resolve()) if Path(taught.teacher).is_dir() else taught.teacher
        taught = replace(taught, teacher=teacher, checkpoint=checkpoint)
    return replace(
        job,
        dataset=dataset,
        distillation=taught,
        data_folder=None if job.data_folder is None else job.data_folder.resolve(),
        weights=None if job.weights is None else job.weights.resolve(),
    )
