"""Exported files: their size, and the accuracy before and after."""

from __future__ import annotations

from zennas.exporting.record import ExportRecord
from zennas.pages.parts import Bar, Bars, Part, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register


def parts(record: Record) -> list[Part]:
    """A table of the files, and bars of the accuracies where they were measured."""
    if not record.exports:
        return []
    columns = ("file", "format", "precision", "size", "top-1 before", "top-1 after", "change")
    found: list[Part] = [Table(columns, tuple(map(_row, record.exports)), right=(3, 4, 5, 6))]
    for one in record.exports:
        if one.accuracy is not None:
            before, after = one.accuracy.before, one.accuracy.after
            bars = (
                Bar("in PyTorch", before / 100, f"{before:.2f} %"),
                Bar(f"the file, {one.precision}", after / 100, f"{after:.2f} %"),
            )
            about = f"top-1 on {one.accuracy.images:,} images of {one.accuracy.dataset}"
            found.append(Bars(f"{one.path.name}: {about}", bars))
    if all(one.accuracy is None for one in record.exports):
        found.append(Text("Accuracies were not measured: export with --dataset to have them.", quiet=True))
    return found


def _row(one: ExportRecord) -> tuple[str, ...]:
    size = f"{one.bytes / 1e6:.3g} MB"
    accuracy = one.accuracy
    if accuracy is None:
        return one.path.name, one.format, one.precision, size, "–", "–", "–"
    before, after = accuracy.before, accuracy.after
    cells = (f"{before:.2f} %", f"{after:.2f} %", f"{after - before:+.2f} points".replace("-", "−"))
    return one.path.name, one.format, one.precision, size, *cells


register(Section("export", "Exported files", 70, parts))
