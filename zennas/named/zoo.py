"""The model zoo for the command line: listing models and adding trainings. `ZenNet.py` implements it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import ZenNet
from zennas.data.recorded import KEY
from zennas.named.card import WEIGHTS_FILE, read_card
from zennas.named.models import training_folder

_KEPT = (
    "structure",
    "num_classes",
    "resolution",
    "crop_image_size",
    "use_se",
    "bn_eps",
    "classes",
    "normalisation",
    KEY,
    "dataset",
    "val_fraction",
    "top1",
    "top5",
)
"""The fields of a training's card that the zoo keeps."""


@dataclass(frozen=True)
class Zoo:
    """The models of the zoo.

    models: the `ZenNet.model_info` of each model.
    damaged: what is wrong with each damaged model of the user, by name.
    """

    models: tuple[dict[str, Any], ...]
    damaged: dict[str, str]

    def to_json(self) -> list[dict[str, Any]]:
        wrong = [{"name": name, "status": "damaged", "error": error} for name, error in self.damaged.items()]
        return [*self.models, *wrong]


def read_zoo(pattern: str = "*") -> Zoo:
    """Return the models whose names match a pattern with wildcards. Raises ZooError if the zoo cannot be read."""
    models = tuple(ZenNet.model_info(name) for name in ZenNet.list_models(pattern))
    return Zoo(models, {name: why for name, why in ZenNet.damaged_models().items() if fnmatchcase(name, pattern)})


def accuracy(info: dict[str, Any]) -> float | None:
    """Return the top-1 accuracy of a model in percent: measured, otherwise published, otherwise None."""
    measured: float | None = info["top1"]
    return info["published"].get("top1") if measured is None else measured


def add_training(run: Path, name: str | None = None, replace: bool = False) -> dict[str, Any]:
    """Add the network of a training to the user's zoo, and return its `ZenNet.model_info`.

    run: the folder of a training, or of a search that contains one training.
    name: the name of the model; None for the name of the folder.
    replace: whether to replace a model of the user that has the same name.

    Raises TargetError if there is no training, ZooError if the name is taken or the zoo cannot be written, and
    CheckpointError if the weights do not fit.
    """
    folder = training_folder(run)
    card = read_card(folder)
    facts = {key: card[key] for key in _KEPT if card.get(key) is not None}
    return ZenNet.add_model(run.resolve().name if name is None else name, facts, folder / WEIGHTS_FILE, replace)
