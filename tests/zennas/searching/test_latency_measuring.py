"""Searches that measure latency: the best at the end, or every candidate."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from latency.base import BACKENDS, LatencyError, LatencyStats, MeasureSettings, Subject
from latency.measuring.conditions import processor
from latency.predicting.predictor import Predictor
from PlainNet import parse
from tests.conftest import SMALL
from zennas.budget import recalibrating
from zennas.budget.budgets import LatencyLimit
from zennas.budget.meters import here
from zennas.runs.store import Store
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start

from .latency_searches import Stopwatch, mine, profile, search, settings, written
from .test_runs import CutShort, Interrupter, rows


def test_the_best_are_measured_where_the_device_is_here(tmp_path: Path, stopwatch: Stopwatch) -> None:
    source = mine(tmp_path)
    result = search(tmp_path / "run", settings(LatencyLimit(0.05, source)))
    assert len(stopwatch.asked) == len(result.measured) == 3
    assert result.best is not None
    found = result.best.latency[source]
    assert found.predicted is not None
    assert found.measured is not None
    assert found.low is not None
    assert found.low <= found.measured <= (found.high or 0) <= (found.p90 or 0)
    (latency,) = result.to_json()["latency"]
    assert latency["measured_ms"] == found.measured
    assert latency["interval_ms"] == [found.low, found.high]


def test_the_winner_keeps_to_the_budget_as_measured(tmp_path: Path, stopwatch: Stopwatch) -> None:
    source = mine(tmp_path)
    easy = search(tmp_path / "easy", settings(LatencyLimit(0.05, source), seed=2))
    times = [candidate.latency[source].measured or 0.0 for candidate in easy.measured]
    assert easy.best == easy.measured[0]
    assert len(set(times)) == 3
    # So slow that the first is over the budget, and another one is not.
    quicker = next(i for i, ms in enumerate(times) if ms < times[0])
    stopwatch.factor = 0.05 / (0.5 * (times[0] + times[quicker]))
    hard = search(tmp_path / "hard", settings(LatencyLimit(0.05, source), seed=2))
    assert hard.best is not None
    assert hard.best != hard.measured[0]
    assert hard.best.latency[source].ms <= 0.05
    assert "zen_expected" in hard.best.measures
    assert not hard.latency[0].notes
    stopwatch.factor = 1000
    over = search(tmp_path / "over", settings(LatencyLimit(0.05, source), seed=2))
    assert over.best == over.measured[0]
    assert not over.latency[0].within
    assert over.latency[0].notes[0].startswith("the measured latency is over the budget for all of the best 3")


def test_a_profile_is_recalibrated_where_the_best_are_measured(
    tmp_path: Path, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that takes 1.3 times as long as when its profile was made."""
    made = profile("mine", device=processor())
    ask = Predictor(made, resolution=16, num_classes=10)
    reference = {
        "structure": SMALL,
        "resolution": 16,
        "num_classes": 10,
        "use_se": False,
        "whole_ms": ask(parse(SMALL)),
    }
    source = written(tmp_path, replace(made, about={"reference": [reference]}))
    before = reference["whole_ms"]

    def measure(subject: Subject, how: MeasureSettings) -> LatencyStats:
        return LatencyStats(subject.name, how, (1.3 * before,) * 9, True, 0.0, resolution=16)

    monkeypatch.setattr(recalibrating, "measure", measure)
    result = search(tmp_path / "run", settings(LatencyLimit(0.05, source)))
    assert result.best is not None
    predicted = result.best.latency[source].predicted
    assert predicted is not None
    drift, now = result.latency[0].notes[:2]
    assert drift.startswith("mine as of ")
    ms = re.fullmatch(r"as of now, the profile predicts (\S+) ms per image", now)
    assert ms is not None
    assert float(ms[1]) == pytest.approx(1.3 * predicted, rel=0.02)

    def broken(subject: Subject, how: MeasureSettings) -> LatencyStats:
        raise LatencyError("out of order")

    monkeypatch.setattr(recalibrating, "measure", broken)
    result = search(tmp_path / "again", settings(LatencyLimit(0.05, source)))
    assert result.latency[0].notes[0] == "the profile could not be recalibrated: out of order"


def test_a_network_that_cannot_be_measured_does_not_win(tmp_path: Path, stopwatch: Stopwatch) -> None:
    stopwatch.fails, stopwatch.factor = {1}, 0.01
    source = mine(tmp_path)
    result = search(tmp_path / "run", settings(LatencyLimit(0.05, source)))
    assert len(result.measured) == 2
    assert result.best == result.measured[0]
    stopwatch.fails = set(range(100))
    result = search(tmp_path / "none", settings(LatencyLimit(0.05, source)))
    assert result.latency[0].notes == ("it could not be measured: out of order",)


def test_measuring_the_best_goes_on_where_it_was_cut_short(tmp_path: Path, stopwatch: Stopwatch) -> None:
    class Watcher(Interrupter):
        def searching(self, progress: object, settings: object, best: float | None) -> None:
            pass

        def measuring(self, done: int, total: int) -> None:
            if done == 2:
                raise CutShort

    source = mine(tmp_path)
    with pytest.raises(CutShort):
        start(tmp_path / "run", settings(LatencyLimit(0.05, source)), Watcher(0))
    assert len(stopwatch.asked) == 2
    resume(tmp_path / "run")
    assert len(stopwatch.asked) == 3
    assert len(read_result(tmp_path / "run").measured) == 3


def test_a_back_end_measures_in_the_loop(tmp_path: Path, stopwatch: Stopwatch) -> None:
    chosen = settings(LatencyLimit(0.06, "torch"), iterations=60)
    result = search(tmp_path / "run", chosen)
    assert result.settings.budget.latency == (LatencyLimit(0.06, "torch:fp32:cpu", 1),)
    assert result.counts["rejected"]["latency torch:fp32:cpu"] > 0
    with Store.read(tmp_path / "run") as store:
        assert all((c.latency["torch:fp32:cpu"].measured or 1) <= 0.06 for c in store.candidates())
    names = [name for name, error in stopwatch.asked if error == 0.02]
    assert len(names) <= 61
    assert [error for _, error in stopwatch.asked[-3:]] == [0.01] * 3
    start(tmp_path / "again", chosen)
    assert rows(tmp_path / "run") == rows(tmp_path / "again")


def test_a_device_that_never_answers_ends_the_search(tmp_path: Path, stopwatch: Stopwatch) -> None:
    stopwatch.fails = set(range(2, 1000))
    with pytest.raises(LatencyError, match="out of order"):
        start(tmp_path / "run", settings(LatencyLimit(10, "torch"), iterations=200))
    assert len(stopwatch.asked) == 21


def test_a_short_search_that_really_measures(tmp_path: Path) -> None:
    tiny = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,8,2,8,1)SuperConvK1BNRELU(8,16,1,1)"
    result = search(
        tmp_path / "run",
        settings(
            LatencyLimit(1000, "torch"), iterations=2, strategy_options={"population_size": 2}, top=1, initial=tiny
        ),
    )
    assert result.latency[0].found.measured is not None
    assert result.latency[0].found.predicted is None


def test_which_devices_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def way(device: str, backend: str = "torch") -> MeasureSettings | str:
        return here(profile("any", device=device, backend=backend), 4)

    own = way(processor())
    assert isinstance(own, MeasureSettings)
    assert (own.backend, own.device, own.batch_size, own.threads) == ("torch", "cpu", 4, 1)
    assert way("NVIDIA V100") == "NVIDIA V100 is not here"
    assert way(processor(), "litert") == "there is no back end litert here"
    monkeypatch.setattr("latency.measuring.conditions.gpu", lambda device: {"name": "Tesla V100-SXM2-16GB"})
    monkeypatch.setattr(BACKENDS.get("torch"), "available", lambda precision, device: None)
    volta = way("NVIDIA V100")
    assert isinstance(volta, MeasureSettings)
    assert volta.device == "cuda"
    assert way("NVIDIA A100") == "NVIDIA A100 is not here"
    assert way("NVIDIA") == "NVIDIA is not here"
