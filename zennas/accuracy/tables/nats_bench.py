"""NATS-Bench's own files, through the package `nats_bench` (MIT), for those who have them. No torch.

The files are `NATS-tss-v1_0-3ffb9-simple`, a folder, and `NATS-tss-v1_0-3ffb9.pickle.pbz2`, the same in one file
that takes gigabytes of memory; the project's page says where to get them: https://github.com/D-X-Y/NATS-Bench. They are
pickles, which can run code when they are opened: open those that its authors published and no others. Reading 15,625
architectures takes minutes; `csvfile.write_csv` keeps what was read.

This reader was tried with version 1.8 of the package and files that its own classes wrote; the published files, of the
same form, this project has not had.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from zennas.accuracy.tables.base import AccuracyTable, Column, TableError

WAYS: dict[Column, tuple[str, str]] = {
    # "cifar10" is trained on all training images, "cifar10-valid" on half of them, the other half is its validation.
    Column(dataset, split, epochs): ("cifar10-valid" if (dataset, split) == ("cifar10", "val") else dataset, key)
    for dataset in ("cifar10", "cifar100", "ImageNet16-120")
    for split, key in (("val", "valid-accuracy"), ("test", "test-accuracy"))
    for epochs in (200, 12)
}
"""For each column, what NATS-Bench calls it: data set, and key of what `get_more_info` gives."""


def looks_like_nats_bench(path: Path) -> bool:
    """Whether `path` has to be one of NATS-Bench's: a folder, or a file of its format."""
    return path.is_dir() or path.name.endswith(".pbz2")


def read_nats_bench(path: str | Path) -> AccuracyTable:
    """The topology benchmark in NATS-Bench's folder or file: means over the seeds that were trained, in percent.

    Raises TableError where the package or the files are not there.
    """
    place = Path(path)
    if not place.exists():
        raise TableError(f"{place} does not exist, expected NATS-Bench's folder NATS-tss-v1_0-3ffb9-simple")
    package = _package()
    fast = place.is_dir()
    try:
        benchmark = package.create(str(place), "tss", fast_mode=fast, verbose=False)
        notations = tuple(str(benchmark.arch(i)) for i in range(len(benchmark)))
        values = np.full((len(WAYS), len(notations)), np.nan)
        for i in range(len(notations)):
            values[:, i] = _accuracies(benchmark, i)
            if fast:
                benchmark.arch2infos_dict.pop(i, None)  # it keeps all that it has read: gigabytes in the end
    except TableError:
        raise
    except Exception as error:
        # The package raises whatever unpickling and its own checks happen to.
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise TableError(f"{place} cannot be read as NATS-Bench's topology benchmark: {what}") from error
    columns = {column: row for column, row in zip(WAYS, values, strict=True) if not np.isnan(row).all()}
    if not columns:
        raise TableError(f"{place} has no accuracies")
    return AccuracyTable(place.name, notations, columns)


def _accuracies(benchmark: Any, index: int) -> list[float]:
    """One architecture's accuracies in the order of `WAYS`; NaN for what it was not trained for."""
    return [_accuracy(benchmark, index, column.epochs, *way) for column, way in WAYS.items()]


def _accuracy(benchmark: Any, index: int, epochs: int, dataset: str, key: str) -> float:
    try:
        return float(benchmark.get_more_info(index, dataset, hp=str(epochs), is_random=False)[key])
    except (KeyError, ValueError):
        return float("nan")


def _package() -> Any:
    try:
        return importlib.import_module("nats_bench")
    except ImportError as error:
        raise TableError(
            f"reading NATS-Bench's files needs the package nats_bench ({error}): pip install 'zennas[nats-bench]'"
        ) from None
