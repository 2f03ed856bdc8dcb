"""Tables as CSV files, plain or gzip: one row per architecture, one column per accuracy. No torch.

A file needs a column with the architectures, in the notation of their space or as structure strings, and at least one
column of accuracies named `accuracy`, `DATASET_SPLIT` or `DATASET_SPLIT_EPOCHS`, such as `c10_val`, `c10_val_acc`,
`cifar100_test_12` and `c10_test12`. Without a number, the epochs are NAS-Bench-201's full 200. `cifar10_test_108_run2`
is the accuracy of the second training of each architecture. `acc`, `top1`, `mean` and `mean_acc` also name an accuracy;
the table does not tell of which images. A column `steps_per_epoch`, with one number in all rows, says how long the
trainings were.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from PlainNet.files import write_out
from zennas.accuracy.tables.base import AccuracyTable, Column, Floats, TableError
from zennas.accuracy.tables.columns import ARCHITECTURE_COLUMNS, architecture_column, table_text

PARAMS_COLUMN, STEPS_COLUMN = "params_M", "steps_per_epoch"
FULL_EPOCHS = 200
SHORT_NAMES = {"c10": "cifar10", "c100": "cifar100", "in16": "ImageNet16-120"}

_ACCURACY = re.compile(
    r"(?P<dataset>.+)_(?P<split>val|valid|test)(?:_acc|_accuracy)?(?:_?(?P<epochs>[0-9]{1,6}))?(?:_run(?P<training>[1-9]))?"
)


def read_csv(path: str | Path) -> AccuracyTable:
    """Read a table from a CSV file, plain or gzip. Raises TableError, naming the line, if it is not valid."""
    place = Path(path)
    rows = csv.reader(io.StringIO(table_text(place)))
    try:
        header = [name.strip() for name in next(rows, [])]
        architecture = _architecture_column(place, header)
        columns = {i: column for i, name in enumerate(header) if (column := column_named(name)) is not None}
        if not columns:
            raise TableError(
                f"{place} has no accuracy column, expected a name like cifar10_test or accuracy; "
                f"its columns are {', '.join(header)[:200]}"
            )
        if len(set(columns.values())) < len(columns):
            raise TableError(f"{place} has two columns for the same accuracy: {', '.join(header)[:200]}")
        notations: dict[str, int] = {}
        further = [name for name in (PARAMS_COLUMN, STEPS_COLUMN) if name in header]
        wanted = [*columns, *map(header.index, further)]
        values: list[list[float]] = []
        for number, row in enumerate(rows, start=2):
            if not row:
                continue
            if len(row) != len(header):
                raise TableError(f"{place}, line {number} has {len(row)} cells, expected {len(header)}")
            notation = row[architecture].strip()
            if not notation or notation in notations:
                what = (
                    f"repeats {notation[:120]!r} of line {notations[notation]}" if notation else "has no architecture"
                )
                raise TableError(f"{place}, line {number} {what}, expected one line per architecture")
            notations[notation] = number
            values.append([_number(place, number, header[i], row[i]) for i in wanted])
    except csv.Error as error:
        raise TableError(f"{place} is not a CSV file: {error}") from None
    if not values:
        raise TableError(f"{place} has no architectures after its header line")
    found = np.asarray(values, dtype=np.float64).T
    accuracies: dict[Column, Floats] = dict(zip(columns.values(), found, strict=False))
    more = dict(zip(further, found[len(columns) :], strict=True))
    steps = _steps(place, more[STEPS_COLUMN]) if STEPS_COLUMN in more else None
    return AccuracyTable(place.name, tuple(notations), accuracies, more.get(PARAMS_COLUMN), steps)


def column_named(name: str) -> Column | None:
    """Return the accuracy that a column name stands for, or None if it does not name an accuracy."""
    match = _ACCURACY.fullmatch(name)
    if match is not None:
        dataset = SHORT_NAMES.get(match["dataset"].casefold(), match["dataset"])
        split = "val" if match["split"].startswith("val") else "test"
        training = None if match["training"] is None else int(match["training"])
        return Column(dataset, split, int(match["epochs"] or FULL_EPOCHS), training)
    unnamed = Column(name)
    return unnamed if unnamed.unnamed else None


def write_csv(table: AccuracyTable, path: str | Path) -> None:
    """Write a table as CSV that `read_csv` reads back; it is compressed if the name ends in .gz."""
    place = Path(path)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    names = [name_of(column) for column in table.columns]
    more: Sequence[Floats] = [] if table.params is None else [table.params]
    steps: list[int | str] = [] if table.steps_per_epoch is None else [table.steps_per_epoch]
    writer.writerow(["arch", *names, *([PARAMS_COLUMN] if more else []), *([STEPS_COLUMN] if steps else [])])
    for notation, *values in zip(table.architectures, *table.columns.values(), *more, strict=True):
        writer.writerow([notation, *("" if np.isnan(value) else repr(float(value)) for value in values), *steps])
    content = lines.getvalue().encode()
    write_out(place, gzip.compress(content, mtime=0) if place.suffix == ".gz" else content)


def name_of(column: Column) -> str:
    """Return the name that `column_named` reads as this column."""
    if column.unnamed:
        return column.dataset
    which = "" if column.training is None else f"_run{column.training}"
    return f"{column.dataset}_{column.split}_{column.epochs}{which}"


def _architecture_column(path: Path, header: list[str]) -> int:
    found = architecture_column(header)
    if found is not None:
        return found
    raise TableError(
        f"{path} has no architecture column, expected one named {' or '.join(ARCHITECTURE_COLUMNS)}; "
        + (f"its columns are {', '.join(header)[:200]}" if any(header) else "it has no columns")
    )


def _steps(path: Path, values: Floats) -> int:
    """The number that all rows have. Raises TableError if they differ, or it is no number of steps."""
    first = float(values[0])
    if not first >= 1 or not first.is_integer() or (values != first).any():
        raise TableError(f"{path}: {STEPS_COLUMN} has to be one whole number above 0, the same in all rows")
    return int(first)


def _number(path: Path, line: int, column: str, text: str) -> float:
    """The number in a cell; NaN if the cell is empty."""
    if not text.strip():
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("inf")
    if np.isinf(value):
        raise TableError(f"{path}, line {line}: {column} is {text[:80]!r}, expected a number")
    return value
