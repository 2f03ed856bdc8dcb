"""Runs that earlier versions stored are read and continued."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import zennas
from zennas.api import continue_search
from zennas.runs.store import FILE, Store
from zennas.searching.result import read_result
from zennas.searching.runner import start

from .latency_searches import settings


def test_searches_of_the_first_format_are_read(tmp_path: Path) -> None:
    zennas.search(
        budget_params="60k", max_layers=8, iterations=100, proxy="params", children=1, save_dir=tmp_path / "run"
    )
    before = read_result(tmp_path / "run")
    with closing(sqlite3.connect(tmp_path / "run" / FILE)) as db, db:
        db.execute("DROP TABLE scores")
        db.execute("ALTER TABLE candidates ADD COLUMN fitness REAL")
        db.execute("UPDATE candidates SET fitness = (SELECT value FROM measures WHERE candidate = id)")
        db.execute("DELETE FROM measures")
        db.execute("DELETE FROM facts WHERE name = 'progress'")
        db.execute("UPDATE facts SET value = '1' WHERE name = 'format'")
    assert read_result(tmp_path / "run") == before
    with Store.open(tmp_path / "run") as store:
        assert store.kind == "search"


def test_a_run_without_latencies_is_of_the_format_before(tmp_path: Path) -> None:
    """Runs of format 2 have no table `latencies`, no measures, and settings that know neither latency nor strategy."""
    start(tmp_path / "run", settings(strategy_options={"population_size": 20, "children": 1}))
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
