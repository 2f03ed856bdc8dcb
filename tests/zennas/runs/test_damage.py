"""Files of runs that are not as zennas writes them: one clear error each, and the other runs are shown."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from zennas.common.errors import ZennasError
from zennas.named.structures import resolve
from zennas.report.listing import DamagedRun, list_runs, read_run
from zennas.runs.store import FILE, Store, StoreError
from zennas.runs.validation import RULES
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import resume, start

from .helpers import SETTINGS, change, read_only

VALUES = ("NULL", "'nonsense'", "x'00ff'", "-1", "1.5", "9e999", "9223372036854775807", "''", "'\x1b[2J'")
FACTS = (
    "null",
    "{}",
    "[]",
    '"nonsense"',
    "-1",
    "1e400",
    "NaN",
    "true",
    '{"a": {"b": []}}',
    "[" * 3000,
    "[[1]]",
    "12345678901234567890123",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that looks interrupted, so that it has everything and can be continued."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    start(folder, SETTINGS)
    change(folder, """UPDATE facts SET value = '"searching"' WHERE name = 'status'""")
    return folder


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a search for several goals."""
    folder = tmp_path_factory.mktemp("several") / "run"
    asked = {"maximise": ("zen",), "minimise": ("params",), "objective": "vector", "strategy": "nsga2"}
    options = {"population_size": 6}
    start(folder, replace(SETTINGS, iterations=40, strategy_options=options, **asked))  # type: ignore[arg-type]
    change(folder, """UPDATE facts SET value = '"searching"' WHERE name = 'status'""")
    return folder


def copied(whole: Path, folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(whole, folder)
    return folder


def refuses(use: Callable[[Path], object], folder: Path) -> bool:
    """Whether it raises an error of this project, in one printable line; any other error fails the test."""
    try:
        use(folder)
    except ZennasError as error:
        assert str(error)
        assert "\n" not in str(error)
        assert "\x1b" not in str(error)
        return True
    return False


def survives(folder: Path) -> bool:
    """Whether a way of opening the run refuses it; every way can read it, or raises an error of this project."""
    ways = (read_run, lambda place: resolve(str(place)), resume)
    refused = [refuses(use, folder) for use in ways]
    (found,) = list_runs(folder.parent)
    return any(refused) or isinstance(found, DamagedRun)


COLUMNS = [(table, column) for table in ("candidates", "measures") for column in RULES[table]]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_values_of_a_wrong_type(whole: Path, tmp_path: Path, table: str, column: str) -> None:
    for value in VALUES:
        folder = copied(whole, tmp_path / "run")
        # Without the constraints of zennas, as a stranger would make it.
        names = ", ".join(RULES[table])
        change(
            folder,
            f"ALTER TABLE {table} RENAME TO old",
            f"CREATE TABLE {table} ({names})",
            f"INSERT INTO {table} SELECT {names} FROM old",
            "DROP TABLE old",
            f"UPDATE {table} SET {column} = {value}",
        )
        survives(folder)


@pytest.mark.parametrize(
    "name",
    [
        "format",
        "kind",
        "settings",
        "environment",
        "created",
        "seconds",
        "progress",
        "best",
        "state",
        "confirmed",
        "confirmation",
        "latency",
    ],
)
def test_facts_of_a_wrong_shape(whole: Path, tmp_path: Path, name: str) -> None:
    for value in FACTS:
        folder = copied(whole, tmp_path / "run")
        text = value.replace("'", "''")
        change(folder, f"INSERT OR REPLACE INTO facts VALUES ('{name}', '{text}')")
        refused = survives(folder)
        if name == "settings":
            assert refused, value


def test_parts_of_the_state_of_a_wrong_shape(whole: Path, tmp_path: Path) -> None:
    with Store.read(whole) as store:
        state = store.get("state")
    for name in state:
        for value in (None, -1, "x", {}, [-5], [{"id": 1}]):
            folder = copied(whole, tmp_path / "run")
            text = json.dumps({**state, name: value}).replace("'", "''")
            change(folder, f"UPDATE facts SET value = '{text}' WHERE name = 'state'")
            survives(folder)


@pytest.mark.parametrize("name", ["front", "hypervolume", "best"])
def test_facts_of_several_goals_of_a_wrong_shape(several: Path, tmp_path: Path, name: str) -> None:
    more = ('{"worst": [1], "span": [1], "history": [[1, 2]]}', '{"worst": ["a"], "span": [1], "history": []}')
    for value in (*FACTS, *more):
        folder = copied(several, tmp_path / "run")
        text = value.replace("'", "''")
        change(folder, f"INSERT OR REPLACE INTO facts VALUES ('{name}', '{text}')")
        survives(folder)


def test_parts_of_the_state_of_several_goals_of_a_wrong_shape(several: Path, tmp_path: Path) -> None:
    with Store.read(several) as store:
        state = store.get("state")
    scale = {"worst": [1.0], "span": [0.0], "history": [[1, 1.0]]}
    for name in ("parents", "hypervolume", "population"):
        for value in (None, -1, 10**6, "x", {}, [-5], [{"id": 1}], scale):
            folder = copied(several, tmp_path / "run")
            text = json.dumps({**state, name: value}).replace("'", "''")
            change(folder, f"UPDATE facts SET value = '{text}' WHERE name = 'state'")
            survives(folder)


@pytest.mark.parametrize(
    "statements",
    [
        ("ALTER TABLE measures RENAME TO old", "CREATE VIEW measures AS SELECT * FROM old"),
        ("ALTER TABLE facts RENAME TO old", "CREATE VIEW facts AS SELECT * FROM old"),
        ("CREATE TRIGGER more AFTER INSERT ON facts BEGIN DELETE FROM candidates; END",),
        ("CREATE INDEX some ON candidates (params + 1)",),
        ("CREATE TABLE more (a)",),
        ("DROP TABLE measures",),
        ("ALTER TABLE candidates RENAME COLUMN params TO parameters",),
        ("DROP TABLE facts", "CREATE TABLE facts (name, other, value AS (other))"),
    ],
)
def test_other_schemas_are_refused(whole: Path, tmp_path: Path, statements: tuple[str, ...]) -> None:
    folder = copied(whole, tmp_path / "run")
    change(folder, *statements)
    for opening in (Store.read, Store.open):
        with pytest.raises(StoreError, match="is not a run of zennas: "):
            opening(folder)


def test_one_bad_run_hides_no_other(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        copied(whole, tmp_path / "runs" / name)
    change(tmp_path / "runs" / "b", "UPDATE facts SET value = '[]' WHERE name = 'settings'")
    (tmp_path / "runs" / "c" / FILE).write_bytes(b"SQLite format 3\0 and nothing else")
    found = {run.folder.name: run for run in list_runs(tmp_path / "runs")}
    assert isinstance(found["a"], SearchResult)
    assert isinstance(found["b"], DamagedRun)
    assert "settings is [], expected names with values" in found["b"].error
    assert isinstance(found["c"], DamagedRun)

    def broken(folder: Path) -> None:
        raise ZeroDivisionError("what nobody thought of")

    monkeypatch.setattr("zennas.report.listing.kind_of", broken)
    assert [run.error for run in list_runs(tmp_path / "runs" / "a")] == ["ZeroDivisionError: what nobody thought of"]  # type: ignore[union-attr]


def test_a_folder_that_nobody_may_look_into_hides_no_run(whole: Path, tmp_path: Path) -> None:
    copied(whole, tmp_path / "runs" / "a")
    copied(whole, tmp_path / "runs" / "locked")
    with read_only(tmp_path / "runs") as runs:
        me = os.geteuid()
        os.seteuid(os.getuid())
        (runs / "locked").chmod(0)
        os.seteuid(me)
        locked, found = list_runs(runs)
        assert isinstance(locked, DamagedRun)
        assert "locked cannot be read: Permission denied" in locked.error
        assert isinstance(found, SearchResult)
        with pytest.raises(StoreError, match="cannot be read"):
            list_runs(runs / "locked")


def test_pages_of_a_database_that_are_overwritten_are_a_damage_in_a_line(whole: Path, tmp_path: Path) -> None:
    content = (whole / FILE).read_bytes()
    rng = Random(0)
    for number in range(60):
        changed = bytearray(content)
        for _ in range(rng.randint(1, 40)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        (folder / FILE).write_bytes(bytes(changed))
        try:
            read_result(folder)
        except ZennasError as error:
            assert "\n" not in str(error)
