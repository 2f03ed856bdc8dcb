"""Whole runs: the store, being killed, being resumed, and the results."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from zennas.api import continue_search
from zennas.budget.budgets import Budget, BudgetError
from zennas.common.errors import SettingsError
from zennas.runs.candidate import Candidate, Measure
from zennas.runs.designed import BEST_FILE
from zennas.runs.store import FILE, RunInUseError, Store, StoreError
from zennas.searching.objectives.proxy import SingleProxy
from zennas.searching.result import find_runs, read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.trust import Trust
from ZeroShotProxy import ProxyError

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = SearchSettings(
    budget=Budget(params=60_000, layers=8),
    iterations=1500,
    strategy_options={"population_size": 30},
    resolution=16,
    batch_size=4,
    repeats=2,
    top=3,
    device="cpu",
)


ONE_AT_A_TIME = replace(SETTINGS, strategy_options={"population_size": 30, "children": 1})


def rows(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / FILE)) as db:
        return db.execute(
            "SELECT id, structure, parent, iteration, seed, params, flops, layers, status, name, value "
            "FROM candidates LEFT JOIN measures ON candidate = id ORDER BY id, name"
        ).fetchall()


def test_a_search_from_beginning_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    start(folder, SETTINGS)
    result = read_result(folder)
    assert result.status == "finished"
    assert result.best is not None
    assert (folder / BEST_FILE).read_text() == f"{result.best.structure}\n"
    assert len(result.confirmed) == 3
    assert result.best == max(result.confirmed, key=lambda c: c.measures["zen"].value)
    zen = result.best.measures["zen"]
    assert zen.low is not None
    assert zen.low < zen.value < (zen.high or 0)
    assert "zen_expected" in result.best.measures
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert content["best_structure"] == str(result.best.structure)
    assert content["cost"]["params"] <= 60_000
    assert content["scores"]["zen"]["interval"] == [zen.low, zen.high]
    assert content["counts"]["tried"] == 1500
    assert content["seconds"] > 0
    assert result.environment["packages"]["torch"]  # type: ignore[index]
    assert find_runs(tmp_path) == [folder]
    continue_search(folder)  # finished: read, not repeated
    assert read_result(folder) == result


def test_the_api(tmp_path: Path) -> None:
    result = zennas.search(
        budget_params="60k",
        max_layers=8,
        iterations=300,
        proxy="params",
        save_dir=tmp_path / "run",
        initial="SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,8,2,8,1)SuperConvK1BNRELU(8,16,1,1)",
    )
    assert result.best is not None
    assert result.best.measures["params"].value == result.best.cost.params <= 60_000
    with pytest.raises(SettingsError, match=r"XXBL needs a budget, because its networks can grow .*--budget-ram"):
        zennas.search(save_dir=tmp_path / "other")


def test_a_space_of_finitely_many_structures_needs_no_budget(tmp_path: Path) -> None:
    result = zennas.search(search_space="nasbench201", proxy="params", iterations=300, save_dir=tmp_path / "run")
    assert result.best is not None
    with Store.open(tmp_path / "run") as store:
        assert result.best.cost.params == max(candidate.cost.params for candidate in store.candidates())


@pytest.mark.parametrize("proxy", ["zenmc", "flops", "random", "zen_expected"])
def test_other_proxies(tmp_path: Path, proxy: str) -> None:
    folder = tmp_path / "run"
    changed = {**vars(SETTINGS), "proxy": proxy, "iterations": 60}
    start(folder, SearchSettings(**changed))
    result = read_result(folder)
    assert result.best is not None
    name = {"zenmc": "zen"}.get(proxy, proxy)
    assert set(result.best.measures) == {name}
    assert result.best.measures[name].value == max(row[-1] for row in rows(folder))  # type: ignore[type-var]


class CutShort(Exception):  # noqa: N818
    """Raised in the middle of a search, as if it had been cut short."""


class Interrupter:
    def __init__(self, after: int) -> None:
        self.left = after

    def beginning(self, done: int, total: int, note: str) -> None:
        pass

    def searching(self, progress: object, settings: object, best: float | None) -> None:
        self.left -= 1
        if self.left == 0:
            raise CutShort

    def confirming(self, done: int, total: int) -> None:
        self.searching(None, None, None)


class Clock:
    """Time that passes by being looked at: watchers are called and checkpoints made after so many candidates."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.15
        return self.now

    time = monotonic


@pytest.mark.parametrize("children", [1, 8])
@pytest.mark.parametrize("after", [1, 3, 20, 40])
def test_an_interrupted_run_ends_like_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, children: int
) -> None:
    monkeypatch.setattr("zennas.searching.runner.time", Clock())
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    settings = replace(SETTINGS, strategy_options={"population_size": 30, "children": children})
    start(whole, settings)
    with pytest.raises(CutShort):
        start(parts, settings, Interrupter(after))
    for again in (2, 10):
        with pytest.raises(CutShort):
            resume(parts, Interrupter(again))
    resume(parts)
    a, b = read_result(whole), read_result(parts)
    assert rows(whole) == rows(parts)
    assert (a.best, a.confirmed, a.counts) == (b.best, b.confirmed, b.counts)


@pytest.mark.long
def test_kill_dash_nine(tmp_path: Path) -> None:
    options = ["--budget-params", "300k", "--max-layers", "14", "--iterations", "20k", "--proxy", "zen_expected"]
    command = [sys.executable, "-m", "zennas", "search", *options, "--json", "--save-dir"]
    whole = json.loads(
        subprocess.run([*command, str(tmp_path / "whole")], cwd=ROOT, capture_output=True, check=True).stdout
    )
    folder = tmp_path / "parts"
    process = subprocess.Popen([*command, str(folder)], cwd=ROOT, stdout=subprocess.DEVNULL)
    while not (folder / FILE).exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.1)
    with pytest.raises(RunInUseError, match=f"in use by process {process.pid}"):
        Store.open(folder)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = [sys.executable, "-m", "zennas", "search", "--json", "--resume", str(folder)]
    parts = json.loads(subprocess.run(again, cwd=ROOT, capture_output=True, check=True).stdout)
    for name in ("best_structure", "scores", "counts"):
        assert parts[name] == whole[name]
    assert rows(folder) == rows(tmp_path / "whole")


def test_a_run_is_used_by_one_process(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", {"status": "new"}) as store:
        with pytest.raises(RunInUseError, match=f"process {os.getpid()}"):
            Store.open(tmp_path / "run")
        with pytest.raises(RunInUseError):
            Store.create(tmp_path / "run", {})
        with Store.read(tmp_path / "run") as reader:
            assert reader.get("status") == "new"
        store.put({"status": "on"})
    with Store.open(tmp_path / "run") as store:
        assert store.get("status") == "on"
        assert store.get("nothing") is None


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="contains no run"):
        Store.open(tmp_path)
    (tmp_path / FILE).write_text("this is no database, whatever its name")
    for opening in (Store.open, Store.read):
        with pytest.raises(StoreError, match="is damaged, or not a run of zennas"):
            opening(tmp_path)
    other = tmp_path / "other"
    with Store.create(other, {}) as store:
        store.put({"format": 99})
    with pytest.raises(StoreError, match="has format 99"):
        Store.read(other)
    with pytest.raises(StoreError, match="already contains a run"):
        Store.create(other, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot create the folder"):
        Store.create(tmp_path / "file" / "run", {})


def test_wrong_settings_leave_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    cases: list[tuple[dict[str, object], type[Exception]]] = [
        ({"budget": Budget(params=10)}, BudgetError),
        ({"search_space": "nowhere"}, ValueError),
        ({"proxy": "nothing"}, ValueError),
        ({"device": "cuda:9"}, ValueError),
        ({"initial": "ConvKX(3,8,3,1)"}, ValueError),
        ({"initial": "Nonsense"}, ValueError),
    ]
    for change, error in cases:
        with pytest.raises(error):
            start(folder, SearchSettings(**{**vars(SETTINGS), **change}))  # type: ignore[arg-type]
        assert not folder.exists()


def test_a_changed_search_space_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = tmp_path / "mine.py"
    space.write_text("def gen_search_space(blocks, i): return [[str(blocks[i])], ['BN(3)']]\n")
    settings = SearchSettings(
        **{**vars(SETTINGS), "search_space": str(space), "initial": "BN(3)RELU(3)", "iterations": 20}
    )
    start(tmp_path / "run", settings)
    space.write_text("def gen_search_space(blocks, i): return [['RELU(3)']]\n")
    resume(tmp_path / "run")  # finished: nothing of it is needed any more
    (tmp_path / "run" / BEST_FILE).unlink()
    with pytest.raises(SettingsError, match="has changed since"):
        resume(tmp_path / "run", trust=Trust(str(space)))


def test_a_proxy_that_always_fails_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(objective: SingleProxy, candidate: object) -> dict[str, Measure]:
        raise ProxyError("no score today")

    monkeypatch.setattr(SingleProxy, "measure", broken)
    with pytest.raises(ProxyError, match=r"none of the first 20 structures could be scored.*no score today"):
        start(tmp_path / "run", ONE_AT_A_TIME)


def test_a_score_that_is_not_finite_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(objective: SingleProxy, candidate: Candidate) -> dict[str, Measure]:
        return {objective.name: Measure(float("nan") if candidate.id % 2 else float(candidate.cost.params))}

    monkeypatch.setattr(SingleProxy, "measure", half)
    start(tmp_path / "run", replace(ONE_AT_A_TIME, proxy="params"))
    result = read_result(tmp_path / "run")
    assert result.failures == {"the score is nan": result.counts["rejected"]["failed"]}
    assert result.best is not None
    assert result.best.id % 2 == 0


def small_disk(path: Path) -> sqlite3.Connection:
    """A database that is full after a few pages."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA max_page_count = 12")
    return connection


def test_a_full_disk_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.runs.database.connect_for_writing", small_disk)
    folder = tmp_path / "run"
    with pytest.raises(StoreError, match=rf"run\.sqlite cannot be written to: .*full; free some .*--resume {folder}$"):
        start(folder, SETTINGS)
    monkeypatch.undo()
    resume(folder)
    assert read_result(folder).status == "finished"


def test_creation_that_fails_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "zennas.runs.database.SCHEMA", "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT); nonsense;"
    )
    with pytest.raises(StoreError, match=r"cannot be created: .*nonsense"):
        start(tmp_path / "run", SETTINGS)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_a_truncated_run_is_called_damaged(tmp_path: Path) -> None:
    start(tmp_path / "run", SETTINGS)
    whole = (tmp_path / "run" / FILE).read_bytes()
    for size in (50, 4096, 4097, len(whole) // 2):
        (tmp_path / "run" / FILE).write_bytes(whole[:size])
        with pytest.raises(StoreError, match="is damaged"):
            resume(tmp_path / "run")


def test_a_best_structure_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        if path.name == BEST_FILE:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("zennas.searching.runner.write_text", full)
    with pytest.raises(StoreError, match=r"best_structure.txt cannot be written to: No space .*; free some space"):
        start(tmp_path / "run", SETTINGS)


def test_a_report_that_fails_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> object:
        raise ProxyError("not today")

    monkeypatch.setattr("zennas.searching.choosing.confirming.scores_of", fail)
    start(tmp_path / "run", SearchSettings(**{**vars(SETTINGS), "proxy": "params", "report": ("flops",)}))
    result = read_result(tmp_path / "run")
    assert (result.status, result.failures) == ("finished", {"not today": 1})
