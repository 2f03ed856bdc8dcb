"""Shared code of the NAS-Bench-201 benchmarks: the places of the tables and of the runs.

The tables are measurements made by others, in ../shared/data next to this repository, or in the folder NB201_DATA.
Runs take long and can be killed: run the program again to continue. NB201_RUNS: folder of the runs, runs/ by default.
NB201_SAMPLE: how many architectures. NB201_WORKERS: processes, by default as many as there are cores.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from zennas.api import correlate
from zennas.correlation.result import CorrelateResult

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("NB201_DATA", ROOT.parent / "shared" / "data"))
RUNS = Path(os.environ.get("NB201_RUNS", ROOT / "runs"))
ACCURACIES, IMAGES = "nb201_accuracy.csv.gz", "cifar10_jpeg_train.npz"
VALUES = "nb201_proxies_naslib_cifar10.csv.gz"
"""NAS-Bench-Suite-Zero's values of proxies."""


def data_or_leave(*names: str) -> list[Path]:
    """The paths of the files in the data folder; if one is missing, says so and ends the program."""
    paths = [DATA / name for name in names]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        print(f"skipped: {', '.join(missing)} not found (NB201_DATA names the folder)")
        sys.exit(0)
    return paths


def sample_size(default: int) -> int:
    return int(os.environ.get("NB201_SAMPLE", default))


class Lines:
    """Prints the progress to standard error once a minute."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def scoring(self, done: int, total: int, failed: int) -> None:
        if time.monotonic() - self._said > 60 or done == total:
            self._said = time.monotonic()
            print(f"scored {done:,} of {total:,} networks, {failed:,} values failed", file=sys.stderr, flush=True)

    def comparing(self, done: int, total: int) -> None:
        pass


def run(name: str, **settings: Any) -> CorrelateResult:
    """Carry out a correlation in `RUNS`/`name`, or continue it."""
    workers = int(os.environ["NB201_WORKERS"]) if "NB201_WORKERS" in os.environ else None
    return correlate(save_dir=RUNS / name, go_on=True, workers=workers, watcher=Lines(), **settings)
