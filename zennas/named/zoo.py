"""The model zoo for the application: putting trainings into the user's own, and what there is. `ZenNet.py` keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import ZenNet
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
    "dataset",
    "top1",
    "top5",
)
"""Of a training's card."""


@dataclass(frozen=True)
class Zoo:
    """models: what `ZenNet.model_info` says of each. damaged: of the user's own, what is wrong with them, by name."""

    models: tuple[dict[str, Any], ...]
    damaged: dict[str, str]

    def to_json(self) -> list[dict[str, Any]]:
        wrong = [{"name": name, "status": "damaged", "error": error} for name, error in self.damaged.items()]
        return [*self.models, *wrong]


def read_zoo(pattern: str = "*") -> Zoo:
    """The models whose names match a pattern with wildcards. Raises ZooError where the user's zoo cannot be read."""
    models = tuple(ZenNet.model_info(name) for name in ZenNet.list_models(pattern))
    return Zoo(models, {name: why for name, why in ZenNet.damaged_models().items() if fnmatchcase(name, pattern)})


def accuracy(info: dict[str, Any]) -> float | None:
    """Top-1 of a model in per cent: measured, else published; None where neither is known."""
    measured: float | None = info["top1"]
    return info["published"].get("top1") if measured is None else measured


def add_training(run: Path, name: str | None = None, replace: bool = False) -> dict[str, Any]:
    """Put the network of a training into the user's zoo, and return its `ZenNet.model_info`.

    run: a training's folder, or that of a search with one training in it. name: None for the folder's. replace: a
    model of that name. Raises TargetError where there is no training, ZooError, CheckpointError.
    """
    folder = training_folder(run)
    card = read_card(folder)
    facts = {key: card[key] for key in _KEPT if card.get(key) is not None}
    return ZenNet.add_model(run.resolve().name if name is None else name, facts, folder / WEIGHTS_FILE, replace)
