"""Which images suit a model: the data set that it is for, the folder of the data set, and whether classes agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zennas.common.errors import WrongSettingError
from zennas.data import DATASETS, DataError, ImageSet, known_dataset, names_to_open
from zennas.data.registry import named_in

if TYPE_CHECKING:
    from zennas.named.models import TrainedModel


def usual_dataset(model: TrainedModel) -> str:
    """Return the name of the data set that a model is for. Raises WrongSettingError if it is not known."""
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
    """Raises WrongSettingError if a folder is given for a data set that takes none."""
    known = None if name is None else known_dataset(name)
    if data_folder is None or (known is not None and known.folder is not None):
        return
    able = [one for one in names_to_open() if DATASETS.get(one).folder is not None]
    raise WrongSettingError(
        f"--data is {data_folder}, but {name} takes no such folder, only {', '.join(able)} do: leave it out, or give "
        "the folder as --dataset"
    )


def doubt_about_classes(model: TrainedModel, images: ImageSet) -> str | None:
    """Return a clause that describes how class names differ between model and images, or None if they agree.

    Raises DataError if the number of classes differs, or the same classes have another order.
    """
    if len(images.classes) != model.num_classes:
        raise DataError(
            f"{model.name} has {model.num_classes} classes, but {images.name} has {len(images.classes)}: "
            "name the data set of the model with --dataset"
        )
    numbers = tuple(map(str, range(model.num_classes)))  # the names of unnamed classes
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
