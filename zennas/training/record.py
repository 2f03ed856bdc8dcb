"""What is known about a training from the files in its folder, finished or not. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PlainNet import Structure, parse
from PlainNet.sizes import Size
from zennas.common.config import SETTINGS_FILE
from zennas.common.limits import checked_resolution
from zennas.named.card import CARD_FILE, CHECKPOINT_FILE, WEIGHTS_FILE, read_card
from zennas.runs.store import in_use
from zennas.training.confusion import Confusion, read_confusion
from zennas.training.continuing import stored_settings
from zennas.training.history import HISTORY_FILE, Epoch, read_history
from zennas.training.job import NETWORK
from zennas.training.recipe import TrainingError

FINISHED, TRAINING, INTERRUPTED = "finished", "training", "interrupted"


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """A training.

    status: "finished", "training" while a process works on it, or "interrupted".
    resolution: size of the input in pixels. num_classes: None if the training did not finish.
    history: the epochs so far. epochs: how many were asked for. images: for training and for testing, None if that is
    not known. plain_top1: accuracy without the moving average of the weights in percent, None if there is no average.
    confusion: None if it was not counted. environment: where it was made.
    val_fraction: the share of the images that was held out for testing, None if the data set decides.
    """

    folder: Path
    status: str
    structure: Structure
    dataset: str
    resolution: Size
    num_classes: int | None
    use_se: bool
    epochs: int
    history: tuple[Epoch, ...]
    images: tuple[int, int] | None = None
    plain_top1: float | None = None
    confusion: Confusion | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    val_fraction: float | None = None

    @property
    def top1(self) -> float | None:
        """Accuracy on the test images after the last epoch so far, in percent; None before the first."""
        return self.history[-1].test_top1 if self.history else None

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "kind": "train",
            "status": self.status,
            "structure": str(self.structure),
            "dataset": self.dataset,
            "epochs": len(self.history),
            "epochs_wanted": self.epochs,
            "top1": self.top1,
        }


def is_training(folder: Path) -> bool:
    """Return whether `folder` contains a training, finished or not. Raises OSError if nobody may look into it."""
    return any((folder / name).is_file() for name in (CARD_FILE, CHECKPOINT_FILE)) and (
        (folder / SETTINGS_FILE).is_file() or (folder / CARD_FILE).is_file()
    )


def read_training(folder: Path) -> TrainingRecord:
    """Return what is known about the training in `folder`.

    Raises CardError, ConfigError, TrainingError or ParseError if its files are damaged.
    """
    if (folder / CARD_FILE).is_file() and (folder / WEIGHTS_FILE).is_file():
        return _finished(folder)
    settings = stored_settings(folder)
    return TrainingRecord(
        folder,
        TRAINING if in_use(folder) else INTERRUPTED,
        parse(settings[NETWORK]),
        str(settings["dataset"]),
        checked_resolution(settings.get("resolution", 32), TrainingError),
        None,
        bool(settings.get("use_se", False)),
        int(settings.get("recipe", {}).get("epochs", 0)),
        read_history(folder) if (folder / HISTORY_FILE).is_file() else (),
        val_fraction=_share(settings.get("val_fraction")),
    )


def _finished(folder: Path) -> TrainingRecord:
    card = read_card(folder)
    history = read_history(folder)
    classes = card.get("classes") or list(map(str, range(card["num_classes"])))
    images = _whole(card.get("train_images")), _whole(card.get("test_images"))
    plain, recipe, environment = card.get("plain_top1"), card.get("recipe"), card.get("environment")
    return TrainingRecord(
        folder,
        FINISHED,
        parse(card["structure"]),
        str(card.get("dataset")),
        card["resolution"],
        card["num_classes"],
        card["use_se"],
        _whole(recipe.get("epochs") if isinstance(recipe, dict) else None) or len(history),
        history,
        None if images[0] is None or images[1] is None else (images[0], images[1]),
        float(plain) if isinstance(plain, (int, float)) else None,
        read_confusion(folder, classes),
        environment if isinstance(environment, dict) else {},
        _share(card.get("val_fraction")),
    )


def _share(value: Any) -> float | None:
    """A share of a card, None if it is not one."""
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1 else None


def _whole(value: Any) -> int | None:
    """A count of a card, None if it is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
