"""Tabular benchmarks: architectures and their accuracies after training. No torch.

`csvfile.py` reads and writes CSV files; `nats_bench.py` and `nasbench101.py` read the files of these benchmarks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from PlainNet.registry import UnknownNameError
from zennas.common.errors import ZennasError

Floats: TypeAlias = NDArray[np.float64]


_UNNAMED = re.compile(r"(?:mean_?)?(?:acc|accuracy|top1)(?:_?mean)?|mean", re.IGNORECASE)
"""Names of columns of accuracies that do not tell the data set."""


class TableError(ZennasError, ValueError):
    """A table cannot be read, or has no such column or architecture."""


class UnknownColumnError(TableError, UnknownNameError):
    """A table has no column with this name."""


@dataclass(frozen=True, order=True)
class Column:
    """A kind of accuracy: measured on "val" or "test" images after training on `dataset` for `epochs` epochs.

    training: which of several trainings of each network, from 1; None for the mean of all.
    """

    dataset: str
    split: str = "test"
    epochs: int = 200
    training: int | None = None

    @property
    def unnamed(self) -> bool:
        """Whether the table does not tell the data set: the column is just called accuracy, mean_acc or the like."""
        return _UNNAMED.fullmatch(self.dataset) is not None

    def __str__(self) -> str:
        which = "" if self.training is None else f", training {self.training}"
        return f"{self.dataset} {self.split} accuracy after {self.epochs} epochs{which}"


@dataclass(frozen=True, eq=False)
class AccuracyTable:
    """A benchmark's accuracies, in percent.

    architectures: their notations, in the benchmark's order. columns: for each kind of accuracy, an array (N,) with a
    value for every architecture, NaN if it was not trained. params: published numbers of parameters in millions, (N,),
    None if the table has none. steps_per_epoch: of the trainings, None if the table does not tell.
    """

    name: str
    architectures: tuple[str, ...]
    columns: Mapping[Column, Floats]
    params: Floats | None = None
    steps_per_epoch: int | None = None

    def __len__(self) -> int:
        return len(self.architectures)

    def __contains__(self, notation: object) -> bool:
        """Whether the table has an architecture with this notation."""
        return notation in self._positions

    def value(self, notation: str, column: Column) -> float | None:
        """Return an accuracy of an architecture of the table in percent; None if it was not trained so."""
        found = float(self.columns[column][self._positions[notation]])
        return None if np.isnan(found) else found

    def steps(self, column: Column) -> int | None:
        """Return how many steps the trainings of a column had, None if the table does not tell."""
        return None if self.steps_per_epoch is None else column.epochs * self.steps_per_epoch

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column.dataset for column in self.columns))

    @property
    def epochs(self) -> tuple[int, ...]:
        return tuple(sorted({column.epochs for column in self.columns}))

    def find(
        self,
        dataset: str = "cifar10",
        split: str = "test",
        epochs: int | None = None,
        training: int | None = None,
    ) -> Column:
        """Return the column that is meant. epochs: None for the most that the table has. training: None for the mean.

        If the table has a single column, and it does not tell its data set, that column is meant. Raises TableError,
        listing the columns of the table, if there is no such column.
        """
        same = [
            column
            for column in self.columns
            if (column.dataset.casefold(), column.split, column.training) == (dataset.casefold(), split, training)
            and epochs in (None, column.epochs)
        ]
        if same:
            return max(same, key=lambda column: column.epochs)
        if len(self.columns) == 1 and training is None and all(column.unnamed for column in self.columns):
            return next(iter(self.columns))
        length = "" if epochs is None else f" after {epochs} epochs"
        which = "" if training is None else f", training {training}"
        raise TableError(f"{self.name} has no {dataset} {split} accuracy{length}{which}; it has {self._there}")

    def column(
        self,
        dataset: str = "cifar10",
        split: str = "test",
        epochs: int | None = None,
        training: int | None = None,
    ) -> Floats:
        """Return the accuracies of all architectures in percent, (N,), in the order of `architectures`.

        The column is that of `find`, which raises TableError if there is none.
        """
        return self.columns[self.find(dataset, split, epochs, training)]

    def accuracy(
        self,
        notation: str,
        dataset: str = "cifar10",
        split: str = "test",
        epochs: int | None = None,
        training: int | None = None,
    ) -> float:
        """Return the accuracy of one architecture in percent. Raises TableError if the table does not have it."""
        if notation not in self._positions:
            raise TableError(f"{notation[:120]!r} is not among the {len(self):,} architectures of {self.name}")
        column = self.find(dataset, split, epochs, training)
        value = float(self.columns[column][self._positions[notation]])
        if np.isnan(value):
            raise TableError(f"{self.name} has no {column} for {notation[:120]!r}")
        return value

    @property
    def _there(self) -> str:
        """The columns, in a few words."""
        means = ", ".join(f"{c.dataset} {c.split} {c.epochs}" for c in self.columns if c.training is None)
        most = max((c.training or 0 for c in self.columns), default=0)
        return f"(data set, split, epochs): {means}" + (f", each also for trainings 1 to {most}" if most else "")

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {notation: i for i, notation in enumerate(self.architectures)}
