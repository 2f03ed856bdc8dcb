"""Exported files in a list of runs."""

from __future__ import annotations

from zennas.exporting.record import ExportRecord, read_export
from zennas.report.kind import RunKind, register


def _asked(one: ExportRecord) -> str:
    return f"{one.format}, {one.precision}"


def _found(one: ExportRecord) -> str:
    size = f"{one.bytes / 1e6:.3g} MB"
    if one.accuracy is None:
        return size
    before, after = one.accuracy.before, one.accuracy.after
    return f"{size}, top-1 {after:.2f} % ({after - before:+.2f} points)"


register(RunKind("export", ExportRecord, read_export, lambda one: one.path, _asked, _found))
