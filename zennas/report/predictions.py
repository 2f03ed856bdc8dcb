"""Predicted latencies as rows: of networks, of the architectures of a space, of single kernels.

Structures are predicted without torch.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latency.kernels import stand_ins
from latency.predicting.intervals import Intervals
from latency.predicting.predictor import Predictor
from latency.predicting.profile import INSIDE, OUTSIDE, PARTLY, Profile, Trust
from latency.predicting.table import COLUMNS, LATENCY, predict_kernels, read_table
from PlainNet import Options, Structure, parse
from PlainNet.files import write_out
from PlainNet.sizes import SizeLike
from SearchSpace import load_space
from SearchSpace.base import CellSpace
from zennas.accuracy.tables.base import TableError
from zennas.accuracy.tables.columns import architecture_column, table_text
from zennas.named.networks import Network

OVERHEAD = "overhead"
"""The time per batch that belongs to no kernel, shared by the images of the batch."""
_WHOLE = (*COLUMNS[1:], "groups", "out_height")
_NOTED = 1000
"""Extrapolation is checked for at most this many architectures, evenly spread over a list, because each takes time."""
ARCHITECTURE_COLUMNS = ("arch", "arch_str", "architecture")


@dataclass(frozen=True)
class Prediction:
    """A network's latency in ms per image.

    blocks: the part of each block, and of `OVERHEAD`, which belongs to no block. notes: what lies outside the profile's
    measured range. grade: what the prediction is worth, one of `latency.predicting.profile.GRADES`. typical_error: of
    the profile on held-out values, in per cent; None if the network lies outside, or if the profile states none.
    interval: from and to which latency in ms per image, with the probability that `trust` tells. trust: what the
    interval is based on; None, both, as for `typical_error`.
    """

    network: Network
    profile: str
    batch_size: int
    latency_ms: float
    blocks: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]
    grade: str
    typical_error: float | None
    interval: tuple[float, float] | None = None
    trust: Trust | None = None

    def to_json(self, by_block: bool = False) -> dict[str, Any]:
        """Return the prediction for JSON, with times in ms per image."""
        found: dict[str, Any] = {
            "network": self.network.name,
            "profile": self.profile,
            "resolution": self.network.resolution,
            "num_classes": self.network.num_classes,
            "batch_size": self.batch_size,
            LATENCY: self.latency_ms,
            "grade": self.grade,
            "typical_error_percent": self.typical_error,
            "low_ms": None if self.interval is None else self.interval[0],
            "high_ms": None if self.interval is None else self.interval[1],
            "share_in_interval_percent": None if self.trust is None else self.trust.share,
            "notes": list(self.notes),
        }
        if by_block:
            found["blocks"] = [{"block": name, LATENCY: ms} for name, ms in self.blocks]
        return found


def predict(network: Network, profile: Profile, batch_size: int | None = None) -> Prediction:
    """Predict the latency of a network, for batches of `batch_size` images, None for the profile's own.

    Raises ProfileError if the profile lacks some of its kernels, and StructureError if it is not a network.
    """
    predictor = Predictor(
        profile,
        resolution=network.resolution,
        num_classes=network.num_classes,
        options=Options(network.use_se),
        batch_size=batch_size,
    )
    graph = network.graph
    blocks = [(network.block_name(block), ms) for block, ms in predictor.blocks_ms(graph).items()]
    if profile.overhead_ms:
        blocks.append((OVERHEAD, profile.overhead_ms / predictor.batch_size))
    kernels = predictor.kernels(graph)
    grade, notes = profile.grade(kernels), profile.outside(kernels)
    other = stand_ins(graph)
    if other:
        grade = PARTLY if grade == INSIDE else grade
        notes = [*notes, f"{', '.join(other)} were not measured; kernels that move as much memory stand in for them"]
    ms = predictor.graph_ms(graph)
    return Prediction(
        network,
        profile.name,
        predictor.batch_size,
        ms,
        tuple(blocks),
        tuple(notes),
        grade,
        None if grade == OUTSIDE else profile.typical_error,
        None if grade == OUTSIDE else profile.interval(kernels, ms),
        None if grade == OUTSIDE else profile.trust,
    )


@dataclass(frozen=True)
class Rows:
    """Many predictions, for a table. notes: what lies outside the profile's measured range in any of them."""

    rows: list[dict[str, Any]]
    notes: tuple[str, ...]


def read_architectures(path: Path) -> list[str]:
    """Read architectures, one per line or from a CSV column named in `ARCHITECTURE_COLUMNS`; `.gz` works as well.

    Raises TableError, which names the line, if the file cannot be read.
    """
    lines = [
        (number, line.strip()) for number, line in enumerate(table_text(path).splitlines(), start=1) if line.strip()
    ]
    header = _cells(path, *lines[0]) if lines else []
    column = architecture_column(header)
    if column is None:
        found = [line for _, line in lines]
    else:
        found = [_cell(path, number, line, column, header) for number, line in lines[1:]]
    if not found:
        raise TableError(f"{path} has no architectures")
    return found


def _cells(path: Path, number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line]))
    except csv.Error as error:
        raise TableError(f"{path}, line {number}: {error}") from None


def _cell(path: Path, number: int, line: str, column: int, header: Sequence[str]) -> str:
    cells = _cells(path, number, line)
    if len(cells) != len(header) or not cells[column]:
        raise TableError(
            f"{path}, line {number}: {len(cells)} cells, expected {len(header)}, with an architecture in "
            f"{header[column]}"
        )
    return cells[column]


def predict_architectures(
    space_name: str,
    texts: Iterable[str],
    profile: Profile,
    resolution: SizeLike,
    num_classes: int,
    batch_size: int | None,
) -> Rows:
    """Predict each architecture, given in the notation of the space, in ms per image.

    Raises UnknownNameError for an unknown space, TableError for a text that is not an architecture of the space, and
    ProfileError for kernels that the profile lacks.
    """
    texts = list(texts)
    space = load_space(space_name)
    predictor = Predictor(profile, resolution=resolution, num_classes=num_classes, batch_size=batch_size)
    read = space.read if isinstance(space, CellSpace) else parse
    intervals = Intervals(predictor) if profile.posterior is not None else None
    rows = [_row(predictor, intervals, read, line, text) for line, text in enumerate(texts, start=1)]
    some = texts[:: -(-len(texts) // _NOTED)] if texts else []
    kernels = dict.fromkeys(kernel for text in some for kernel in predictor.kernels(predictor.lowered(read(text))))
    return Rows(rows, tuple(profile.outside(kernels)))


def _row(
    predictor: Predictor, intervals: Intervals | None, read: Callable[[str], Structure], line: int, text: str
) -> dict[str, Any]:
    """Predict one architecture in ms per image, with its interval if it has one of its own. Errors name the line."""
    try:
        structure = read(text)
        ms = predictor(structure)
        found: dict[str, Any] = {"arch": text, LATENCY: ms}
        if intervals is not None:
            low, high = intervals(structure, ms) or (None, None)
            found |= {"low_ms": low, "high_ms": high}
    except ValueError as error:  # not a structure, or not one of the space
        raise TableError(f"architecture {line}, {text[:80]!r}: {error}") from None
    return found


def predict_operations(path: Path, profile: Profile) -> Rows:
    """Predict the rows of a table of kernels: `latency_ms` for the whole batch, `latency_ms_per_image` per image.

    If the table already has a column `latency_ms`, it becomes `measured_ms`. Raises TableError and ProfileError.
    """
    table = read_table(path)
    rows: list[dict[str, Any]] = []
    predicted = predict_kernels(profile, table.kernels)
    for row, kernel, ms in zip(table.rows, table.kernels, predicted, strict=True):
        known = {
            name: int(value) if name in _WHOLE and value else value for name, value in row.items() if name != LATENCY
        }
        measured = {"measured_ms": float(row[LATENCY])} if LATENCY in row else {}
        rows.append({**known, LATENCY: ms, "latency_ms_per_image": ms / kernel.batch, **measured})
    return Rows(rows, tuple(profile.outside(table.kernels)))


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write JSON if the file's name ends in .json, otherwise CSV. Raises OSError."""
    text = json.dumps(rows, indent=1) + "\n" if path.suffix == ".json" else as_csv(rows)
    write_out(path, text.encode())
