"""Searches that fail say so; finished searches can be extended; another number of threads is told."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from latency.measuring.conditions import cores
from SearchSpace import SearchSpaceError
from zennas.common.environment import threads
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.named.structures import resolve
from zennas.runs.designed import BEST_FILE
from zennas.runs.store import Store, StoreError
from zennas.searching import preparing
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.strategies.base import STRATEGIES

from .latency_searches import settings

Run = Callable[..., tuple[int, str, str]]
STRATEGY = """
from zennas.searching.strategies.base import register, Strategy
from zennas.searching.strategies.random import RandomOptions, RandomSearch

class Late(RandomSearch):
    def propose(self):
        return super().propose() if self.admission.tried < 30 else 1 // 0

register(Strategy("late_failure", "fails late", "a test", RandomOptions, Late))
"""


# -- failing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["return [['nonsense(']]", "return blocks[10 ** 6]", "return ['BN(3)']", "return []", "raise SystemExit"]
)
def test_a_wrong_search_space_leaves_no_run(tmp_path: Path, body: str) -> None:
    space = tmp_path / "mine.py"
    space.write_text(
        f"def gen_search_space(blocks, i):\n    if i == 2:\n        {body}\n    return [[str(blocks[i])]]\n"
    )
    chosen = replace(settings(), search_space=str(space), initial="BN(3)RELU(3)BN(3)", proxy="params")
    with pytest.raises(SearchSpaceError, match=r"mine\.py"):
        start(tmp_path / "run", chosen)
    assert not (tmp_path / "run").exists()


def test_a_search_space_that_fails_later_fails_the_run(tmp_path: Path, run: Run) -> None:
    space = tmp_path / "mine.py"
    # Only deep in the search: not on the walk before it.
    steps = 3 * preparing.REHEARSAL
    space.write_text(
        f"calls = []\ndef gen_search_space(blocks, i):\n    calls.append(i)\n"
        f"    if len(calls) > {steps}:\n        return ['nonsense']\n    return [['BN(3)', 'RELU(3)']]\n"
    )
    chosen = replace(settings(), search_space=str(space), initial="BN(3)RELU(3)BN(3)", proxy="params")
    with pytest.raises(SearchSpaceError, match="nonsense"):
        start(tmp_path / "run", chosen)
    _refuses_to_be_used(tmp_path / "run", "returns a list with 'nonsense'")
    code, out, _ = run("runs", str(tmp_path / "run"))
    assert code == 0
    assert "failed" in out
    assert "it failed: " in out
    assert BEST_FILE not in out
    code, _, err = run("train", str(tmp_path / "run"), "--dataset", "digits")
    assert (code, "failed, so it has no result" in err) == (1, True)


def test_a_strategy_that_fails_later_fails_the_run(tmp_path: Path) -> None:
    strategy = tmp_path / "late.py"
    strategy.write_text(STRATEGY)
    chosen = settings(iterations=60, strategy=str(strategy), strategy_options={})
    with pytest.raises(SettingsError, match=r"strategy .*late\.py:late_failure is broken: .* raised ZeroDivisionError"):
        start(tmp_path / "run", chosen)
    _refuses_to_be_used(tmp_path / "run", "ZeroDivisionError")


def _refuses_to_be_used(folder: Path, reason: str) -> None:
    found = read_result(folder)
    assert (found.status, reason in str(found.error)) == ("failed", True)
    assert json.loads(json.dumps(found.to_json()))["error"] == found.error
    with pytest.raises(StoreError, match=r"failed, so it has no result: .*continue it with"):
        resolve(str(folder))


def test_a_run_that_failed_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path / "whole", settings())

    def full(*arguments: object) -> None:
        raise SettingsError("not today")

    with monkeypatch.context() as patched, pytest.raises(SettingsError, match="not today"):
        patched.setattr("zennas.searching.runner.confirm", full)
        start(tmp_path / "run", settings())
    assert read_result(tmp_path / "run").status == "failed"
    resume(tmp_path / "run")
    found = read_result(tmp_path / "run")
    assert (found.status, found.error) == ("finished", None)
    assert found.best == read_result(tmp_path / "whole").best


# -- extending ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["evolution", "random"])
@pytest.mark.parametrize("status", ["finished", "searching"])
def test_an_extended_search_ends_like_one_that_had_its_iterations_from_the_beginning(
    tmp_path: Path, strategy: str, status: str
) -> None:
    options = {"evolution": {"population_size": 10}, "random": {"keep": 10}}[strategy]
    short = settings(iterations=150, strategy=strategy, strategy_options=options)
    start(tmp_path / "whole", replace(short, iterations=400))
    start(tmp_path / "parts", short)
    with Store.open(tmp_path / "parts") as store:
        store.put({"status": status})
    result = zennas.continue_search(tmp_path / "parts", iterations="0.4k")
    whole = read_result(tmp_path / "whole")
    assert (result.best, result.counts, result.failures) == (whole.best, whole.counts, whole.failures)
    assert result.status == "finished"
    assert result.settings == whole.settings
    for name in ("settings.toml", BEST_FILE):
        assert (tmp_path / "parts" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_a_search_is_not_extended_to_fewer_iterations(tmp_path: Path) -> None:
    start(tmp_path / "run", settings())
    before = read_result(tmp_path / "run")
    for iterations in (600, 599, 1):
        with pytest.raises(WrongSettingError, match=f"iterations is {iterations}, expected more than 600"):
            zennas.continue_search(tmp_path / "run", iterations=iterations)
    assert read_result(tmp_path / "run") == before


def test_a_strategy_that_cannot_go_on_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path / "run", settings())
    stiff = replace(STRATEGIES.get("evolution"), extensible=False)
    monkeypatch.setattr(preparing, "_strategy", lambda text: (stiff, "evolution"))
    with pytest.raises(WrongSettingError, match="evolution does not go on after its last iteration: start a new run"):
        resume(tmp_path / "run", iterations=700)
    assert read_result(tmp_path / "run").status == "finished"


def test_the_command_extends(tmp_path: Path, run: Run) -> None:
    start(tmp_path / "run", settings())
    code, _, err = run("search", "--resume", str(tmp_path / "run"))
    assert (code, "already finished; nothing to do" in err) == (0, True)
    code, out, err = run("search", "--resume", str(tmp_path / "run"), "--iterations", "1k", "--json")
    assert (code, json.loads(out)["counts"]["tried"]) == (0, 1000), err


# -- threads -----------------------------------------------------------------------------------


def test_another_number_of_threads_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(iterations=50, proxy="zen", repeats=2, batch_size=2)
    start(tmp_path / "run", chosen)
    made = read_result(tmp_path / "run").environment
    assert made["threads"] == threads() >= 1
    told: list[str] = []
    with Store.open(tmp_path / "run") as store:
        store.put({"status": "searching", "environment": {**made, "threads": made["threads"] + 3}})
    resume(tmp_path / "run", note=told.append)
    assert len(told) == 1
    assert f"was started with {made['threads'] + 3} threads, and is continued with {made['threads']}" in told[0]
    assert read_result(tmp_path / "run").environment["threads_on_resume"] == made["threads"]
    with Store.open(tmp_path / "run") as store:
        store.put({"status": "searching"})
    with pytest.warns(UserWarning, match="OMP_NUM_THREADS="):
        zennas.continue_search(tmp_path / "run")


def test_threads_that_do_not_matter_are_not_told(tmp_path: Path) -> None:
    start(tmp_path / "run", settings())
    with Store.open(tmp_path / "run") as store:
        store.put({"status": "searching", "environment": {"threads": 1000}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resume(tmp_path / "run")


def test_threads_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for asked, expected in (("3", 3), ("0", cores()), ("many", cores()), ("", cores())):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert threads() == expected
