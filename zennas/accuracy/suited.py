"""Which images suit a model: the data set that it is for, the folder of the data set, and matching classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zennas.common.errors import WrongSettingError
from zennas.data import DATASETS, DataError, ImageSet, known_dataset, lasting_dataset, names_to_open
from zennas.data.classes import are_numbers, by_name, described
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


def held_out_fraction(model: TrainedModel, name: str) -> float | None:
    """Return the share of images that was held out when the model was trained, if `name` is its data set."""
    fraction = model.facts.get("val_fraction")
    own = model.facts.get("dataset")
    if not isinstance(fraction, float) or own is None or lasting_dataset(name) != own:
        return None
    return fraction


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


def suited(model: TrainedModel, images: ImageSet) -> tuple[ImageSet, str | None]:
    """Return the images with labels that are outputs of the model, and a clause about classes that do not match.

    Classes are matched by name; images of classes that the model does not know are left out. If only the model or only
    the images have names, and the others numbers, and no class occurs in both, classes are matched by position.

    Raises DataError if they have no class in common, or if the number of classes differs and there are no names.
    """
    names = model.classes
    if names is None or (are_numbers(names) != are_numbers(images.classes) and not set(names) & set(images.classes)):
        if len(images.classes) != model.num_classes:
            raise DataError(
                f"{model.name} has {model.num_classes} classes, but {images.name} has {len(images.classes)}: "
                "name the data set of the model with --dataset"
            )
        whose = images.name if names is not None and are_numbers(images.classes) else model.name
        return images, None if names is None else f"the classes of {whose} have no names: they are matched by position"
    try:
        found = by_name(images, names, model.name)
    except DataError as error:
        raise DataError(f"{error}; name the data set of the model with --dataset") from None
    return found.images, described(found, images, model.name)
