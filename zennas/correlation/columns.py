"""Latencies and precomputed scores of a sample, from columns of the table and of files joined to it.

They are read when a run begins and stored with it, so that the files are not needed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zennas.accuracy.tables import is_csv
from zennas.accuracy.tables.sheets import Found, Sheets
from zennas.common.limits import check_kind, check_number
from zennas.correlation.settings import CorrelateSettings

ENDINGS = ("_latency", "_latency_ms", "_lat_ms", "_ms")
"""What the name of a latency column may end in where a user leaves it out."""


def read_columns(settings: CorrelateSettings, notations: Sequence[str]) -> dict[str, Found]:
    """Return the columns that the settings name, by the names that they use.

    Raises TableError if a file cannot be read or joined, or a column does not exist or is empty.
    """
    scores = [one.column for one in settings.columns_of_scores]
    latencies = settings.columns_of_latencies
    if not (scores or latencies):
        return {}
    table = Path(settings.table)
    sheets = Sheets(table if is_csv(table) else None, [Path(file) for file in settings.join], notations)
    return {
        **{name: sheets.find(name) for name in scores},
        **{name: sheets.find(name, ENDINGS) for name in latencies},
    }


def columns_json(columns: Mapping[str, Found]) -> dict[str, Any]:
    """Return what a run stores."""
    return {
        name: {
            "name": found.name,
            "file": found.file,
            "values": [None if np.isnan(value) else float(value) for value in found.values],
        }
        for name, found in columns.items()
    }


def columns_from_json(stored: Any, count: int) -> dict[str, Found]:
    """Return the columns that a run of `count` architectures stores; none for a run of an earlier version.

    Raises KeyError, TypeError or ValueError if they are not valid.
    """
    columns = {}
    for asked, one in (stored or {}).items():
        for what in ("name", "file"):
            check_kind(f"the {what} of a column", one[what], str, ValueError)
        if len(one["values"]) != count:
            raise ValueError(f"column {asked} has {len(one['values'])} values, expected {count}")
        for value in one["values"]:
            if value is not None:
                check_number("a value of a column", value, ValueError, least=-np.inf)
        values = np.array([np.nan if value is None else value for value in one["values"]], dtype=np.float64)
        columns[asked] = Found(one["name"], one["file"], values)
    return columns
