"""Searches in a supernet, and their fronts, in a list of runs."""

from __future__ import annotations

from zennas.report.kind import RunKind, register
from zennas.supernet.front_record import FrontRecord, read_front_record
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
register(
    RunKind(
        "proxyless-front",
        FrontRecord,
        read_front_record,
        lambda front: front.folder,
        lambda front: front.asked,
        lambda front: front.found,
    )
)
