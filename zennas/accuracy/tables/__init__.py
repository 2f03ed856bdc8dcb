"""Tabular benchmarks: published accuracies of trained networks. `read` opens one; `base.py` defines its content."""

from __future__ import annotations

from pathlib import Path

from zennas.accuracy.tables.base import AccuracyTable, Column, TableError

__all__ = ["AccuracyTable", "Column", "TableError", "is_csv", "located", "read"]


def located(table: str) -> Path:
    """Return the file of a table: that of this name, or if there is none, the one that comes with the package."""
    from zennas.accuracy.tables.shipped import shipped

    place = Path(table)
    return place if place.exists() else shipped().get(table, place)


def is_csv(path: str | Path) -> bool:
    """Return whether `read` takes a file for a CSV file, by its name."""
    from zennas.accuracy.tables.nasbench101 import looks_like_nasbench101
    from zennas.accuracy.tables.nats_bench import looks_like_nats_bench

    return not (looks_like_nats_bench(Path(path)) or looks_like_nasbench101(Path(path)))


def read(path: str | Path) -> AccuracyTable:
    """Read a table from a CSV file, plain or gzip, from NATS-Bench's folder or file, or from NAS-Bench-101's file.

    A name such as small-cifar10 is that of a table that comes with the package. Raises TableError if it cannot be read.
    """
    from zennas.accuracy.tables.csvfile import read_csv
    from zennas.accuracy.tables.nasbench101 import looks_like_nasbench101, read_nasbench101
    from zennas.accuracy.tables.nats_bench import looks_like_nats_bench, read_nats_bench

    place = located(str(path))
    if looks_like_nats_bench(place):
        return read_nats_bench(place)
    return read_nasbench101(place) if looks_like_nasbench101(place) else read_csv(place)
