"""Predicted latencies as rows: of networks, of the architectures of a space, of single kernels. No torch for
structures.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latency.predictor import Predictor
from latency.profile import Profile
from latency.table import LATENCY, predict_kernels, read_table
from PlainNet import Options, Structure, parse
from PlainNet.files import write_text
from SearchSpace import load_space
from SearchSpace.base import CellSpace
from zennas.networks import Network
from zennas.tables.base import TableError

ARCHITECTURE_COLUMNS = ("arch", "arch_str", "architecture")


@dataclass(frozen=True)
class Prediction:
    """A network's latency in ms for one image. notes: what of it lies outside of the profile's measurements."""

    network: Network
    profile: str
    batch_size: int
    latency_ms: float
    blocks: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]

    def to_json(self, by_block: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = {
            "network": self.network.name,
            "profile": self.profile,
            "resolution": self.network.resolution,
            "num_classes": self.network.num_classes,
            "batch_size": self.batch_size,
            LATENCY: self.latency_ms,
            "notes": list(self.notes),
        }
        if by_block:
            found["blocks"] = [{"block": name, LATENCY: ms} for name, ms in self.blocks]
        return found


def predict(network: Network, profile: Profile, batch_size: int | None = None) -> Prediction:
    """Raises ProfileError for a network that the profile does not know the kernels of; StructureError."""
    predictor = Predictor(
        profile,
        resolution=network.resolution,
        num_classes=network.num_classes,
        options=Options(network.use_se),
        batch_size=batch_size,
    )
    graph = network.graph
    return Prediction(
        network,
        profile.name,
        predictor.batch_size,
        predictor.graph_ms(graph),
        tuple((_block_name(network, block), ms) for block, ms in predictor.blocks_ms(graph).items()),
        tuple(profile.outside(predictor.kernels(graph))),
    )


def _block_name(network: Network, block: int) -> str:
    if block < 0 or network.structure is None:
        return "classifier" if block < 0 else "network"
    return str(network.structure.blocks[block])


def read_architectures(path: Path) -> list[str]:
    """One a line, or the column `arch` or `arch_str` of a CSV; `.gz` is read too. Raises TableError."""
    try:
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TableError(f"{path} cannot be read: {error}") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    header = next(csv.reader(lines[:1]), [])
    column = next((name for name in ARCHITECTURE_COLUMNS if name in header), None)
    found = [row[column] for row in csv.DictReader(lines)] if column is not None else lines
    if not found:
        raise TableError(f"{path} has no architectures")
    return found


def predict_architectures(
    space_name: str, texts: Iterable[str], profile: Profile, resolution: int, num_classes: int, batch_size: int | None
) -> list[dict[str, Any]]:
    """A row for each architecture, in the notation of the space. Raises what reading and predicting raise."""
    space = load_space(space_name)
    predictor = Predictor(profile, resolution=resolution, num_classes=num_classes, batch_size=batch_size)
    read = space.read if isinstance(space, CellSpace) else parse
    return [{"arch": text, LATENCY: _of(predictor, read, line, text)} for line, text in enumerate(texts, start=1)]


def _of(predictor: Predictor, read: Callable[[str], Structure], line: int, text: str) -> float:
    """One architecture's latency; an error says which one it is of."""
    try:
        return predictor(read(text))
    except ValueError as error:  # no structure, or not one of the space
        raise TableError(f"architecture {line}, {text[:80]!r}: {error}") from None


def predict_operations(path: Path, profile: Profile) -> list[dict[str, Any]]:
    """The rows of a table of kernels with `latency_ms` predicted, for the whole batch as in such tables, and for one
    image.

    What the table itself had in that column is `measured_ms` then. Raises TableError, ProfileError.
    """
    table = read_table(path)
    rows: list[dict[str, Any]] = []
    predicted = predict_kernels(profile, table.kernels)
    for row, kernel, ms in zip(table.rows, table.kernels, predicted, strict=True):
        known = {name: value for name, value in row.items() if name != LATENCY}
        measured = {"measured_ms": float(row[LATENCY])} if LATENCY in row else {}
        rows.append({**known, LATENCY: ms, "latency_ms_per_image": ms / kernel.batch, **measured})
    return rows


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """JSON where the file's name ends so, else CSV. Raises OSError."""
    write_text(path, json.dumps(rows, indent=1) + "\n" if path.suffix == ".json" else as_csv(rows))
