"""Exported files: their size and RAM, and the accuracy before and after."""

from __future__ import annotations

from zennas.common.numbers import format_count
from zennas.exporting.record import ExportRecord
from zennas.pages.parts import Bar, Bars, Part, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register

_SIZES = ("RAM, activations", "RAM, arena")
_ABOUT_RAM = "The arena holds activations and the tables of the interpreter."


def parts(record: Record) -> list[Part]:
    """A table of the files, and bars of the accuracies where they were measured."""
    shown = record.exports
    if not shown:
        return []
    sizes = _SIZES if any(one.ram is not None for one in shown) else ()
    columns = ("file", "format", "precision", "size", *sizes, "top-1 before", "top-1 after", "change")
    rows = tuple((one.path.name, *_row(one, bool(sizes))) for one in shown)
    found: list[Part] = [Table(columns, rows, right=tuple(range(3, len(columns))))]
    if sizes:
        found.append(Text(_ABOUT_RAM, quiet=True))
    measured: dict[tuple[str, int, float], list[Bar]] = {}
    for one in shown:
        if one.accuracy is not None:
            same = (one.accuracy.dataset, one.accuracy.images, one.accuracy.before)
            bars = measured.setdefault(same, [_bar("in PyTorch", one.accuracy.before)])
            bars.append(_bar(f"{one.path.name}, {one.precision}", one.accuracy.after))
    for (dataset, images, _), bars in measured.items():
        found.append(Bars(f"Top-1 on {images:,} images: {dataset}", tuple(bars)))
    if not measured:
        found.append(Text("Accuracies were not measured: export with --dataset to have them.", quiet=True))
    return found


def _bar(name: str, top1: float) -> Bar:
    return Bar(name, top1 / 100, f"{top1:.2f} %")


def _row(one: ExportRecord, sizes: bool) -> tuple[str, ...]:
    """sizes: whether there are columns of what a microcontroller needs."""
    needs = () if one.ram is None else (_size(one.ram.activations), _size(one.ram.arena))
    first = (one.format, one.precision, _size(one.bytes), *(needs or ("–", "–") if sizes else ()))
    if one.accuracy is None:
        return *first, "–", "–", "–"
    before, after = one.accuracy.before, one.accuracy.after
    return *first, f"{before:.2f} %", f"{after:.2f} %", f"{after - before:+.2f} points".replace("-", "−")


def _size(count: int) -> str:
    return f"{format_count(count)} bytes"


register(Section("export", "Exported files", 70, parts))
