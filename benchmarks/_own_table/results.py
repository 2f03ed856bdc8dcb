"""What was trained so far: one line for each training."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TRAINED = Path(__file__).parents[1] / "results" / "own_table_trained.csv"


@dataclass(frozen=True)
class Result:
    """One training of a network. accuracy: in percent of the test images."""

    structure: str
    seed: int
    accuracy: float


def results() -> list[Result]:
    """Return the trainings so far."""
    if not TRAINED.is_file():
        return []
    with TRAINED.open(newline="") as file:
        return [Result(row["structure"], int(row["seed"]), float(row["accuracy"])) for row in csv.DictReader(file)]


def by_structure(found: Sequence[Result]) -> dict[str, list[float]]:
    """Return the accuracies of each network, one for each seed."""
    seeds: dict[str, list[float]] = {}
    for result in found:
        seeds.setdefault(result.structure, []).append(result.accuracy)
    return seeds


def deviation(found: Sequence[Result]) -> tuple[float, int]:
    """Return the standard deviation between seeds in points, and how many networks were trained with several."""
    repeated = [values for values in by_structure(found).values() if len(values) > 1]
    spread = math.sqrt(np.mean([np.var(values, ddof=1) for values in repeated])) if repeated else math.nan
    return spread, len(repeated)
