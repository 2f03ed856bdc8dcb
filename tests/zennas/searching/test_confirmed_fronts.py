"""Fronts whose points are confirmed by Monte Carlo: each by a race of the best of its cell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.zennas.conftest import Run
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate
from zennas.runs.store import Store
from zennas.searching.fronts.front import Range, front_settings, grid_of, rivals_of, undominated
from zennas.searching.objectives.base import objective_of
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ProxyError

from .test_runs import CutShort, Interrupter

PLAIN = SearchSettings(
    proxy="zen", resolution=16, device="cpu", budget=Budget(layers=8), top=3, repeats=4, batch_size=4
)
ONE: tuple[str, Range] = ("params", "20k:100k")


def found(folder: Path, confirmation: str = "racing", **changed: object) -> SearchResult:
    settings = front_settings(PLAIN, *ONE, 4, 8, iterations=600, confirmation=confirmation)
    start(folder, replace(settings, **changed))  # type: ignore[arg-type]
    return read_result(folder)


def zen(one: Candidate) -> float:
    return one.measures["zen"].value


@pytest.mark.parametrize("confirmation", ["racing", "full"])
def test_each_point_is_the_confirmed_best_of_its_cell(tmp_path: Path, confirmation: str) -> None:
    plain, result = found(tmp_path / "plain", "none"), found(tmp_path / "run", confirmation)
    grid = grid_of(result.settings)
    assert grid is not None
    assert plain.confirmation is None
    about = result.confirmation
    assert about is not None
    assert (about.how, about.proxy, about.undecided, about.stopped) == (confirmation, "zen", None, "")
    cells = {grid.cell(one): one for one in plain.points}
    assert {grid.cell(one) for one in result.points} <= set(cells)
    values = [zen(one) for one in result.points]
    assert values == sorted(values)
    assert result.best == result.points[-1]
    raced = {one.id for one in result.confirmed}
    assert {one.id for one in result.points} <= raced == set(about.repeats)
    assert {one.id for one in plain.points} <= raced
    assert len(raced) <= 3 * len(cells)
    if confirmation == "racing":
        with Store.read(tmp_path / "run") as store:
            assert about.evaluations == len(store.scores()) == sum(about.repeats.values()) <= about.most
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert [one["confirmed"]["value"] for one in content["points"]] == values
    assert [one["score"] for one in content["points"]] == [one.measures["zen_expected"].value for one in result.points]
    assert "confirmed" not in plain.to_json()["points"][0]


def test_over_two_costs_the_best_point_is_that_of_the_highest_confirmed_score(tmp_path: Path) -> None:
    over, between = ["params", "flops"], ["30k:100k", "2M:20M"]
    settings = front_settings(PLAIN, over, between, (2, 2), 6, iterations=500, confirmation="racing")
    start(tmp_path / "run", settings)
    result = read_result(tmp_path / "run")
    assert result.best is not None
    assert zen(result.best) == max(map(zen, result.points))


def test_a_confirmation_that_is_interrupted_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    class Late(Interrupter):
        def searching(self, progress: object, settings: object, best: float | None) -> None:
            pass

        def confirming(self, done: int, total: int) -> None:
            super().searching(None, 0, None)

    whole = found(tmp_path / "whole")
    with pytest.raises(CutShort):
        start(tmp_path / "parts", whole.settings, Late(4))
    for again in (3, 9):
        with pytest.raises(CutShort):
            resume(tmp_path / "parts", Late(again))
    resume(tmp_path / "parts")
    parts = read_result(tmp_path / "parts")
    assert (parts.points, parts.best, parts.confirmed) == (whole.points, whole.best, whole.confirmed)
    assert parts.confirmation == whole.confirmation


def test_a_point_that_cannot_be_confirmed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zennas.searching.choosing import confirming

    usual, plain = confirming.score, found(tmp_path / "plain", "none")
    first = str(plain.points[0].structure)

    def failing(structure: object, *more: object) -> object:
        if str(structure) == first:
            raise ProxyError("no score")
        return usual(structure, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(confirming, "score", failing)
    result = found(tmp_path / "run", top=1)
    assert [one.structure for one in result.points] == [one.structure for one in plain.points[1:]]
    assert result.failures == {"no score": 1}
    monkeypatch.setattr(confirming, "score", lambda *_: (_ for _ in ()).throw(ProxyError("no score at all")))
    with pytest.raises(ProxyError, match="no score at all"):
        found(tmp_path / "none", top=1)


def test_rivals_are_the_best_of_the_cell_after_the_point(tmp_path: Path) -> None:
    result = found(tmp_path / "run", "none")
    grid, objective = grid_of(result.settings), objective_of(result.settings)
    assert grid is not None
    with Store.read(tmp_path / "run") as store:
        kept = [one for one in store.candidates() if one.status == "member"]
    for point, rivals in zip(result.points, rivals_of(grid, objective, kept, result.points, 5), strict=True):
        assert rivals[0].id == point.id
        assert {grid.cell(one) for one in rivals} == {grid.cell(point)}
        values = objective.values(rivals)
        assert values == sorted(values, reverse=True)
        assert len(rivals) <= 5
    level = undominated(grid, list(result.points), [1.0] * len(result.points))
    assert level == [result.points[0]]


@pytest.mark.parametrize("proxy", ["zen_expected", "params"])
def test_nothing_confirms_what_has_no_random_proxy(proxy: str) -> None:
    settings = replace(PLAIN, proxy=proxy)
    with pytest.raises(WrongSettingError, match=f"nothing confirms points by {proxy}: name a random proxy"):
        front_settings(settings, *ONE, confirmation="racing")
    by = front_settings(replace(settings, confirm_by="zen"), *ONE, confirmation="racing")
    assert by.confirmation == "racing"


def test_the_command(run: Run, tmp_path: Path) -> None:
    asked = "--over params --range 20k:100k --points 3 --members 6 --max-layers 8 --resolution 16 --iterations 300"
    more = "--repeats 3 --batch-size 4 --top 2"
    code, out, _ = run("front", *asked.split(), *more.split(), "--confirmation", "racing", "--save-dir", "one")
    assert code == 0
    assert "zen, 95 % interval" in out
    assert "confirmed by zen: " in out
    code, again, _ = run("front", *asked.split(), *more.split(), "--confirm-by", "zen", "--save-dir", "two")
    assert (code, again) == (0, out.replace("one@", "two@").replace(line_of(out), line_of(again)))
    assert "confirmed" not in run("front", *asked.split(), "--save-dir", "three")[1]


def test_what_only_a_confirmation_reads_is_refused_without_one(run: Run, tmp_path: Path) -> None:
    asked = "--over params --range 20k:100k --points 3 --max-layers 8 --resolution 16 --iterations 50"
    for flag, value, more in (("--top", "2", ()), ("--confirm-by", "zen", ("--confirmation", "none"))):
        code, _, err = run("front", *asked.split(), flag, value, *more, "--save-dir", str(tmp_path / "one"))
        assert code == 2
        assert f"no point is confirmed; add --confirmation racing, or leave out {flag}" in " ".join(err.split())
        assert not (tmp_path / "one").exists()


def line_of(out: str) -> str:
    """The line with the seconds."""
    return next(line for line in out.splitlines() if line.startswith("tried"))
