"""Which images suit a model: the data set that it is for, where that is looked for, and whether classes agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zennas.common.errors import WrongSettingError
from zennas.data import DATASETS, DataError, ImageSet, known_dataset, names_to_open
from zennas.data.registry import named_in

if TYPE_CHECKING:
    from zennas.named.models import TrainedModel


def usual_dataset(model: TrainedModel) -> str:
    """The data set that a model is for, by what is known of it. Raises WrongSettingError."""
    named = model.facts.get("dataset")
    if isinstance(named, str) and named:
        known = known_dataset(named)
        return named if known is None else known.name
    by_classes = (one for one in DATASETS if one.assumed and one.classes == model.num_classes)
    found = named_in(model.name) or next(by_classes, None)
    if found is None:
        raise WrongSettingError(f"the data set of {model.name} is not known: name it with --dataset")
    return found.name


def check_folder(name: str | None, data_folder: Path | None) -> None:
    """Raises WrongSettingError for a folder that the data set of that name is not looked for in."""
    known = None if name is None else known_dataset(name)
    if data_folder is None or (known is not None and known.folder is not None):
        return
    able = [one for one in names_to_open() if DATASETS.get(one).folder is not None]
    raise WrongSettingError(
        f"--data is {data_folder}, but {name} takes no such folder, only {', '.join(able)} do: leave it out, or give "
        "the folder as --dataset"
    )


def doubt_about_classes(model: TrainedModel, images: ImageSet) -> str | None:
    """What is doubtful of the data set's classes, as a clause; None for nothing.

    Raises DataError where they cannot be the model's: another number of them, or the same ones in another order.
    """
    if len(images.classes) != model.num_classes:
        raise DataError(
            f"{model.name} has {model.num_classes} classes, but {images.name} has {len(images.classes)}: "
            "name the data set of the model with --dataset"
        )
    numbers = tuple(map(str, range(model.num_classes)))  # what classes without names are called
    if model.classes is None or numbers in (model.classes, images.classes) or model.classes == images.classes:
        return None
    pairs = enumerate(zip(model.classes, images.classes, strict=True))
    number, ours, theirs = next((i, ours, theirs) for i, (ours, theirs) in pairs if ours != theirs)
    if set(model.classes) == set(images.classes):
        raise DataError(
            f"{images.name} has the classes of {model.name} in a different order: class {number} is {theirs} "
            f"instead of {ours}"
        )
    return (
        f"class names in {images.name} differ from the model's: class {number} of {model.num_classes} is {theirs} "
        f"instead of {ours}"
    )
