"""What the tests of searches under latency share: made-up devices, settings, a stopwatch in place of measuring."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from latency.base import LatencyError, LatencyStats, MeasureSettings, Subject
from latency.kernels import KINDS, WEIGHTED, Fusion
from latency.measuring.conditions import processor
from latency.predicting.hardware import V100
from latency.predicting.models import Linear, traffic
from latency.predicting.profile import Profile
from zennas.budget.budgets import Budget, LatencyLimit
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings

FIELDS = ("batch", "in_channels", "out_channels", "size", "kernel", "stride")


def profile(
    name: str, macs_per_ms: float = 1e8, device: str = "Abacus 3000", backend: str = "torch", launch_ms: float = 0.001
) -> Profile:
    """So many multiply–accumulates a millisecond; everything else by its bytes."""
    weighted = Linear(tuple((kind, 0, launch_ms, 1 / macs_per_ms, 0.0) for kind in WEIGHTED))
    models = (weighted, traffic(1e7, launch_ms))
    ranges = {kind: {field: [1, 4096] for field in FIELDS} for kind in KINDS}
    hardware = replace(V100["fp32"], units=1)
    return Profile(name, device, backend, "fp32", 1, hardware, Fusion(), models, ranges=ranges)


def written(folder: Path, made: Profile) -> str:
    """The profile as a file: the name of its source."""
    path = folder / f"{made.name}.json"
    path.write_text(json.dumps(made.to_json()), encoding="utf-8")
    return f"predictor:{path}"


def mine(folder: Path, **changed: float) -> str:
    """A profile of this very machine."""
    return written(folder, profile("mine", device=processor(), **changed))  # type: ignore[arg-type]


def settings(*limits: LatencyLimit, iterations: int = 600, **changed: object) -> SearchSettings:
    plain = SearchSettings(
        budget=Budget(layers=9, latency=limits),
        iterations=iterations,
        strategy_options={"population_size": 20},
        resolution=16,
        proxy="zen_expected",
        top=3,
        device="cpu",
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def search(folder: Path, chosen: SearchSettings) -> SearchResult:
    start(folder, chosen)
    return read_result(folder)


class Stopwatch:
    """Stands for `latency.measuring.measure.measure`: a network takes 2 ms a million multiply–accumulates."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.asked: list[tuple[str, float]] = []
        self.fails: set[int] = set()

    def __call__(self, subject: Subject, how: MeasureSettings) -> LatencyStats:
        self.asked.append((subject.name, how.relative_error))
        if len(self.asked) in self.fails:
            raise LatencyError("out of order")
        macs = sum(node.shape.elements for node in subject.graph.nodes)
        ms = self.factor * macs / 1e6 * how.batch_size
        return LatencyStats(
            subject.name,
            how,
            [ms * (1 + i / 1000) for i in range(9)],
            True,
            0.0,
            {"device": "test"},
            resolution=subject.graph.input.size,
        )
