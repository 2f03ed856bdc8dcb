"""More epochs for a training: possible where its first epochs would have been the same ones. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zennas.training.job import recipe_json
from zennas.training.recipe import Recipe, TrainingError
from zennas.training.schedule import warmup_of


def is_open(recipe: Recipe) -> bool:
    """Whether the training of an epoch does not depend on the number of epochs, apart from the warm-up."""
    return not (recipe.drop_path or recipe.quantise_aware or recipe.minutes) and _steady(recipe)


def _steady(recipe: Recipe) -> bool:
    """Whether the learning rate of an epoch does not depend on the number of epochs, apart from the warm-up."""
    return recipe.schedule == "step" or recipe.final_lr == recipe.lr


def epochs_before(settings: Mapping[str, Any], recipe: Recipe) -> int | None:
    """Return the epochs in the stored settings of a training, if nothing else in its recipe differs; otherwise None."""
    stored = settings.get("recipe")
    if not isinstance(stored, Mapping):
        return None
    before = stored.get("epochs")
    if type(before) is not int or before < 1 or before == recipe.epochs:
        return None
    return before if {**stored, "epochs": recipe.epochs} == recipe_json(recipe) else None


def with_epochs(settings: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    """Return the settings of a training with another number of epochs."""
    return {**settings, "recipe": {**settings["recipe"], "epochs": epochs}}


def check_extension(folder: Path, recipe: Recipe, before: int) -> None:
    """Check that a training of `before` epochs can become one with `recipe`, which has another number of epochs.

    Raises TrainingError that says why not, and what to do instead.
    """
    if recipe.epochs < before:
        raise TrainingError(
            f"epochs is {recipe.epochs}, but the training in {folder} has {before}: expected more, or another folder"
        )
    if recipe.drop_path:
        why = f"drop-path rises over {before} epochs"
    elif recipe.minutes:
        why = f"its learning rate falls with the time, of at most {recipe.minutes:g} minutes"
    elif recipe.quantise_aware:
        why = f"the last {recipe.quantise_aware} of its {before} epochs were quantisation-aware"
    elif not _steady(recipe):
        why = f"its learning rate falls along a {recipe.schedule} over {before} epochs"
    elif warmup_of(recipe.warmup, recipe.epochs) != warmup_of(recipe.warmup, before):
        why = f"its warm-up of {recipe.warmup:g} epochs was shortened to {before / 2:g}"
    else:
        return
    raise TrainingError(
        f"the training in {folder} cannot be extended to {recipe.epochs} epochs, because {why}: start a new one with "
        f"--epochs {recipe.epochs} in another folder, which can begin with the weights of this one (--weights)"
    )
