"""A comparison as a table with remarks below it, and as rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from latency.predicting.profile import OUTSIDE
from PlainNet.sizes import sides, size_text
from zennas.common.layout import Rows
from zennas.report.comparison.quantities import LATENCY, MEASURED, RESOLUTION, SCORE, Quantity, relative_text
from zennas.report.comparison.result import Comparison, Row
from zennas.report.predictions import Prediction
from zennas.report.scores import measure_text
from zennas.searching.scoring import measure
from ZeroShotProxy.base import Score

UNKNOWN = "–"
REMARKS = "remarks"
"""The title of the last column."""


def cell(row: Row, quantity: Quantity) -> str:
    """Return a number of a row with its unit, – if it is not known; ~ marks latencies outside of what was measured."""
    value, name = quantity.value(row), quantity.key.partition(":")[2]
    if value is None:
        return UNKNOWN
    if quantity.kind == RESOLUTION:
        return str(row.network.resolution)
    if quantity.kind == SCORE and isinstance(score := row.scores[name], Score):
        return measure_text(measure(score))
    predicted = row.latencies[name] if quantity.kind == LATENCY else None
    unsure = isinstance(predicted, Prediction) and predicted.grade == OUTSIDE
    return f"{'~' if unsure else ''}{quantity.text(value)}"


def interval(row: Row) -> str:
    """Return the 95 % interval of a measured median in ms per image, – if there is none."""
    if row.measured is None or row.measured.interval is None:
        return UNKNOWN
    low, high = (ms / row.measured.settings.batch_size for ms in row.measured.interval)
    return f"{low:.4g}–{high:.4g}"


def cells(comparison: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the titles of the table and the texts of its rows; what is related to the baseline stands in a column
    without a title.
    """
    rows = comparison.rows
    columns = [("network", [row.label for row in rows])]
    for one in comparison.quantities:
        columns.append((one.name, [cell(row, one) for row in rows]))
        related = [relation(comparison, row, one) for row in rows]
        if any(related):
            columns.append(("", related))
        if one.kind == MEASURED:
            columns.append(("95 % interval", [interval(row) for row in rows]))
    remarks = ["; ".join(remarks_of(row)) for row in rows]
    if any(remarks):
        columns.append((REMARKS, remarks))
    titles, texts = zip(*columns, strict=True)
    return titles, list(zip(*texts, strict=True))


def relation(comparison: Comparison, row: Row, quantity: Quantity) -> str:
    """Return a number relative to that of the baseline as text, "" for the baseline itself."""
    return "" if row is comparison.baseline else relative_text(quantity, comparison.relative(row, quantity))


def table(comparison: Comparison) -> Rows:
    """Return the comparison as a table with a row for each network, the baseline in bold; where it has no room, with a
    column for each.
    """
    titles, rows = cells(comparison)
    folded = (REMARKS, *(title for title in titles if "," in title))
    right = tuple(title for title in titles[1:] if title != REMARKS)
    found = Rows(titles, right=right, folded=folded, otherwise=_upright(comparison))
    for row, texts in zip(comparison.rows, rows, strict=True):
        found.add_row(*texts, bold=row is comparison.baseline and len(rows) > 1)
    return found


def _upright(comparison: Comparison) -> Rows:
    """The same with a row for each number; networks appear as their numbers, which `notes` explains."""
    heads = tuple(f"({row.number})" for row in comparison.rows)
    found = Rows(("quantity", *heads), right=heads, folded=heads)
    for texts in upright_cells(comparison):
        found.add_row(*texts)
    return found


def upright_cells(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the rows of a table with a row for each number and a column for each network."""
    titles, rows = cells(comparison)
    found = []
    for i, title in enumerate(titles):
        if i and title:
            related = [row[i + 1] if titles[i + 1 : i + 2] == ("",) else "" for row in rows]
            found.append((title, *(f"{row[i]} {more}".rstrip() for row, more in zip(rows, related, strict=True))))
    return found


def remarks_of(row: Row) -> list[str]:
    """Return why numbers of a row are missing or doubtful."""
    reasons = [f"{name} {found}" for name, found in row.latencies.items() if isinstance(found, str)]
    reasons += [f"{name}: {found}" for name, found in row.scores.items() if isinstance(found, str)]
    if row.measured is not None and not row.measured.settled:
        reasons.append("measured latency is not stable yet")
    others = {one.resolution for one in row.accuracies} - {None, row.network.resolution}
    sizes = sorted(others, key=lambda size: sides(size or 0))
    reasons += [f"top-1 was measured at {size} pixels, not at {row.network.resolution}" for size in sizes]
    return [*reasons, *row.remarks]


def notes(comparison: Comparison) -> list[str]:
    """Return what the numbers are and where they come from, in lines."""
    kinds = comparison.accuracies
    rows, given = comparison.rows, sorted(comparison.rows, key=lambda row: row.number)
    found = [f"({row.number}) {row.text}" for row in given]
    if len(rows) > 1:
        found.append(f"× and differences: relative to ({comparison.baseline.number})")
    found += _settings(rows)
    found.append(
        "FLOPs are multiply–accumulates of conv and linear layers; memory is the most that is kept at once for one "
        "image in float32, weights not counted"
    )
    if len({row.network.structure is None for row in rows}) > 1:
        found.append(
            "layers are Zen-NAS's depth for structures, and the convolutions and linear layers for other networks"
        )
    found += [_profile(comparison, i) for i in range(len(comparison.profiles))]
    if any(cell(row, one).startswith("~") for row in rows for one in comparison.quantities):
        found.append("~: outside of what the profile has measured, where no error is known")
    if comparison.measuring is not None:
        found.append(_measuring(comparison))
    for row in given:
        found += [f"accuracy of ({row.number}): {one}" for kind in kinds if (one := row.accuracy(kind)) is not None]
    found += _protocols(comparison)
    return found


def _settings(rows: tuple[Row, ...]) -> Iterator[str]:
    """The images, classes and SE of the networks, and a remark if they differ."""
    sizes = list(dict.fromkeys((row.network.resolution, row.network.num_classes) for row in rows))
    texts = [f"{size_text(side)} pixels, {classes:,} class{'es' if classes > 1 else ''}" for side, classes in sizes]
    if len(texts) == 1:
        yield texts[0]
    else:
        yield (
            f"networks have their own images and classes, and these differ: {'; '.join(texts)}; --resolution and "
            "--num-classes compare all at the same"
        )
    gates = [f"({row.number})" for row in rows if row.network.use_se]
    if gates:
        yield f"squeeze-and-excitation in the super-blocks of {', '.join(gates)}"


def _profile(comparison: Comparison, i: int) -> str:
    profile = comparison.profiles[i]
    error = profile.typical_error
    known = "of unknown error" if error is None else f"typical error ±{error:.2g} % where it has measured"
    return (
        f"latency by {profile.name}: ms per image, predicted for {profile.device} in {profile.precision}, batch "
        f"{profile.batch}; {known}"
    )


def _measuring(comparison: Comparison) -> str:
    (first, *_) = [row.measured for row in comparison.rows if row.measured is not None]
    load = (first.conditions.get("load") or {}).get("before")
    busy = "" if load is None else f"; load {load:.1f} before"
    return (
        f"latency measured: ms per image, {first.settings}, on {first.conditions.get('processor')}{busy}; medians of "
        "samples taken in turns, so that what disturbs the machine disturbs all networks alike"
    )


def _protocols(comparison: Comparison) -> Iterator[str]:
    """A warning for each kind of accuracy that was not obtained in the same way for all networks."""
    for kind in comparison.accuracies:
        shown = [one for row in comparison.rows if (one := row.accuracy(kind)) is not None]
        if len({(one.epochs, one.resolution, one.protocol) for one in shown}) > 1:
            yield f"top-1 %, {kind}: the networks were trained or tested in different ways, see the lines above"


def csv_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one flat row for each network; what is not known is empty."""
    return [_flat(comparison, row) for row in comparison.rows]


def _flat(comparison: Comparison, row: Row) -> dict[str, Any]:
    network = row.network
    found: dict[str, Any] = {
        "label": row.label,
        "network": row.text,
        "structure": None if network.structure is None else str(network.structure),
        "num_classes": network.num_classes,
        "use_se": network.use_se,
    }
    for one in comparison.quantities:
        name = "memory_bytes" if one.unit == "B" else one.key
        found[name] = network.resolution if one.kind == RESOLUTION else one.value(row)
        if one.kind in (LATENCY, MEASURED, SCORE):
            found[f"{name} low"], found[f"{name} high"] = _bounds(row, one)
        if one.related:
            found[f"{name} relative"] = comparison.relative(row, one)
    return {**found, "remarks": "; ".join(remarks_of(row))}


def _bounds(row: Row, quantity: Quantity) -> tuple[float | None, float | None]:
    """The 95 % interval of a measurement or a score, or the interval of a prediction."""
    name = quantity.key.partition(":")[2]
    found: Any = None
    if quantity.kind == MEASURED and row.measured is not None and row.measured.interval is not None:
        low, high = row.measured.interval
        found = low / row.measured.settings.batch_size, high / row.measured.settings.batch_size
    elif quantity.kind == LATENCY:
        predicted = row.latencies[name]
        found = None if isinstance(predicted, str) else predicted.interval
    elif isinstance(score := row.scores.get(name), Score):
        found = score.interval
    return (None, None) if found is None else (found[0], found[1])
