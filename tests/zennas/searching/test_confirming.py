"""Confirming the best of a search: by racing or in full, by which proxy, interrupted, counted and shown."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.zennas.conftest import Run
from zennas.common.errors import SettingsError
from zennas.runs.store import Store
from zennas.searching.choosing.confirming import round_seed
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import resume, start
from zennas.searching.scoring import confirmation_batch
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import PROXIES, ProxyError, Score, ScoreSettings, score

from .test_runs import SETTINGS as SEARCHED
from .test_runs import CutShort, Interrupter

SETTINGS = replace(SEARCHED, iterations=300, top=4, repeats=4)


def found(folder: Path, settings: SearchSettings = SETTINGS, **changed: object) -> SearchResult:
    start(folder, replace(settings, **changed))  # type: ignore[arg-type]
    return read_result(folder)


def test_every_score_is_the_mean_of_counted_evaluations(tmp_path: Path) -> None:
    result = found(tmp_path / "run")
    about = result.confirmation
    assert about is not None
    with Store.read(tmp_path / "run") as store:
        rounds = store.scores()
    assert about.evaluations == len(rounds) == sum(about.repeats.values()) <= about.most == 16
    assert (about.how, about.proxy, about.measure, about.batch_size) == ("racing", "zen", "zen", 4)
    for candidate in result.confirmed:
        mine = sorted((one.repeat, one.value) for one in rounds if one.candidate == candidate.id)
        assert [i for i, _ in mine] == list(range(about.repeats[candidate.id]))
        for i, value in mine:
            once = ScoreSettings(resolution=16, batch_size=4, repeats=1, seed=round_seed(0, i), device="cpu")
            assert score(candidate.structure, ["zen"], once)["zen"].value == value
        measured = candidate.measures["zen"]
        assert measured.value == pytest.approx(sum(value or 0 for _, value in mine) / len(mine))
        assert measured.low is not None
        assert measured.low < measured.value
    shown = json.loads(json.dumps(result.to_json()))
    assert shown["confirmation"]["evaluations"] == about.evaluations
    assert [one["repeats"] for one in shown["confirmed"]] == [about.repeats[c.id] for c in result.confirmed]


def test_in_full_every_candidate_has_all_repetitions_with_its_own_seed(tmp_path: Path) -> None:
    result = found(tmp_path / "run", confirmation="full")
    assert result.confirmation is not None
    assert (result.confirmation.evaluations, result.confirmation.batch_size) == (16, 4)
    values = [candidate.measures["zen"].value for candidate in result.confirmed]
    assert values == sorted(values, reverse=True)
    best = result.confirmed[0]
    own = ScoreSettings(resolution=16, batch_size=4, repeats=4, seed=best.seed, device="cpu")
    assert score(best.structure, ["zen"], own)["zen"].value == best.measures["zen"].value


def test_races_and_full_confirmations_choose_among_the_same(tmp_path: Path) -> None:
    race, full = found(tmp_path / "race"), found(tmp_path / "full", confirmation="full")
    none = found(tmp_path / "none", confirmation="none")
    assert {c.id for c in race.confirmed} == {c.id for c in full.confirmed}
    assert (none.confirmation, none.confirmed) == (None, ())
    assert none.best is not None
    assert set(none.best.measures) == {"zen_expected"}


@pytest.mark.parametrize("confirmation", ["racing", "full"])
def test_an_interrupted_confirmation_ends_like_an_undisturbed_one(tmp_path: Path, confirmation: str) -> None:
    settings = replace(SETTINGS, confirmation=confirmation)

    class Late(Interrupter):
        def searching(self, progress: object, settings: object, best: float | None) -> None:
            pass

        def confirming(self, done: int, total: int) -> None:
            super().searching(None, 0, None)

    whole = found(tmp_path / "whole", settings)
    with pytest.raises(CutShort):
        start(tmp_path / "parts", settings, Late(3))
    for again in (2, 4):
        with pytest.raises(CutShort):
            resume(tmp_path / "parts", Late(again))
    resume(tmp_path / "parts")
    parts = read_result(tmp_path / "parts")
    assert (parts.best, parts.confirmed, parts.confirmation) == (whole.best, whole.confirmed, whole.confirmation)


def test_a_closed_form_is_confirmed_by_its_counterpart(tmp_path: Path) -> None:
    result = found(tmp_path / "run", proxy="naswot_expected", confirm_by="counterpart")
    assert result.best is not None
    assert list(result.best.measures) == ["naswot", "naswot_expected"]
    assert result.confirmation is not None
    assert (result.confirmation.proxy, result.confirmation.batch_size) == ("naswot", 4)
    assert found(tmp_path / "other", proxy="naswot_expected").confirmation is None


def test_counterparts_are_random_proxies() -> None:
    pairs = {proxy.info.name: proxy.info.expectation_of for proxy in PROXIES if proxy.info.expectation_of}
    assert set(pairs) >= {"zen_expected", "naswot_expected", "grad_norm_expected", "log_synflow_expected"}
    assert all(PROXIES.get(other).info.random for other in pairs.values())
    assert not any(PROXIES.get(name).info.random for name in pairs)


def test_the_selected_scores_of_a_random_search_are_not_those_that_confirm(tmp_path: Path) -> None:
    result = found(tmp_path / "run", proxy="zenmc", confirm_by="zen", iterations=60)
    assert result.best is not None
    assert list(result.best.measures) == ["zen_confirmed", "zen"]
    with Store.open(tmp_path / "run") as store:
        store.put({"status": "searching"})
    resume(tmp_path / "run")
    assert read_result(tmp_path / "run").confirmed == result.confirmed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"proxy": "flops", "confirm_by": "counterpart"}, "proxy flops has no Monte Carlo counterpart"),
        ({"confirm_by": "flops"}, "flops is the same for every seed, so it cannot confirm"),
        ({"confirm_by": "az_nas"}, "az_nas ranks populations, so it cannot confirm"),
    ],
)
def test_proxies_that_cannot_confirm_are_refused_before_the_search(
    tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        found(tmp_path / "run", **changed)
    assert not (tmp_path / "run").exists()


def test_batches_are_the_smallest_that_suffice() -> None:
    zen, naswot = (PROXIES.get(name).info for name in ("zen", "naswot"))
    sizes = {side: confirmation_batch(SearchSettings(resolution=side), zen) for side in (8, 32, 96, 160, 224, 512)}
    assert sizes == {8: 16, 32: 16, 96: 11, 160: 4, 224: 2, 512: 2}
    large = SearchSettings(resolution=224, batch_size=64)
    assert confirmation_batch(large, zen) == 2
    assert confirmation_batch(large, naswot) == 64  # the score depends on it
    assert confirmation_batch(replace(large, confirmation_batch=8), naswot) == 8


def test_candidates_that_fail_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = found(tmp_path / "whole")
    bad = whole.confirmed[0]

    def failing(structure: object, names: list[str], settings: ScoreSettings) -> dict[str, Score]:
        if structure == bad.structure:
            raise ProxyError("not today")
        return score(structure, names, settings)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr("zennas.searching.choosing.confirming.score", failing)
    result = found(tmp_path / "run")
    assert bad.id not in [candidate.id for candidate in result.confirmed]
    assert (len(result.confirmed), result.failures) == (3, {"not today": 1})
    monkeypatch.setattr("zennas.searching.choosing.confirming.score", lambda *given: failing(bad.structure, *given[1:]))
    with pytest.raises(ProxyError, match="none of the best 4 structures could be confirmed; last error: not today"):
        found(tmp_path / "none")


def test_the_command_counts_evaluations(tmp_path: Path, run: Run) -> None:
    options = ("--budget-params", "60k", "--max-layers", "8", "--iterations", "200", "--batch-size", "4", "--top", "3")
    folder = str(tmp_path / "run")
    code, out, err = run("search", *options, "--repeats", "3", "--device", "cpu", "--save-dir", folder)
    assert code == 0, err
    about = read_result(tmp_path / "run").confirmation
    assert about is not None
    assert f"confirmed by zen: {about.evaluations} evaluations of 3 networks at batch 4, of at most 9; " in out
    code, _, err = run("search", *options, "--confirm-by", "params")
    assert code == 2
    assert "choose a random proxy, like zen" in err


def test_seeds_of_rounds_differ_from_each_other_and_between_searches() -> None:
    seeds = {round_seed(seed, i) for seed in range(20) for i in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert math.log2(max(seeds)) > 60
