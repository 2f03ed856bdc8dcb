"""Searches in a supernet, in a list of runs."""

from __future__ import annotations

from zennas.report.kind import RunKind, register
from zennas.supernet.outcome import SearchRecord, read_record

register(
    RunKind(
        "proxyless",
        SearchRecord,
        read_record,
        lambda search: search.folder,
        lambda search: search.asked,
        lambda search: search.found,
    )
)
