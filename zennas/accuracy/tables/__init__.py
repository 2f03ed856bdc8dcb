"""Tabular benchmarks: what networks that others trained came to. `read` opens one; start reading at `base.py`."""

from __future__ import annotations

from pathlib import Path

from zennas.accuracy.tables.base import AccuracyTable, Column, TableError

__all__ = ["AccuracyTable", "Column", "TableError", "read"]


def read(path: str | Path) -> AccuracyTable:
    """The table at `path`: a CSV file, gzip or plain, or NATS-Bench's folder or file. Raises TableError."""
    from zennas.accuracy.tables.csvfile import read_csv
    from zennas.accuracy.tables.nats_bench import looks_like_nats_bench, read_nats_bench

    place = Path(path)
    return read_nats_bench(place) if looks_like_nats_bench(place) else read_csv(place)
