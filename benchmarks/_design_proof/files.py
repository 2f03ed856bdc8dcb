"""What was trained and measured so far: CSV files with a line each, to which programs add lines."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
TRAINED = RESULTS / "design_proof_trained.csv"
MEASURED = RESULTS / "design_proof_measured.csv"


@dataclass(frozen=True)
class Trained:
    """A finished training. rate: of learning, per 256 images. top1: after the last epoch, in percent of the test
    images. seconds: of the training, without the choice of the rate. speed: images per second, median of the epochs.
    """

    structure: str
    seed: int
    epochs: int
    rate: float
    top1: float
    seconds: float
    speed: float
    device: str


@dataclass(frozen=True)
class Measured:
    """A latency measured here. ms: the median. fastest: the shortest of the samples. settled: whether the median was
    precise enough within the time.
    """

    structure: str
    ms: float
    fastest: float
    settled: bool


def read_trained() -> list[Trained]:
    return [
        Trained(
            row["structure"],
            int(row["seed"]),
            int(row["epochs"]),
            float(row["rate"]),
            float(row["top1"]),
            float(row["seconds"]),
            float(row["speed"]),
            row["device"],
        )
        for row in _rows(TRAINED)
    ]


def read_measured() -> dict[str, Measured]:
    """Return the last measurement of each network, by structure."""
    return {
        row["structure"]: Measured(row["structure"], float(row["ms"]), float(row["fastest"]), row["settled"] == "True")
        for row in _rows(MEASURED)
    }


def add(path: Path, lines: Sequence[Trained | Measured]) -> None:
    """Append lines of one kind to a file; a new file gets the names of their fields."""
    new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow([field.name for field in fields(lines[0])])
        writer.writerows(astuple(line) for line in lines)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
