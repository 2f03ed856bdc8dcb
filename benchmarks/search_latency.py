"""A search of 480,000 iterations under a predicted latency, and one without: seconds, and the cost of a prediction.

Candidates are made one at a time, so that single predictions can be timed; `search_arrays` times thousands at once.
Seconds are processor time, in one process on one core, as other programs may share the machine.

python -m benchmarks.search_latency [PROFILE]
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import apart, print_machine
from PlainNet import Structure
from zennas.budget.budgets import DEFAULT_SOURCE, PREDICTOR, Budget, LatencyLimit
from zennas.budget.meters import Predicted
from zennas.runs.candidate import Latency
from zennas.searching import runner
from zennas.searching.result import SearchResult, read_result
from zennas.searching.settings import SearchSettings

START = (
    "SuperConvK3BNRELU(3,32,2,1)SuperResK3K3(32,64,2,32,1)SuperResK3K3(64,128,2,64,1)"
    "SuperResK3K3(128,256,2,128,1)SuperResK3K3(256,512,2,256,1)SuperConvK1BNRELU(512,512,1,1)"
)
"""The initial structure of scripts/Zen_NAS_ImageNet_latency0.3ms.sh, with its settings."""
LAYERS, MS, CANDIDATES = 16, 0.3, 480_000


@dataclass
class Predicting:
    """The predictions of a search, and the seconds that they took, whether caches had them or not."""

    calls: int = 0
    seconds: float = 0.0

    def watch(self) -> None:
        """Time all predictions from now on."""
        predict = Predicted.__call__

        def timed(meter: Predicted, structure: Structure) -> Latency:
            began = time.process_time()
            try:
                return predict(meter, structure)
            finally:
                self.seconds += time.process_time() - began
                self.calls += 1

        Predicted.__call__ = timed  # type: ignore[assignment]


def search(limits: tuple[LatencyLimit, ...]) -> tuple[SearchResult, float]:
    """Return the result, and the seconds of processor time, storage included."""
    settings = SearchSettings(
        initial=START,
        budget=Budget(layers=LAYERS, latency=limits),
        resolution=224,
        num_classes=1000,
        proxy="zen_expected",
        iterations=CANDIDATES,
        strategy_options={"children": 1},
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        runner.start(Path(folder) / "run", settings)
        took = time.process_time() - began
        return read_result(Path(folder) / "run"), took


def memory() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


def without() -> None:
    result, took = search(())
    print(
        f"without a latency: {took:.1f} s of processor time, {1e6 * took / CANDIDATES:.1f} µs an iteration, "
        f"{result.counts['scored']:,} scored, {memory()}"
    )


def within() -> None:
    source = f"{PREDICTOR}{sys.argv[1]}" if len(sys.argv) > 1 else DEFAULT_SOURCE
    predicting, limit = Predicting(), LatencyLimit(MS, source)
    predicting.watch()
    result, took = search((limit,))
    assert result.best is not None
    assert result.latency[0].found.predicted is not None
    print(
        f"at most {MS} ms by {limit.label}: {took:.1f} s of processor time, "
        f"{1e6 * took / CANDIDATES:.1f} µs an iteration, {result.counts['scored']:,} scored, {memory()}"
    )
    print(
        f"of that predicting {predicting.seconds:.1f} s ({100 * predicting.seconds / took:.0f} %): "
        f"{predicting.calls:,} predictions of new networks, {1e6 * predicting.seconds / predicting.calls:.1f} µs each "
        "on average"
    )
    zen = result.best.measures["zen_expected"].value
    print(
        f"the best: expected Zen {zen:.2f}, {result.latency[0].found.predicted:.4f} ms predicted; "
        f"Zen-NAS took 29 hours for 50,000 iterations of such a search on a V100"
    )


if __name__ == "__main__":
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))  # one core
    print_machine()
    for part in (without, within):
        apart(part)
