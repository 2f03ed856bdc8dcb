"""Searches of a table: what is trained, charged, rejected, reported, and stored with a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from SearchSpace import load_space
from SearchSpace.nasbench201 import cell_of
from tests.zennas.table_files import worth, write_scores, write_table
from zennas.accuracy.tables import TableError
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.runs.store import Store
from zennas.searching.preparing import completed, prepare
from zennas.searching.result import SearchResult
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings


def settings(table: Path, strategy: str = "aging", evaluations: int = 100) -> SearchSettings:
    return SearchSettings(
        search_space="nasbench201",
        objective=f"table:{table}:c10_val",
        report_column="c10_test",
        strategy=strategy,
        budget_evaluations=evaluations,
    )


def search(chosen: SearchSettings, folder: Path) -> SearchResult:
    start(folder, chosen)
    return zennas.continue_search(folder)


@pytest.mark.parametrize("strategy", ["aging", "random", "evolution", "nsga2"])
def test_the_best_has_the_accuracies_of_the_table(strategy: str, tmp_path: Path) -> None:
    found = search(settings(write_table(tmp_path / "t.csv"), strategy), tmp_path / "run")
    assert found.best is not None
    value = worth(cell_of(found.best.structure))
    assert found.best.measures["c10_val"].value == pytest.approx(value)
    assert found.best.measures["c10_test"].value == pytest.approx(value - 1)
    assert found.counts["scored"] == 100
    assert "table" in (found.score_meaning or "")


def test_what_the_table_lacks_is_rejected_and_counted(tmp_path: Path) -> None:
    found = search(settings(write_table(tmp_path / "t.csv", share=0.5)), tmp_path / "run")
    assert found.counts["scored"] == 100
    assert 0 < found.counts["rejected"]["not in table"] < found.counts["tried"]
    assert "failed" not in found.counts["rejected"]


def test_duplicates_are_charged_as_published_or_rejected(tmp_path: Path) -> None:
    chosen = settings(write_table(tmp_path / "t.csv"), evaluations=400)
    charged = search(chosen, tmp_path / "charged")
    assert charged.settings.duplicates == "charged"
    assert "duplicate" not in charged.counts["rejected"]
    assert charged.counts["tried"] == charged.counts["scored"] == 400
    rejected = search(replace(chosen, duplicates="rejected"), tmp_path / "rejected")
    assert rejected.counts["rejected"]["duplicate"] > 0
    assert rejected.counts["scored"] == 400
    assert completed(replace(chosen, strategy="evolution")).duplicates == "rejected"


def test_the_table_is_found_from_any_folder_and_must_not_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "t.csv", share=0.2)
    monkeypatch.chdir(tmp_path)
    start(tmp_path / "run", settings(Path("t.csv")))
    with Store.open(tmp_path / "run") as store:
        assert store.get("settings")["objective"] == f"table:{tmp_path / 't.csv'}:c10_val"
        store.put({"status": "searching"})
    monkeypatch.chdir("/")
    resume(tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        store.put({"status": "searching"})
    write_table(tmp_path / "t.csv", share=0.2, test=-2)
    with pytest.raises(SettingsError, match=r"t\.csv has changed since the run"):
        resume(tmp_path / "run")
    (tmp_path / "t.csv").unlink()
    with pytest.raises(SettingsError, match="cannot be continued"):
        resume(tmp_path / "run")


def test_a_run_that_ends_by_evaluations_is_not_extended(tmp_path: Path) -> None:
    start(tmp_path / "run", settings(write_table(tmp_path / "t.csv")))
    with pytest.raises(WrongSettingError, match="--budget-evaluations"):
        resume(tmp_path / "run", iterations=1_000_000)


def test_published_protocols_begin_with_draws_and_a_user_with_a_structure(tmp_path: Path) -> None:
    chosen = settings(write_table(tmp_path / "t.csv"))
    space = load_space("nasbench201")
    for strategy in ("aging", "random"):
        firsts = {
            prepare(completed(replace(chosen, strategy=strategy, seed=seed))).search.ask(1)[0].structure
            for seed in range(8)
        }
        assert len(firsts) == 8
        named = replace(chosen, strategy=strategy, initial=str(space.initial()))
        assert prepare(completed(named)).search.ask(1)[0].structure == space.initial()


def test_a_warm_up_trains_the_best_first(tmp_path: Path) -> None:
    table, scores = write_table(tmp_path / "t.csv"), write_scores(tmp_path / "s.csv")
    for strategy in ("aging", "random"):
        chosen = replace(settings(table, strategy, 50), warm_up=200, warm_up_proxy=f"table:{scores}:good")
        prepared = prepare(completed(chosen))
        values = []
        for _ in range(50):
            (candidate,) = prepared.search.ask(1)
            values.append(worth(cell_of(candidate.structure)))
            prepared.search.tell([candidate.evaluated(prepared.objective.measure(candidate))])
        assert values == sorted(values, reverse=True)
        assert prepared.search.progress().ranked == pytest.approx(200, abs=10)


def test_a_warm_up_smaller_than_the_pool_and_scores_that_fail_do_no_harm(tmp_path: Path) -> None:
    table, scores = write_table(tmp_path / "t.csv"), write_scores(tmp_path / "s.csv")
    chosen = replace(settings(table), warm_up=20, move_proposal=24, warm_up_proxy=f"table:{scores}:bad")
    assert search(chosen, tmp_path / "run").counts["scored"] == 100


def test_a_warm_up_by_a_proxy_and_by_ranks(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    for name in ("naswot_expected", "mean_rank(flops+naswot_expected)"):
        chosen = replace(settings(table, evaluations=70), warm_up=80, move_proposal=3, warm_up_proxy=name)
        found = search(chosen, tmp_path / name[:4])
        assert found.counts["scored"] == 70
        assert found.counts["ranked"] > 80


def test_a_table_of_another_space_is_refused_at_once(tmp_path: Path) -> None:
    chosen = replace(settings(write_table(tmp_path / "t.csv", share=0.01)), search_space="darts")
    with pytest.raises(TableError, match="has no architecture of darts, but"):
        start(tmp_path / "run", chosen)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"strategy": "random", "move_proposal": 5}, "--move-proposal 5 needs a score"),
        ({"warm_up": 5}, "add --warm-up-proxy"),
        ({"warm_up_proxy": "flops"}, "is not used"),
        ({"move_random": 0.5}, "--move-random 0.5 is not used"),
        ({"objective": "proxy"}, "--report-column c10_test is a column of a table"),
        ({"objective": "table"}, "names no file"),
        ({"warm_up": 9, "warm_up_proxy": "flops", "initial": str(load_space("nasbench201").initial())}, "leave out"),
        ({"strategy_options": {"pool": 5}}, "tournament is 10, expected at most the pool of 5"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changed: dict[str, object], message: str, tmp_path: Path) -> None:
    chosen = replace(settings(write_table(tmp_path / "t.csv", share=0.01)), **changed)  # type: ignore[arg-type]
    with pytest.raises(WrongSettingError, match=message):
        start(tmp_path / "run", chosen)
    assert not (tmp_path / "run").exists()


def test_the_points_of_a_front_have_the_reported_column(tmp_path: Path) -> None:
    chosen = replace(
        settings(write_table(tmp_path / "t.csv"), "front", 300),
        strategy_options={"over": "flops", "low": 5e7, "high": 4e8, "points": 4, "members": 8},
    )
    found = search(chosen, tmp_path / "run")
    assert found.front is not None
    assert all(
        point.measures["c10_val"].value == pytest.approx(point.measures["c10_test"].value + 1)
        for point in found.front.points
    )
