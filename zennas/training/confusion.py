"""Which classes a trained network takes for which: counted on the test images, kept as a file. No torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zennas.training.recipe import TrainingError

CONFUSION_FILE = "confusion.csv"
MOST_CLASSES = 1000
"""Mistakes are not counted for more classes: their number grows with the square."""
_COLUMNS = ("class", "predicted", "images")


@dataclass(frozen=True, eq=False)
class Confusion:
    """How many test images of each class a network takes for each class.

    classes: the names. counts: an array (classes, classes) of images; rows are true classes, columns predicted ones.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    def mistakes(self) -> list[tuple[str, str, int]]:
        """Return true class, predicted class and number of images where these differ, most frequent first."""
        wrong = [
            (self.classes[i], self.classes[j], int(self.counts[i, j]))
            for i, j in np.argwhere(self.counts).tolist()
            if i != j
        ]
        return sorted(wrong, key=lambda one: -one[2])


def confusion_text(confusion: Confusion) -> str:
    """Return the pairs of classes that occur as the text of a CSV file; classes are numbers from 0."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((i, j, int(confusion.counts[i, j])) for i, j in np.argwhere(confusion.counts).tolist())
    return out.getvalue()


def read_confusion(folder: Path, classes: Sequence[str]) -> Confusion | None:
    """Return what a training stored in `folder`, None if it stored nothing, as earlier versions did.

    classes: the names of the classes, in order. Raises TrainingError if the file is damaged.
    """
    path = folder / CONFUSION_FILE
    if not path.is_file() or len(classes) > MOST_CLASSES:
        return None
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    try:
        rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        if tuple(next(rows, ())) != _COLUMNS:
            raise ValueError(f"its first line is not {','.join(_COLUMNS)}")
        for row in rows:
            true, predicted, images = map(int, row)
            if min(true, predicted, images) < 0:
                raise ValueError(f"{','.join(row)} has a number below 0")
            counts[true, predicted] = images
    except (OSError, ValueError, IndexError, OverflowError, csv.Error) as error:
        raise TrainingError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    return Confusion(tuple(classes), counts)
