"""Searches for programs in a list of runs."""

from __future__ import annotations

from zennas.discovering.record import DiscoveryRecord, read_record
from zennas.report.kind import RunKind, register

register(
    RunKind(
        "discover",
        DiscoveryRecord,
        read_record,
        lambda search: search.folder,
        lambda search: search.asked,
        lambda search: search.found,
    )
)
