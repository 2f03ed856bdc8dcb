"""The epochs of a training, as results and as a file. Does not import torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from zennas.training.recipe import TrainingError

HISTORY_FILE = "history.csv"


@dataclass(frozen=True)
class Epoch:
    """Results of one epoch: learning rate, mean training loss, accuracies on training and test images in percent, and
    speed. epoch: counts from 1.
    """

    epoch: int
    lr: float
    train_loss: float
    train_top1: float
    test_top1: float
    test_top5: float
    seconds: float
    images_per_second: float


def history_text(history: Sequence[Epoch]) -> str:
    """Return the epochs as the text of a CSV file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [one.name for one in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return out.getvalue()


def read_history(folder: Path) -> tuple[Epoch, ...]:
    """Return the epochs of the training in `folder`. Raises TrainingError if the file is missing or damaged."""
    path = folder / HISTORY_FILE
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        return tuple(Epoch(int(row.pop("epoch")), *map(float, row.values())) for row in rows)
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise TrainingError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
