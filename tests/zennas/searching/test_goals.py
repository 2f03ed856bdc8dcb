"""Searches for several goals: what they ask for, what they find, and how they end when they are interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from PlainNet.ram import RamModel
from tests.zennas.conftest import Run
from zennas.budget.budgets import Budget, LatencyLimit
from zennas.common.errors import WrongSettingError
from zennas.named.structures import resolve
from zennas.pages.record import read_record
from zennas.pages.sections import found, hypervolume
from zennas.runs.candidate import Candidate
from zennas.runs.store import Store
from zennas.searching.fronts.goals import Goal, check_goals, goals_of, known_goals, with_goals
from zennas.searching.fronts.tradeoff import Tradeoff, balanced_point, tradeoff_points
from zennas.searching.objectives.base import VectorObjective, objective_of
from zennas.searching.preparing import completed, prepare
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings

from .test_runs import Clock, CutShort, Interrupter, rows

NB201 = SearchSettings(
    search_space="nasbench201",
    maximise=("zen",),
    minimise=("flops", "ram"),
    objective="vector",
    strategy="nsga2",
    strategy_options={"population_size": 12},
    iterations=90,
    resolution=16,
    device="cpu",
)
OPEN = replace(NB201, search_space="XXBL", budget=Budget(params=100_000, layers=8))


def tradeoff(folder: Path) -> Tradeoff:
    result = read_result(folder)
    assert result.tradeoff is not None
    return result.tradeoff


def vector(found: Tradeoff, one: Candidate) -> tuple[float, ...]:
    return tuple(goal.value(one) for goal in found.goals)


def better(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("strategy", ["nsga2", "random", "evolution"])
@pytest.mark.parametrize("settings", [NB201, OPEN], ids=["decisions", "open"])
def test_no_point_dominates_another(tmp_path: Path, settings: SearchSettings, strategy: str) -> None:
    options = settings.strategy_options if strategy != "random" else {}
    start(tmp_path / "run", replace(settings, strategy=strategy, strategy_options=options))
    front, result = tradeoff(tmp_path / "run"), read_result(tmp_path / "run")
    vectors = [vector(front, one) for one in front.points]
    assert len(vectors) > (0 if strategy == "random" else 2)
    assert vectors == sorted(set(vectors))
    assert not any(better(a, b) for a in vectors for b in vectors)
    with Store.read(tmp_path / "run") as store:
        members = [one for one in store.candidates() if one.status == "member"]
    assert not any(better(vector(front, one), found) for one in members for found in vectors)
    for one in front.points:
        assert settings.budget.violation(one.cost) is None
        assert one.measures["flops"].value == one.cost.flops
        assert one.measures["ram"].value == result.memories(one)["ram"]
    assert result.best in front.points
    assert (front.hypervolume is not None) == (strategy == "nsga2")


def test_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    start(folder, NB201)
    front = tradeoff(folder)
    content = json.loads(json.dumps(read_result(folder).to_json(), allow_nan=False))
    assert content["objectives"] == [
        {"name": "zen_expected", "direction": "maximise"},
        {"name": "flops", "direction": "minimise"},
        {"name": "ram", "direction": "minimise"},
    ]
    for number, one in enumerate(content["points"], start=1):
        assert str(resolve(f"{folder}@{number}").structure) == one["structure"]
        assert one["scores"]["flops"] == one["flops"]
    volume = content["hypervolume"]
    assert set(volume["reference"]) == set(volume["unit"]) == {"zen_expected", "flops", "ram"}
    assert volume["history"][-1] == {"tried": 90, "hypervolume": volume["value"]}
    tried = [one["tried"] for one in volume["history"]]
    assert tried == sorted(set(tried))
    assert front.hypervolume is not None
    assert front.hypervolume.value >= front.hypervolume.history[0][1]
    assert str(resolve(str(folder)).structure) == content["best_structure"]


@pytest.mark.parametrize("settings", [NB201, OPEN], ids=["decisions", "open"])
@pytest.mark.parametrize("after", [1, 4, 9])
def test_an_interrupted_search_ends_like_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: SearchSettings, after: int
) -> None:
    monkeypatch.setattr("zennas.searching.runner.time", Clock())
    start(tmp_path / "whole", settings)
    with pytest.raises(CutShort):
        start(tmp_path / "parts", settings, Interrupter(after))
    resume(tmp_path / "parts")
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    assert tradeoff(tmp_path / "whole") == tradeoff(tmp_path / "parts")
    start(tmp_path / "other", replace(settings, seed=1))
    assert tradeoff(tmp_path / "other") != tradeoff(tmp_path / "parts")


def test_more_iterations_continue(tmp_path: Path) -> None:
    start(tmp_path / "parts", replace(OPEN, iterations=40))
    resume(tmp_path / "parts", iterations=90)
    start(tmp_path / "whole", OPEN)
    assert tradeoff(tmp_path / "parts") == tradeoff(tmp_path / "whole")


def test_a_latency_of_the_budget_is_a_goal(tmp_path: Path, abacus: str) -> None:
    limit = LatencyLimit(0.5, abacus)
    settings = replace(OPEN, budget=Budget(layers=8, latency=(limit,)), minimise=(f"latency:{limit.label}",))
    start(tmp_path / "run", settings)
    front = tradeoff(tmp_path / "run")
    assert front.goals[1] == Goal(f"latency:{limit.label}", -1, True, limit.source)
    for one in front.points:
        assert one.measures[f"latency:{limit.label}"].value == one.latency[limit.source].ms <= 0.5
    with pytest.raises(WrongSettingError, match=r"latency:mine has no budget, so it is not known .*\(known: latency:"):
        goals_of(replace(settings, minimise=("latency:mine",)))


def test_proxies_that_run_networks_share_their_passes(tmp_path: Path) -> None:
    settings = replace(NB201, maximise=("naswot", "synflow"), minimise=("ntk",), iterations=4, batch_size=2, ahead=2)
    start(tmp_path / "run", settings)
    front = tradeoff(tmp_path / "run")
    assert [goal.sign for goal in front.goals] == [1, 1, -1]
    assert all(set(one.measures) == {"naswot", "synflow", "ntk"} for one in front.points)


def test_the_balanced_point_has_the_best_of_the_worst_goals() -> None:
    objective = objective_of(replace(NB201, minimise=("flops",)))
    assert isinstance(objective, VectorObjective)
    search = prepare(completed(replace(NB201, minimise=("flops",), iterations=60))).search
    while not search.done:
        search.tell([one.evaluated(objective.measure(one)) for one in search.ask(1)])
    points = tradeoff_points(objective, search.kept)
    vectors = objective.vectors(points)
    low, high = [list(map(end, zip(*vectors, strict=True))) for end in (min, max)]
    least = [min((v - a) / (b - a) for v, a, b in zip(row, low, high, strict=True)) for row in vectors]
    assert points[least.index(max(least))] is balanced_point(objective, points)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        (
            {"minimise": ()},
            "has 1 of --maximise and --minimise, expected 2 to 6 goals; for one score, use --proxy",
        ),
        ({"maximise": ("az_nas",)}, "az_nas ranks a population, so it has no value .* --maximise az_expressivity"),
        ({"maximise": ("vote(zico+snip)",)}, r"vote\(zico\+snip\) ranks a population"),
        ({"maximise": ("zen", "zen_expected")}, "zen_expected is named as a goal 2 times"),
        ({"maximise": ("ntk",)}, "lower is better for proxy ntk: use --minimise ntk"),
        ({"minimise": ("zico",)}, "higher is better for proxy zico: use --maximise zico"),
        ({"maximise": ("ram",)}, "ram is a cost, so it cannot be maximised: use --minimise ram"),
        (
            {"minimise": ("latency:v100-pytorch-fp16",)},
            "has no budget, .*: add --budget-latency-ms MS",
        ),
        ({"objective": "proxy"}, "the objective is proxy, which has no goals: leave out --objective"),
        ({"strategy": "front"}, "the strategy front looks for one score over costs"),
        ({"confirm_by": "zen"}, "the points of several goals are not confirmed: leave out --confirm-by"),
        ({"report": ("zico",)}, r"report no further proxies \(zico\): leave them out"),
    ],
)
def test_goals_that_do_not_work(changed: dict[str, object], error: str) -> None:
    with pytest.raises(WrongSettingError, match=error):
        check_goals(replace(NB201, **changed))  # type: ignore[arg-type]


def test_goals_choose_the_objective_and_the_strategy() -> None:
    assert with_goals({"maximise": ("a",)}) == {"maximise": ("a",), "objective": "vector", "strategy": "nsga2"}
    assert with_goals({"minimise": ("a",), "strategy": "random"})["strategy"] == "random"
    assert with_goals({"maximise": (), "seed": 1}) == {"maximise": (), "seed": 1}
    unknown = replace(NB201, maximise=("of_another_package",), minimise=("params",))
    assert known_goals(unknown) == (Goal("of_another_package", 1), Goal("params", -1))
    with pytest.raises(WrongSettingError, match="one score or several goals; for a goal, use maximise="):
        zennas.search(maximise=("zen",), minimise=("params",), proxy="zico", search_space="nasbench201")


def test_ram_is_that_of_the_structure() -> None:
    objective, prepared = objective_of(NB201), prepare(completed(NB201))
    (first,) = prepared.search.ask(1)
    model = RamModel(prepared.search.admission._problem.model)  # type: ignore[attr-defined]  # a PopulationSearch
    assert objective.measure(first)["ram"].value == model(first.structure)


def test_the_command_and_the_page(run: Run) -> None:
    given = ["--maximise", "zen", "--minimise", "flops", "--minimise", "params", "--search-space", "nasbench201"]
    code, out, err = run("search", *given, "--resolution", "16", "--iterations", "120", "--save-dir", "several")
    assert (code, err) == (0, "")
    assert "points for high zen_expected, low flops and low params; hypervolume" in out
    code, out, _ = run("search", "--config", "several/settings.toml", "--save-dir", "again", "--json")
    content = json.loads(out)
    assert code == 0
    code, out, _ = run("runs", "several", "--json")
    assert [one["structure"] for one in json.loads(out)["points"]] == [one["structure"] for one in content["points"]]
    code, out, _ = run("runs", ".")
    assert "nasbench201, front of high zen_expected, low flops and low params" in " ".join(out.split())
    code, _, _ = run("report", "several")
    text = Path("several/report.html").read_text()
    assert code == 0
    assert "combine high zen_expected, low flops and low params best" in text
    assert "How the front grew" in text
    chart = found.parts(read_record(Path("several")))[-1]
    assert chart.colour is not None  # type: ignore[union-attr]
    assert chart.axes[chart.colour].name == "parameters"  # type: ignore[union-attr]
    assert len(hypervolume.parts(read_record(Path("several")))) == 2
    code, _, err = run("search", *given, "--proxy", "zico", "--save-dir", "none")
    assert (code, Path("none").exists()) == (2, False)
    assert "a search has one score or several goals; for a goal, use --maximise zico" in err
    code, _, err = run("front", "--over", "params", "--range", "1k:2k", "--maximise", "zen")
    assert code == 2
