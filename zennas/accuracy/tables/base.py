"""Tabular benchmarks: architectures and their accuracies after training. No torch.

`csvfile.py` reads and writes CSV files; `nats_bench.py` reads NATS-Bench's own files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zennas.common.errors import ZennasError

Floats: TypeAlias = NDArray[np.float64]


_UNNAMED = re.compile(r"(?:mean_?)?(?:acc|accuracy|top1)(?:_?mean)?|mean", re.IGNORECASE)
"""Names of columns of accuracies that do not tell the data set."""


class TableError(ZennasError, ValueError):
    """A table cannot be read, or has no such column or architecture."""


@dataclass(frozen=True, order=True)
class Column:
    """A kind of accuracy: measured on "val" or "test" images after training on `dataset` for `epochs` epochs."""

    dataset: str
    split: str = "test"
    epochs: int = 200

    @property
    def unnamed(self) -> bool:
        """Whether the table does not tell the data set: the column is just called accuracy, mean_acc or the like."""
        return _UNNAMED.fullmatch(self.dataset) is not None

    def __str__(self) -> str:
        return f"{self.dataset} {self.split} accuracy after {self.epochs} epochs"


@dataclass(frozen=True, eq=False)
class AccuracyTable:
    """A benchmark's accuracies, in percent.

    architectures: their notations, in the benchmark's order. columns: for each kind of accuracy, an array (N,) with a
    value for every architecture, NaN if it was not trained. params: published numbers of parameters in millions, (N,),
    None if the table has none.
    """

    name: str
    architectures: tuple[str, ...]
    columns: Mapping[Column, Floats]
    params: Floats | None = None

    def __len__(self) -> int:
        return len(self.architectures)

    def __contains__(self, notation: object) -> bool:
        """Whether the table has an architecture with this notation."""
        return notation in self._positions

    def value(self, notation: str, column: Column) -> float | None:
        """Return an accuracy of an architecture of the table in percent; None if it was not trained so."""
        found = float(self.columns[column][self._positions[notation]])
        return None if np.isnan(found) else found

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column.dataset for column in self.columns))

    @property
    def epochs(self) -> tuple[int, ...]:
        return tuple(sorted({column.epochs for column in self.columns}))

    def column(self, dataset: str = "cifar10", split: str = "test", epochs: int = 200) -> Floats:
        """Return the accuracies of all architectures in percent, (N,), in the order of `architectures`.

        If the table has a single column, and it does not tell its data set, that column is meant. Raises TableError,
        listing the columns of the table, if there is no such column.
        """
        wanted = Column(dataset, split, epochs)
        for column, values in self.columns.items():
            if (column.dataset.casefold(), column.split, column.epochs) == (dataset.casefold(), split, epochs):
                return values
        if len(self.columns) == 1 and all(column.unnamed for column in self.columns):
            return next(iter(self.columns.values()))
        there = ", ".join(f"{c.dataset} {c.split} {c.epochs}" for c in self.columns)
        raise TableError(f"{self.name} has no {wanted}; it has (data set, split, epochs): {there}")

    def accuracy(self, notation: str, dataset: str = "cifar10", split: str = "test", epochs: int = 200) -> float:
        """Return the accuracy of one architecture in percent. Raises TableError if the table does not have it."""
        if notation not in self._positions:
            raise TableError(f"{notation[:120]!r} is not among the {len(self):,} architectures of {self.name}")
        value = float(self.column(dataset, split, epochs)[self._positions[notation]])
        if np.isnan(value):
            raise TableError(f"{self.name} has no {Column(dataset, split, epochs)} for {notation[:120]!r}")
        return value

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {notation: i for i, notation in enumerate(self.architectures)}
