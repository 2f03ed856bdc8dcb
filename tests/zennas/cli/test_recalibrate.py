"""`zennas latency recalibrate` as a user meets it, on a machine whose times are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from latency.base import LatencyStats, MeasureSettings, Subject
from latency.fitting.making import write_profile
from latency.kernels import group
from latency.predicting.drift import Drift
from latency.predicting.profile import load_profile
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.budget import recalibrating
from zennas.named.networks import network
from zennas.report import profile_errors

PROFILE = "this-machine-fp32"
BUSY = Drift(1.2, 1.2, 1.2, "then")


@pytest.fixture
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which everything takes 1.2 times as long as the profile says, or as it took then."""
    known = load_profile(PROFILE)
    then = {}
    for one in known.about["reference"]:
        graph = network(one["structure"], one["resolution"], one["num_classes"], one["use_se"]).graph
        then[tuple(kernel for kernel, _ in group(graph, known.fusion))] = one["whole_ms"]

    def measure(subject: Subject, settings: MeasureSettings) -> LatencyStats:
        kernels = tuple(kernel for kernel, _ in group(subject.graph, known.fusion))
        ms = then.get(kernels) or known.scale * sum(map(known.kernel_ms, kernels))
        return LatencyStats(subject.name, settings, (1.2 * ms,) * 9, kernels not in then, 0.0, resolution=32)

    monkeypatch.setattr(profile_errors, "measure", measure)
    monkeypatch.setattr(recalibrating, "measure", measure)


@pytest.mark.usefixtures("busy_machine")
def test_a_slower_machine_is_found_and_predicted(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("latency", "recalibrate", PROFILE, "--device", "cpu", "--json", "--out", "now.json")
    assert code == 0
    drift = json.loads(out)["drift"]
    assert all(drift[name] == pytest.approx(1.2, rel=0.02) for name in ("computing", "memory", "launches"))
    assert load_profile(tmp_path / "now.json").drift == Drift(**drift)
    before, after = (
        json.loads(run("latency", "predict", SMALL, "--profile", name, "--json")[1])["latency_ms"]
        for name in (PROFILE, "now.json")
    )
    assert after / before == pytest.approx(1.2, rel=0.02)
    assert f", as of {drift['at']}: computing 1.2" in run("latency", "predict", SMALL, "--profile", "now.json")[1]
    # A recalibrated profile is recalibrated from what it was when it was made.
    again = json.loads(run("latency", "recalibrate", "now.json", "--device", "cpu", "--json")[1])["drift"]
    assert again["computing"] == pytest.approx(drift["computing"])


@pytest.mark.usefixtures("busy_machine")
def test_evaluations_are_reported_as_made_and_as_of_now(run: Run) -> None:
    code, out, _ = run("latency", "evaluate", SMALL, "--profile", PROFILE, "--device", "cpu")
    assert code == 0
    assert "5 of 5 references were not settled: this is the drift of a busy machine" in out
    assert "as it was made: within ±10 % 0.0 %" in out
    assert "as of now: within ±10 % 100.0 %" in out
    found = json.loads(run("latency", "evaluate", SMALL, "--profile", PROFILE, "--device", "cpu", "--json")[1])
    assert (found["within10"], found["recalibrated"]["within10"]) == (0.0, 100.0)


def test_profiles_without_references_say_so(run: Run, tmp_path: Path) -> None:
    code, _, err = run("latency", "recalibrate", "pixel3", "--device", "cpu")
    assert code == 1
    assert "profile pixel3 has no reference networks with their times, so it cannot be recalibrated" in err
    bare = replace(load_profile(PROFILE), about={})
    write_profile(tmp_path / "bare.json", bare)
    assert run("latency", "recalibrate", "bare.json", "--device", "cpu", "--out", "x.json")[0] == 1
    assert not (tmp_path / "x.json").exists()


def test_profiles_of_other_tools_cannot_be_evaluated(run: Run) -> None:
    code, _, err = run("latency", "evaluate", SMALL, "--profile", "pixel3", "--device", "cpu")
    assert code == 1
    assert "profile pixel3 is of the library 'TFLite', which zennas cannot measure with" in err
