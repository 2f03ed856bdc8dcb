"""NATS-Bench's own files, read with the package `nats_bench` (MIT). No torch.

The benchmark is published as a folder, `NATS-tss-v1_0-3ffb9-simple`, and as a single file,
`NATS-tss-v1_0-3ffb9.pickle.pbz2`, which takes gigabytes of memory. Both are available from
https://github.com/D-X-Y/NATS-Bench. They are pickles, which can run code when they are opened: open only those that the
authors published. Reading 15,625 architectures takes minutes; `csvfile.write_csv` stores the result.

This reader was tested with version 1.8 of the package on files written by its own classes. It has not been tested with
the published files, which have the same format.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from zennas.accuracy.tables.base import AccuracyTable, Column, TableError

WAYS: dict[Column, tuple[str, str]] = {
    # "cifar10" is trained on all training images, "cifar10-valid" on half of them; the other half is for validation.
    Column(dataset, split, epochs): ("cifar10-valid" if (dataset, split) == ("cifar10", "val") else dataset, key)
    for dataset in ("cifar10", "cifar100", "ImageNet16-120")
    for split, key in (("val", "valid-accuracy"), ("test", "test-accuracy"))
    for epochs in (200, 12)
}
"""NATS-Bench's names for each column: data set, and key in the result of `get_more_info`."""


def looks_like_nats_bench(path: Path) -> bool:
    """Return whether `path` is taken for NATS-Bench's: it is a folder, or its name ends in .pbz2."""
    return path.is_dir() or path.name.endswith(".pbz2")


def read_nats_bench(path: str | Path) -> AccuracyTable:
    """Read the topology benchmark from NATS-Bench's folder or file. Accuracies are means over seeds, in percent.

    Raises TableError if the package `nats_bench` is not installed, or the files are missing or cannot be read.
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
                benchmark.arch2infos_dict.pop(i, None)  # it caches everything it reads, gigabytes in the end
    except TableError:
        raise
    except Exception as error:
        # Unpickling and the package's own checks may raise anything.
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise TableError(f"{place} cannot be read as NATS-Bench's topology benchmark: {what}") from error
    columns = {column: row for column, row in zip(WAYS, values, strict=True) if not np.isnan(row).all()}
    if not columns:
        raise TableError(f"{place} has no accuracies")
    return AccuracyTable(place.name, notations, columns)


def _accuracies(benchmark: Any, index: int) -> list[float]:
    """One architecture's accuracies in the order of `WAYS`; NaN if there is none."""
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
