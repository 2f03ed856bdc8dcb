"""The request for a training: network, data set and recipe, and options of the run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from PlainNet import Structure
from PlainNet.sizes import Size
from zennas.common.limits import MAX_RESOLUTION
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import to_json
from zennas.common.shared_settings import (
    data_folder_setting,
    device_setting,
    in_channels_setting,
    resolution_setting,
    skip_corrupt_setting,
    white_setting,
)
from zennas.training.recipe import Distillation, Recipe, RecipeError

_IMAGES, _MACHINE = "Images", "Machine and files"
_LATER = ("auxiliary", "drop_path", "cutout", "quantise_aware", "quantise_weights", "minutes")
NETWORK = "network"
"""Name of the structure in settings files."""


@dataclass(frozen=True)
class TrainingJob:
    """A network, the data set to train it on, and the recipe. The help text of each field describes it.

    weights: file with initial weights, None to draw them. crop: size in pixels of the centre crop when photographs are
    tested, None for `resolution`. Raises RecipeError if a value is out of range.
    """

    structure: Structure
    dataset: str = field(
        metadata=Setting(
            "digits (bundled), cifar10, cifar100, imagenet, a folder with train/ and val/, or an .npz of JPEG files.",
            panel=_IMAGES,
        ).metadata
    )
    recipe: Recipe = field(default_factory=Recipe)
    distillation: Distillation | None = None
    resolution: Size = resolution_setting(shown="the network's own, else 32", panel=_IMAGES)
    in_channels: int | None = in_channels_setting("those that the network's run is for, else the images' own", _IMAGES)
    crop: Size | None = setting(
        None,
        "Size of the centre crop of photographs in tests.",
        least=1,
        most=MAX_RESOLUTION,
        unit="pixels",
        shown="the resolution",
        flag="",
    )
    use_se: bool = setting(False, "Squeeze and excitation (SE) in the super-blocks.", shown="the network's own")
    data_folder: Path | None = data_folder_setting(_IMAGES)
    white: float | None = white_setting("such images are refused", _IMAGES)
    val_fraction: float | None = setting(
        None,
        "Share of the images that is held out for testing, for folders of class folders without test images.",
        above=0,
        most=1,
        shown="none",
        panel=_IMAGES,
    )
    weights: Path | None = setting(
        None,
        "Start from the weights in this file; FILE#NAME for one of several in it.",
        existing=True,
        panel="Learning",
        shown="drawn by --init",
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
        """Name of the objective in `OBJECTIVES`."""
        return self.objective or ("distillation" if self.distillation else "plain")


@dataclass(frozen=True)
class RunOptions:
    """Options of a run that change its result in the last digits at most. Raises RecipeError if one is out of range."""

    device: str = device_setting(_MACHINE)
    workers: int = setting(0, "Number of processes that load images.", least=0, panel=_MACHINE)
    skip_corrupt: bool = skip_corrupt_setting(_IMAGES)
    resume: str = setting(
        "never",
        "The folder of a training, to continue it without any other option; auto, to resume from the checkpoint in "
        "--save-dir if there is one; a checkpoint file; or never.",
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
        name = self.keep_best  # it may come from the settings in somebody else's folder
        if name is not None and (PurePath(name).name != name or name == ".."):
            raise RecipeError(f"keep_best is {name!r}, expected the name of a file in the training's folder")


def which_dataset() -> str:
    """Return the question for the data set of a training, with the choices, in one line."""
    from zennas.data.registry import names_to_open  # imports numpy

    names = ", ".join(names_to_open())
    return f"which data set? expected {names}, a folder with train/ and val/, or an .npz of JPEG files"


def settings_of(job: TrainingJob) -> dict[str, Any]:
    """Return the settings that identify a training, as a JSON-compatible dict."""
    settings = {
        "structure": str(job.structure),
        "use_se": job.use_se,
        "resolution": job.resolution,
        "recipe": recipe_json(job.recipe),
        "distillation": None if job.distillation is None else to_json(job.distillation),
    }
    # Those that earlier versions did not have are left out if they say nothing.
    later = {name: getattr(job, name) for name in ("objective", "white", "val_fraction", "in_channels")}
    return {**settings, **{name: value for name, value in later.items() if value is not None}}


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of a recipe; those that earlier versions did not have are left out if they are as ever."""
    before = to_json(Recipe())
    return {name: value for name, value in to_json(recipe).items() if name not in _LATER or value != before[name]}


def completed(job: TrainingJob, dataset: str) -> TrainingJob:
    """Return a copy of `job` with absolute paths, so that it can be repeated from any folder.

    dataset: name or absolute path of the data set.
    """
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
