"""Searching under latency: several devices at once, predicted or measured, and what becomes of a run."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from latency.base import BACKENDS, LatencyError, LatencyStats, MeasureSettings, Subject, UnavailableError
from latency.kernels import KINDS, WEIGHTED, Fusion
from latency.measuring.conditions import processor
from latency.predicting.hardware import V100
from latency.predicting.models import Linear, traffic
from latency.predicting.profile import Profile, ProfileError
from PlainNet import parse
from PlainNet.cost import CostModel
from PlainNet.registry import UnknownNameError
from SearchSpace import load_space
from tests.zennas.conftest import Run
from zennas.api import continue_search
from zennas.budget.budgets import Budget, BudgetError, LatencyLimit
from zennas.budget.meters import Predicted, devices, here
from zennas.budget.sources import latency_limits
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.runs.store import FILE, Store
from zennas.searching.objectives.base import objective_of
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import BEST_FILE, resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Problem
from zennas.searching.strategies.evolution import Evolution, EvolutionOptions

from .test_runs import Clock, CutShort, Interrupter, rows


def profile(
    name: str, macs_per_ms: float = 1e8, device: str = "Abacus 3000", backend: str = "torch", launch_ms: float = 0.001
) -> Profile:
    """So many multiply–accumulates a millisecond; everything else by its bytes."""
    weighted = Linear(tuple((kind, 0, launch_ms, 1 / macs_per_ms, 0.0) for kind in WEIGHTED))
    models = (weighted, traffic(1e7, launch_ms))
    ranges = {kind: {field: [1, 4096] for field in FIELDS} for kind in KINDS}
    hardware = replace(V100["fp32"], units=1)
    return Profile(name, device, backend, "fp32", 1, hardware, Fusion(), models, ranges=ranges)


FIELDS = ("batch", "in_channels", "out_channels", "size", "kernel", "stride")


def written(folder: Path, made: Profile) -> str:
    """The profile as a file: the name of its source."""
    path = folder / f"{made.name}.json"
    path.write_text(json.dumps(made.to_json()), encoding="utf-8")
    return f"predictor:{path}"


@pytest.fixture
def abacus(tmp_path: Path) -> str:
    return written(tmp_path, profile("abacus"))


@pytest.fixture
def slate(tmp_path: Path) -> str:
    """Slow to begin, quick at counting."""
    return written(tmp_path, profile("slate", 1e10, launch_ms=0.01))


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


def zen_of(result: SearchResult) -> float:
    assert result.best is not None
    return result.best.measures["zen_expected"].value


def test_all_members_keep_to_every_device(tmp_path: Path, abacus: str, slate: str) -> None:
    limits = (LatencyLimit(0.05, abacus), LatencyLimit(0.25, slate))
    result = search(tmp_path / "run", settings(*limits))
    with Store.read(tmp_path / "run") as store:
        candidates = store.candidates()
    assert len(candidates) > 50
    told = {device.limit.source: device for device in devices(result.settings.budget, result.settings.network)}
    for candidate in candidates:
        for limit in limits:
            assert candidate.latency[limit.source].ms <= limit.ms
            assert candidate.latency[limit.source] == told[limit.source](candidate.structure)
    rejected = result.counts["rejected"]
    assert rejected["latency abacus"] > 0
    assert rejected["latency slate"] > 0
    accounted = result.counts["scored"] + sum(number for reason, number in rejected.items() if reason != "score")
    assert accounted == result.counts["tried"] + 1
    alone = search(tmp_path / "alone", settings(limits[0]))
    assert zen_of(alone) > zen_of(result)
    assert [report.found.predicted for report in alone.latency] != [report.found.predicted for report in result.latency]


def test_the_result_says_what_is_predicted_only(tmp_path: Path, abacus: str) -> None:
    result = search(tmp_path / "run", settings(LatencyLimit(0.05, abacus)))
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert result.best is not None
    (latency,) = content["latency"]
    assert latency == {
        "source": abacus,
        "batch_size": 1,
        "budget_ms": 0.05,
        "predicted_ms": result.best.latency[abacus].predicted,
        "measured_ms": None,
        "interval_ms": None,
        "p90_ms": None,
        "settled": True,
        "within_budget": True,
        "notes": ["predicted only: Abacus 3000 is not here"],
    }
    assert content["budget"] == {"layers": 9, "latency": [{"ms": 0.05, "source": abacus, "batch_size": 1}]}
    assert content["measured"] == []
    assert str(result.settings.budget) == "layers ≤ 9, latency ≤ 0.05 ms (abacus)"


def test_what_is_extrapolated_is_noted(tmp_path: Path) -> None:
    narrow = profile("narrow")
    narrow.ranges["conv"]["out_channels"] = [1, 16]
    del narrow.ranges["add"]
    result = search(tmp_path / "run", settings(LatencyLimit(0.05, written(tmp_path, narrow)), iterations=100))
    notes = result.latency[0].notes
    assert any(note.startswith("extrapolated: conv with out channels") for note in notes)


def test_the_seed_decides(tmp_path: Path, abacus: str) -> None:
    chosen = settings(LatencyLimit(0.05, abacus))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        start(tmp_path / name, replace(chosen, seed=seed))
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    assert rows(tmp_path / "a") != rows(tmp_path / "c")


@pytest.mark.parametrize("after", [1, 7, 30])
def test_an_interrupted_run_ends_like_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abacus: str, slate: str, after: int
) -> None:
    monkeypatch.setattr("zennas.searching.runner.time", Clock())
    chosen = settings(LatencyLimit(0.05, abacus), LatencyLimit(0.25, slate))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, chosen)
    with pytest.raises(CutShort):
        start(parts, chosen, Interrupter(after))
    assert read_result(parts).status == "interrupted"
    resume(parts, expected=chosen)
    a, b = read_result(whole), read_result(parts)
    assert rows(whole) == rows(parts)
    assert (a.best, a.latency, a.counts) == (b.best, b.latency, b.counts)


def test_a_changed_profile_is_noticed(tmp_path: Path, abacus: str) -> None:
    start(tmp_path / "run", settings(LatencyLimit(0.05, abacus), iterations=50))
    written(tmp_path, profile("abacus", 2e8))
    before = read_result(tmp_path / "run").best
    assert continue_search(tmp_path / "run").best == before  # finished: it is shown as it is
    (tmp_path / "run" / BEST_FILE).unlink()
    with pytest.raises(SettingsError, match=r"the latency profile of .* has changed since .*: restore the profile, or"):
        resume(tmp_path / "run")
    Path(abacus.partition(":")[2]).unlink()
    with pytest.raises(SettingsError, match=r"cannot be continued: no latency profile .*; restore the profile, or"):
        resume(tmp_path / "run")


def test_a_run_without_latencies_is_of_the_format_before(tmp_path: Path) -> None:
    """Runs of format 2 have no table `latencies`, no measures, and settings that know neither latency nor strategy."""
    start(tmp_path / "run", settings())
    whole = read_result(tmp_path / "run")
    with closing(sqlite3.connect(tmp_path / "run" / FILE)) as db, db:
        db.execute("DROP TABLE latencies")
        db.execute("ALTER TABLE candidates ADD COLUMN fitness REAL")
        db.execute("UPDATE candidates SET fitness = (SELECT value FROM measures WHERE candidate = id)")
        db.execute("DELETE FROM measures")
        db.execute("DELETE FROM facts WHERE name IN ('progress', 'strategy_digest')")
        db.execute("UPDATE facts SET value = '2' WHERE name = 'format'")
        db.execute("DELETE FROM facts WHERE name = 'profile_digests'")
        stored = {**settings().to_json(), "budget": {"params": None, "flops": None, "layers": 9}}
        for name in ("strategy", "strategy_options", "objective", "ahead"):
            del stored[name]
        stored["population_size"] = 20
        db.execute("UPDATE facts SET value = ? WHERE name = 'settings'", (json.dumps(stored),))
        db.execute("""UPDATE facts SET value = '"confirming"' WHERE name = 'status'""")
    continue_search(tmp_path / "run")
    assert read_result(tmp_path / "run") == whole


def test_a_start_over_budget_is_walked_down(abacus: str) -> None:
    big = parse("SuperConvK3BNRELU(3,256,1,1)SuperResK7K7(256,256,2,256,5)SuperConvK1BNRELU(256,256,1,1)")
    chosen = settings(LatencyLimit(0.05, abacus))
    found = devices(chosen.budget, chosen.network)
    assert found[0](big).ms > 10
    budget, model = chosen.budget, CostModel(16, 10)
    problem = Problem(load_space("XXBL", big), model, budget, found, objective_of(chosen), 10_000, 0)
    evolution = Evolution(problem, EvolutionOptions(4))
    first = evolution.ask(1)[0]
    assert first.latency[abacus].ms <= 0.05
    assert budget.violation(first.cost) is None
    assert evolution.progress().tried > 0


def test_an_unreachable_budget_says_how_far_it_is(tmp_path: Path, abacus: str, slate: str) -> None:
    found = r"latency ≤ 1e-06 ms \(abacus\) \(the smallest found has 0\.\d+ ms\); [\d,]+ mutations tried$"
    with pytest.raises(BudgetError, match=found):
        start(tmp_path / "run", settings(LatencyLimit(1e-6, abacus), LatencyLimit(10, slate)))
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_leaves_nothing_behind(tmp_path: Path, abacus: str) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    cases: list[tuple[str, type[Exception], str]] = [
        ("predictor:abacos", ProfileError, "no latency profile 'abacos'"),
        (f"predictor:{tmp_path / 'broken.json'}", ProfileError, "cannot be read"),
        ("onxruntime", WrongSettingError, r"did you mean onnxruntime\?.*predictor:PROFILE"),
        ("v100-pytorch-fp16", WrongSettingError, "for a prediction use predictor:PROFILE"),
        ("torch:fp7", WrongSettingError, "has no fp7, expected"),
        ("torch:fp32:cuda:99", UnavailableError, "cannot be measured here"),
    ]
    for source, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            start(tmp_path / "run", settings(LatencyLimit(1, source)))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()
    assert not issubclass(UnknownNameError, WrongSettingError)  # both are usage, see cli/errors.py


def test_budgets_and_back_ends_are_paired() -> None:
    assert latency_limits(None, None) == latency_limits([], []) == ()
    assert latency_limits(0.3, None) == (LatencyLimit(0.3, "predictor:v100-pytorch-fp16"),)
    assert latency_limits([1, 2.5], ["torch", "predictor:a"], 8) == (
        LatencyLimit(1.0, "torch", 8),
        LatencyLimit(2.5, "predictor:a", 8),
    )
    wrong: list[tuple[object, object, int | None]] = [
        ([1, 2], None, None),
        ([1, 2], ["torch"], None),
        (None, "torch", None),
        (0, None, None),
        (float("nan"), None, None),
        ("fast", None, None),
        (None, None, 8),
        (1, None, 0),
        ([1, 2], ["torch", "torch"], None),
    ]
    for ms, sources, batch in wrong:
        with pytest.raises(WrongSettingError, match=r"expected|latency budget"):
            latency_limits(ms, sources, batch)  # type: ignore[arg-type]
    for limit in ({"ms": 0}, {"ms": -1.0}, {"ms": 1, "batch_size": 0}):
        with pytest.raises(BudgetError, match="expected"):
            LatencyLimit(**limit)  # type: ignore[arg-type]
    with pytest.raises(BudgetError, match="expected one"):
        Budget(latency=(LatencyLimit(1), LatencyLimit(2)))


def test_settings_with_latencies_survive_json(abacus: str) -> None:
    chosen = settings(LatencyLimit(0.05, abacus), LatencyLimit(12, "torch:fp32", 4))
    assert SearchSettings.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


def test_a_search_under_latency_by_the_api(tmp_path: Path, abacus: str, slate: str) -> None:
    result = zennas.search(
        budget_latency_ms=[0.05, 0.25],
        latency_backend=[abacus, slate],
        latency_batch_size=4,
        max_layers=9,
        resolution=16,
        iterations=200,
        strategy_options={"population_size": 10},
        proxy="flops",
        save_dir=tmp_path / "run",
    )
    assert [report.limit.batch_size for report in result.latency] == [4, 4]
    assert all(report.within for report in result.latency)


# -- measuring ---------------------------------------------------------------------------------


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
        return LatencyStats(subject.name, how, [ms * (1 + i / 1000) for i in range(9)], True, 0.0, {"device": "test"})


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr("latency.measuring.measure.measure", watch)
    return watch


def mine(folder: Path, **changed: float) -> str:
    """A profile of this very machine."""
    return written(folder, profile("mine", device=processor(), **changed))  # type: ignore[arg-type]


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
    easy = search(tmp_path / "easy", settings(LatencyLimit(0.05, source)))
    times = [candidate.latency[source].measured or 0.0 for candidate in easy.measured]
    assert easy.best == easy.measured[0]
    assert len(set(times)) == 3
    # So slow that the first is over the budget, and another one is not.
    quicker = next(i for i, ms in enumerate(times) if ms < times[0])
    stopwatch.factor = 0.05 / (0.5 * (times[0] + times[quicker]))
    hard = search(tmp_path / "hard", settings(LatencyLimit(0.05, source)))
    assert hard.best is not None
    assert hard.best != hard.measured[0]
    assert hard.best.latency[source].ms <= 0.05
    assert "zen_expected" in hard.best.measures
    assert not hard.latency[0].notes
    stopwatch.factor = 1000
    over = search(tmp_path / "over", settings(LatencyLimit(0.05, source)))
    assert over.best == over.measured[0]
    assert not over.latency[0].within
    assert over.latency[0].notes[0].startswith("the measured latency is over the budget for all of the best 3")


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
        def searching(self, progress: object, iterations: int, best: float | None) -> None:
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


def test_predictions_follow_the_settings(abacus: str) -> None:
    structure = parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,8,2,8,1)SuperConvK1BNRELU(8,16,1,1)")
    limit = LatencyLimit(1, abacus, 1)
    small, large = (Predicted(limit, settings(limit, resolution=side))(structure).ms for side in (16, 64))
    gated = Predicted(limit, settings(limit, use_se=True))(structure).ms
    assert small < gated < large


# -- the command line --------------------------------------------------------------------------

OPTIONS = ["--max-layers", "9", "--resolution", "16", "--iterations", "200", "--population-size", "10"]
OPTIONS += ["--proxy", "flops"]


def test_the_command_line(run: Run, abacus: str, slate: str) -> None:
    budgets = ["--budget-latency-ms", "0.05", "--latency-backend", abacus]
    code, out, err = run("search", *OPTIONS, *budgets, "--save-dir", "mine")
    assert (code, err) == (0, "")
    assert "latency abacus: 0.0" in out
    assert "(budget: 0.05 ms per image at batch 1)" in out
    assert "predicted only: Abacus 3000 is not here" in out
    code, out, _ = run("runs", "mine")
    assert "latency ≤ 0.05 ms (abacus)" in out
    code, out, _ = run("runs", ".")
    assert "0.05 ms" in " ".join(out.split())
    seconds = ["--budget-latency", "5e-5", "--latency-backend", abacus]
    more = ["--budget-latency", "2.5e-4", "--latency-backend", slate, "--latency-batch-size", "2"]
    code, out, _ = run("search", *OPTIONS, *seconds, *more, "--json")
    assert [device["budget_ms"] for device in json.loads(out)["latency"]] == [0.05, 0.25]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget-latency-ms", "1", "--budget-latency-ms", "2"], "2 latency budgets and 0 latency back ends"),
        (["--latency-backend", "torch"], "0 latency budgets and 1 latency back ends"),
        (["--budget-latency-ms", "1", "--budget-latency", "1"], "both units are given"),
        (["--budget-latency-ms", "0"], "0 is out of range"),
        (["--budget-latency-ms", "fast"], "'fast' is not a number"),
        (["--budget-latency-ms", "1", "--latency-backend", "toch"], "unknown latency back end 'toch'"),
        (["--budget-latency-ms", "1", "--latency-backend", "torch:fp32:cuda:99"], "cannot be measured here"),
    ],
)
def test_wrong_use_is_told(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run("search", *OPTIONS, *arguments, "--save-dir", "mine")
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())
    assert not Path("mine").exists()


def test_an_unknown_profile_is_told_in_a_line(run: Run) -> None:
    code, _, err = run("search", "--budget-latency-ms", "1", "--latency-backend", "predictor:v99", "--save-dir", "mine")
    assert code == 2
    assert err.startswith("error: no latency profile 'v99'")
    assert len(err.splitlines()) == 1
    assert not Path("mine").exists()


def test_measured_beside_predicted(run: Run, tmp_path: Path, stopwatch: Stopwatch) -> None:
    source = mine(tmp_path)
    code, out, _ = run("search", *OPTIONS, "--budget-latency-ms", "0.05", "--latency-backend", source, "--top", "2")
    assert code == 0
    assert "ms predicted, " in out
    assert "95 % interval" in out
    assert "mine measured" in " ".join(out.split())
    assert "1 (best)" in out or "2 (best)" in out
