"""The settings of a short training, by which a search compares networks. No torch.

A part of the training images is held out and decides; the test images are never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PlainNet.device import device_of
from zennas.common.config import read_config
from zennas.common.settings import Setting, check, from_values, setting
from zennas.common.settings_text import to_json
from zennas.common.shared_settings import data_folder_setting
from zennas.training.job import NETWORK, RunOptions, TrainingJob
from zennas.training.recipe import Recipe, RecipeError
from zennas.training.settling import settled

PANEL = "Training"


@dataclass(frozen=True)
class ShortTraining:
    """How each network of a search is trained. The help text of each field describes it.

    recipe: fields of `zennas.training.recipe.Recipe`; `epochs` takes precedence, and the seed is the candidate's.
    Raises RecipeError if a value is out of range.
    """

    dataset: str = field(
        metadata=Setting(
            "With the objective train: digits (bundled), cifar10, cifar100, imagenet, a folder with train/, or an "
            ".npz of JPEG files.",
            panel=PANEL,
            metavar="NAME",
        ).metadata
    )
    data_folder: Path | None = data_folder_setting(PANEL)
    epochs: int | None = setting(
        None,
        "With the objective train: passes over the training images.",
        least=1,
        shown="the recipe's, else 10",
        panel=PANEL,
    )
    train_images: int | None = setting(
        None,
        "With the objective train: images to train on.",
        least=2,
        shown="all that are not held out",
        panel=PANEL,
    )
    held_out: float = setting(
        0.1,
        "With the objective train: share of the training images that is held out, to compare networks by.",
        above=0,
        most=0.9,
        panel=PANEL,
        metavar="NUMBER",
    )
    recipe: Mapping[str, Any] = field(
        default_factory=dict, metadata=Setting("How networks are trained, by name.", flag="").metadata
    )

    def __post_init__(self) -> None:
        check(self, RecipeError, flags=True)
        self.recipe_of(0)  # raises if it is not one

    def recipe_of(self, seed: int, epochs: int | None = None) -> Recipe:
        """Return the recipe of a training. epochs: instead of those of the settings. Raises RecipeError."""
        own = epochs or self.epochs
        recipe = from_values(Recipe, {**self.recipe, **({} if own is None else {"epochs": own}), "seed": seed})
        if recipe.minutes is not None:
            raise RecipeError(
                f"minutes is {recipe.minutes:g}, but networks are compared by trainings that do not depend on the "
                "speed of the machine: leave it out"
            )
        return recipe


def complete_training(settings: ShortTraining, device: str) -> ShortTraining:
    """Return settings that say everything and mean the same in any folder. device: a name, as in `device_of`.

    Raises RecipeError.
    """
    from zennas.data import lasting_dataset  # imports numpy

    recipe = settled(settings.recipe_of(0), device_of(device).type)
    return replace(
        settings,
        dataset=lasting_dataset(settings.dataset),
        data_folder=None if settings.data_folder is None else settings.data_folder.resolve(),
        epochs=recipe.epochs,
        recipe={name: one for name, one in to_json(recipe).items() if name not in ("seed", "epochs")},
    )


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the settings of a short training in a file that `zennas train --config` reads. Raises ConfigError."""
    found = read_config(path, TrainingJob, RunOptions, also=(NETWORK,))
    return {name: found[name] for name in ("dataset", "data_folder", "recipe") if name in found}
