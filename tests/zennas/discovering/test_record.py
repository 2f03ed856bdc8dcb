"""Searches for programs as lists and pages see them, and `zennas.discover`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import zennas
from tests.zennas.conftest import Run
from zennas.common.config import SETTINGS_FILE
from zennas.common.errors import SettingsError, ZennasError
from zennas.common.settings_text import to_json
from zennas.discovering.errors import CacheError, DiscoveryError
from zennas.discovering.files import BEST, GENERATIONS, HEAD, RESULT, STATISTICS, TASKS
from zennas.discovering.from_tables import carry_out, prepare
from zennas.discovering.record import FINISHED, INTERRUPTED, is_discovery, read_record
from zennas.discovering.running import discover
from zennas.report.listing import list_runs
from ZeroShotProxy.programs.files import load

from .tables import EVOLUTION, closed_form, write_table
from .tasks import SMALL, tasks


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search."""
    folder = tmp_path_factory.mktemp("searches") / "finished"
    carry_out(prepare(closed_form(write_table(folder.parent / "nb201.csv")), EVOLUTION, folder), folder)
    return folder


def test_a_finished_search(finished: Path) -> None:
    found = read_record(finished)
    assert (found.status, found.settings) == (FINISHED, EVOLUTION)
    assert found.tasks == ("1-nasbench201-cifar10", "2-nasbench201-cifar100")
    assert (found.collected, found.networks) == (14, 14)
    assert [stage.number for stage in found.generations] == [1, 2]
    assert all(0 < stage.valid <= 1 and stage.median <= stage.best.value for stage in found.generations)
    outcome = found.outcome
    assert outcome is not None
    stored = json.loads((finished / RESULT).read_text())
    assert [one.name for one in outcome.programs] == [one["name"] for one in stored["programs"]]
    assert found.evaluated == stored["evaluated"]
    assert found.best == str(load(str(finished / BEST)).program.tree)
    for one in (*outcome.programs, *outcome.references):
        assert (one.value is None) is (one.reason is not None)
        lengths = [len(scores) for scores in one.scores]
        assert lengths == ([len(of.networks) for of in outcome.held_out] if one.reason is None else [])
    flops = outcome.of(["flops"])
    assert flops is not None
    assert outcome.of(["flops", "params"]) in outcome.references
    assert outcome.of(["nothing"]) is None
    assert found.created > 1e9
    assert "smallest tau" in found.found
    assert found.asked.endswith("closed-form")
    json.dumps(found.to_json())


def cut(finished: Path, folder: Path, *names: str) -> Path:
    """A copy of a finished search without some of its files."""
    shutil.copytree(finished, folder)
    for name in names:
        (folder / name).unlink()
    return folder


def test_searches_that_were_interrupted(finished: Path, tmp_path: Path) -> None:
    evolving = read_record(cut(finished, tmp_path / "evolving", RESULT, BEST))
    assert (evolving.status, evolving.outcome) == (INTERRUPTED, None)
    assert evolving.best == evolving.generations[-1].best.program
    assert evolving.found.startswith("2 of 2 generations, best fitness ")
    early = cut(finished, tmp_path / "early", RESULT, BEST, GENERATIONS, HEAD)
    shutil.rmtree(early / STATISTICS / "2")
    collecting = read_record(early)
    assert (collecting.collected, collecting.best, collecting.status) == (7, None, INTERRUPTED)
    assert collecting.found == "statistics of 7 of 14 networks so far"


def test_a_search_without_tables(tmp_path: Path) -> None:
    here, others = tasks(tmp_path / "statistics")
    discover(replace(SMALL, generations=1, population=4), here, others, tmp_path / "run")
    found = read_record(tmp_path / "run")
    assert (found.status, found.tasks, found.sources, found.networks) == (FINISHED, ("a", "b"), None, 0)
    assert found.asked == "programs for a, b"
    assert not is_discovery(tmp_path)
    with pytest.raises(DiscoveryError, match=r"has neither tasks\.json nor discovery\.json"):
        read_record(tmp_path)


def test_damaged_searches_say_which_file_it_is(finished: Path, tmp_path: Path) -> None:
    folder = cut(finished, tmp_path / "damaged")
    for name, changes in (
        (RESULT, {"programs": [{"name": "a"}]}),
        (RESULT, {"held_out": 3}),
        (RESULT, {"references": [{"name": "a", "taus": [], "reason": None, "nodes": 1}]}),
        (TASKS, {"tasks": 3}),
        (TASKS, {"created": "then"}),
    ):
        good = (folder / name).read_text()
        (folder / name).write_text(json.dumps({**json.loads(good), **changes}))
        with pytest.raises(DiscoveryError, match=f"{name} is damaged: ") as error:
            read_record(folder)
        assert "\n" not in str(error.value)
        (folder / name).write_text(good)
    good = (folder / GENERATIONS).read_text()
    for text in ("3\n", good[:-20], good.replace('"evaluated": ', '"evaluated": -'), '{"members": []}'):
        (folder / GENERATIONS).write_text(text)
        with pytest.raises(DiscoveryError, match=r"generations\.jsonl is damaged"):
            read_record(folder)
    (folder / GENERATIONS).write_text(good)
    (folder / RESULT).write_text("[]")
    with pytest.raises(CacheError, match=r"result\.json is damaged"):
        read_record(folder)
    (damaged,) = list_runs(folder)
    assert damaged.status == "damaged"
    tasks_file = json.loads((folder / TASKS).read_text())
    (folder / TASKS).write_text(json.dumps({**tasks_file, "evolution": {"colour": 1}}))
    with pytest.raises(SettingsError, match="made by another version, with settings colour"):
        read_record(folder)


def content(folder: Path) -> dict[str, bytes]:
    """What a search has found, and the names of its statistics."""
    names = (HEAD, GENERATIONS, RESULT, BEST, SETTINGS_FILE)
    return {name: (folder / name).read_bytes() for name in names}


def test_the_function_gives_what_the_command_gives(finished: Path, tmp_path: Path, run: Run) -> None:
    given: dict[str, Any] = {**to_json(closed_form(finished.parent / "nb201.csv")), **EVOLUTION.to_json()}
    found = zennas.discover(**given, save_dir=tmp_path / "function")
    assert found.folder == tmp_path / "function"
    assert content(found.folder) == content(finished)
    code, out, err = run(
        "discover", "--config", str(finished / SETTINGS_FILE), "--save-dir", str(tmp_path / "command"), "--json"
    )
    assert code == 0, err
    assert content(tmp_path / "command") == content(finished)
    assert json.loads(out)["programs"] == json.loads((finished / RESULT).read_text())["programs"]
    (tmp_path / "function" / RESULT).unlink()
    assert zennas.discover(**given, save_dir=tmp_path / "function", go_on=True).status == FINISHED
    assert content(tmp_path / "function") == content(finished)
    with pytest.raises(DiscoveryError, match="has other settings: generations 2, not 3; choose another folder"):
        zennas.discover(**{**given, "generations": 3}, save_dir=tmp_path / "function", go_on=True)
    with pytest.raises(TypeError, match=r"discover\(\) has no setting colour"):
        zennas.discover(tables="a.csv", colour=1)
    with pytest.raises(ZennasError, match=r"nowhere\.csv"):
        zennas.discover(tables=tmp_path / "nowhere.csv", datasets="cifar10", save_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_foreign_code_in_a_file_of_settings_is_not_executed(finished: Path, tmp_path: Path, run: Run) -> None:
    code_file, config = tmp_path / "space.py", tmp_path / "settings.toml"
    code_file.write_text("raise SystemExit('executed')\n")
    text = (finished / SETTINGS_FILE).read_text()
    config.write_text(text.replace('"nasbench201"', f'"{code_file}"'))
    code, _, err = run("discover", "--config", str(config), "--save-dir", str(tmp_path / "run"))
    assert code == 2
    assert f"the file of --config would execute {code_file}" in err
    assert not (tmp_path / "run").exists()


def test_searches_are_listed_and_shown(finished: Path, run: Run) -> None:
    code, out, _ = run("runs", str(finished.parent), "--json")
    assert code == 0
    (one,) = json.loads(out)
    assert (one["kind"], one["status"], one["run"]) == ("discover", "finished", str(finished))
    assert one["best"] == read_record(finished).best
    _, out, _ = run("runs", str(finished))
    for words in ("finished, programs for 1-nasbench201-cifar10", "smallest tau", "flops"):
        assert words in out
    _, out, _ = run("runs", str(finished), "--json")
    assert json.loads(out) == read_record(finished).to_json()
