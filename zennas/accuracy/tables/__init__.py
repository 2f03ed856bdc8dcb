"""Tabular benchmarks: published accuracies of trained networks. `read` opens one; `base.py` defines its content."""

from __future__ import annotations

from pathlib import Path

from zennas.accuracy.tables.base import AccuracyTable, Column, TableError

__all__ = ["AccuracyTable", "Column", "TableError", "read"]


def read(path: str | Path) -> AccuracyTable:
    """Read a table from a CSV file, plain or gzip, or from NATS-Bench's folder or file.

    Raises TableError if it cannot be read.
    """
    from zennas.accuracy.tables.csvfile import read_csv
    from zennas.accuracy.tables.nats_bench import looks_like_nats_bench, read_nats_bench

    place = Path(path)
    return read_nats_bench(place) if looks_like_nats_bench(place) else read_csv(place)
