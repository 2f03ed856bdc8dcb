"""A user's own network as a model that can be evaluated. Imports torch."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn

from PlainNet.errors import reason
from PlainNet.sizes import Size, sides, size_text
from zennas.accuracy.evaluation import EvaluationError
from zennas.accuracy.settings import EvaluationSettings
from zennas.common.errors import WrongSettingError
from zennas.data import Normalisation, known_dataset, names_to_open, open_set, training_normalisation
from zennas.data.base import Shown
from zennas.named.models import TrainedModel


def model_of(module: object, settings: EvaluationSettings, normalisation: Normalisation | None = None) -> TrainedModel:
    """Return a copy of `module` in evaluation mode, with the preparation of images for the data set in `settings`.

    normalisation: None for that of the data set, as in `zennas.train`.

    Raises WrongSettingError if it is no module, or the data set or the resolution is not known, DataError if the images
    are missing, and EvaluationError if the module does not return logits for such images.
    """
    name = type(module).__name__
    if not isinstance(module, nn.Module):
        raise WrongSettingError(f"the model is of type {name}, expected the folder of a training, a name or a module")
    if settings.dataset is None:
        raise WrongSettingError(
            f"dataset is missing, which a module of type {name} does not know: expected {', '.join(names_to_open())}, "
            "or a folder"
        )
    known = known_dataset(settings.dataset)
    resolution = settings.resolution or (None if known is None else known.resolution)
    if resolution is None:
        raise WrongSettingError(
            f"resolution is missing, which a module of type {name} does not know: expected the size of its images in "
            "pixels, such as 224 or 96x160"
        )
    if normalisation is None:
        test = open_set(settings.dataset, "test", settings.data_folder)
        normalisation = training_normalisation(test, settings.dataset, settings.data_folder)
    try:
        mine = copy.deepcopy(module).eval().requires_grad_(False)
    except Exception as error:  # copying runs the user's code, too
        raise EvaluationError(f"the module of type {name} cannot be copied: {reason(error)}") from error
    outputs = _outputs(mine, name, resolution, normalisation.channels)
    return TrainedModel(name, cast(Any, mine), Shown(normalisation, resolution, resolution), None, {}, outputs)


def _outputs(module: nn.Module, name: str, resolution: Size, channels: int) -> int:
    """The number of logits. Raises EvaluationError if the module fails or returns something else."""
    like = next((one for one in module.parameters() if one.is_floating_point()), torch.zeros(()))
    images = torch.zeros(2, channels, *sides(resolution), dtype=like.dtype, device=like.device)
    try:
        with torch.no_grad():
            found = module(images)
    except Exception as error:  # whatever the user's code raises
        raise EvaluationError(
            f"the module of type {name} fails on images of {size_text(resolution)} pixels: {reason(error)}"
        ) from error
    if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != 2:
        shape = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise EvaluationError(
            f"the module of type {name} returns {shape} for 2 images, expected logits (2, classes): wrap it in a "
            "module that returns them"
        )
    return found.shape[1]
