"""NAS-Bench-101's own files, nasbench_only108.tfrecord (499 MB) and nasbench_full.tfrecord (1.95 GB). No torch.

They are at https://github.com/google-research/nasbench. Each record is one training of one cell, as a list in JSON:
the hash of the cell, the epochs, the adjacency matrix row by row as zeros and ones, the operations separated by commas,
and the metrics (`model_metrics.py`) in base64. A cell was trained three times for 108 epochs; in the full file, also
for 4, 12 and 36. The reader keeps one cell of each kind and its accuracies in memory, not the file. Reading takes
minutes; `csvfile.write_csv` stores the result.

This reader was tested with files written in this format. It has not been tested with the published files.
"""

from __future__ import annotations

import base64
import binascii
import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from SearchSpace.base import SearchSpaceError
from SearchSpace.nasbench101 import Cell101, parameters, pruned
from zennas.accuracy.tables.base import AccuracyTable, Column, Floats, TableError
from zennas.accuracy.tables.model_metrics import read_metrics
from zennas.accuracy.tables.tfrecord import read_records
from zennas.common.limits import check_kind, check_whole

DATASET = "cifar10"
_MOST_VERTICES, _MOST_EPOCHS = 7, 10**6
STEPS_PER_EPOCH = 40_000 // 256
"""Of 40,000 training images in batches of 256 (Ying et al. 2019)."""
MAX_TRAININGS = 9
"""Trainings of a cell for a number of epochs; in the published files there are three."""
_FIELDS = ("module hash", "epochs", "adjacency", "operations", "metrics")


def looks_like_nasbench101(path: Path) -> bool:
    """Return whether `path` is taken for NAS-Bench-101's: its name ends in .tfrecord, or in .tfrecord.gz."""
    return path.name.casefold().endswith((".tfrecord", ".tfrecord.gz"))


@dataclass
class _Trainings:
    """All trainings of a number of epochs, in the order of the file: the cell of each, and its accuracies."""

    cells: array[int] = field(default_factory=lambda: array("l"))
    val: array[float] = field(default_factory=lambda: array("d"))
    test: array[float] = field(default_factory=lambda: array("d"))


def read_nasbench101(path: str | Path) -> AccuracyTable:
    """Read a file of NAS-Bench-101. Accuracies are in percent: of each training, and means over trainings.

    The i-th training of a cell is the i-th of its number of epochs in the file. Raises TableError if the file cannot be
    read or is damaged, naming the record; also if it says another number of parameters than the network has here, as
    then its accuracies would be those of other networks.
    """
    place = Path(path)
    cells: dict[str, int] = {}
    counts = array("l")
    known: dict[str, int] = {}  # by matrix and operations, since most records repeat a cell
    trainings: dict[int, _Trainings] = {}
    for number, record in enumerate(read_records(place), start=1):
        try:
            epochs, adjacency, operations, training = _read(record)
            text = f"{adjacency},{operations}"
            if text not in known:
                cell = _cell(adjacency, operations)
                known[text] = cells.setdefault(str(cell), len(cells))
                if len(cells) > len(counts):
                    counts.append(parameters(cell))
            index = known[text]
            if training.parameters != counts[index]:
                raise ValueError(
                    f"the file says {training.parameters:,} parameters, but {_notation(cells, index)} has "
                    f"{counts[index]:,}: this is not a file of NAS-Bench-101"
                )
        except (ValueError, SearchSpaceError) as error:
            raise TableError(f"{place}, record {number:,}: {error}") from None
        these = trainings.setdefault(epochs, _Trainings())
        these.cells.append(index)
        these.val.append(100 * training.validation)
        these.test.append(100 * training.test)
    if not cells:
        raise TableError(f"{place} has no records")
    try:
        columns = _columns(trainings, tuple(cells))
    except ValueError as error:
        raise TableError(f"{place}: {error}") from None
    return AccuracyTable(place.name, tuple(cells), columns, np.asarray(counts) / 1e6, STEPS_PER_EPOCH)


def _notation(cells: Mapping[str, int], index: int) -> str:
    return next(notation for notation, i in cells.items() if i == index)


def _read(record: bytes) -> tuple[int, str, str, Any]:
    """The epochs, the matrix, the operations and the training of a record. Raises ValueError."""
    try:
        found = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its content is not valid JSON: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(found, list) or len(found) != len(_FIELDS):
        raise ValueError(f"its content is {str(found)[:80]!r}, expected a list of {', '.join(_FIELDS)}")
    _, epochs, adjacency, operations, metrics = found
    check_whole("epochs", epochs, ValueError, most=_MOST_EPOCHS)
    for name, value in zip(_FIELDS[2:], found[2:], strict=True):
        check_kind(name, value, str, ValueError)
    try:
        message = base64.b64decode(metrics, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"its metrics are {metrics[:40]!r}, expected base64") from None
    return epochs, adjacency, operations, read_metrics(message)


def _cell(adjacency: str, operations: str) -> Cell101:
    """The cell of a record. Raises ValueError or SearchSpaceError."""
    names = operations.split(",")
    vertices = len(names)
    if not 2 <= vertices <= _MOST_VERTICES or (names[0], names[-1]) != ("input", "output"):
        raise ValueError(f"operations is {operations[:80]!r}, expected up to 7 of them from input to output")
    if isqrt(len(adjacency)) ** 2 != len(adjacency) or len(adjacency) != vertices**2 or set(adjacency) - {"0", "1"}:
        raise ValueError(f"adjacency is {adjacency[:80]!r}, expected {vertices}×{vertices} zeros and ones")
    edges = [divmod(place, vertices) for place, bit in enumerate(adjacency) if bit == "1"]
    if any(i >= j for i, j in edges):
        raise ValueError("adjacency has a 1 on or before the diagonal, expected edges to later vertices only")
    return pruned(names[1:-1], edges)


def _columns(trainings: Mapping[int, _Trainings], cells: tuple[str, ...]) -> dict[Column, Floats]:
    """The columns of a table: for every number of epochs and split, the mean and each training, (cells,).

    Raises ValueError if a cell has too many trainings.
    """
    columns: dict[Column, Floats] = {}
    for epochs, these in sorted(trainings.items()):
        index = np.asarray(these.cells, dtype=np.int64)
        which = _occurrence(index)
        most = int(which.argmax())
        if which[most] >= MAX_TRAININGS:
            raise ValueError(
                f"{cells[index[most]]} has {which[most] + 1:,} trainings of {epochs} epochs, expected at most "
                f"{MAX_TRAININGS}"
            )
        for split, values in (("val", these.val), ("test", these.test)):
            each = np.full((int(which[most]) + 1, len(cells)), np.nan)
            each[which, index] = values
            counted = np.maximum((~np.isnan(each)).sum(axis=0), 1)
            mean = np.where(np.isnan(each).all(axis=0), np.nan, np.nansum(each, axis=0) / counted)
            columns[Column(DATASET, split, epochs)] = mean
            for training, row in enumerate(each, start=1):
                columns[Column(DATASET, split, epochs, training)] = row
    return columns


def _occurrence(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each entry, how many equal entries there are before it, (n,)."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    first = np.searchsorted(ordered, ordered)
    found = np.empty_like(index)
    found[order] = np.arange(len(index)) - first
    return found
